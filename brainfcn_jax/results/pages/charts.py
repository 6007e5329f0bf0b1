"""Where the marks of a page's charts go, in units of the charts' own frames (numpy)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.text import number

FEWEST_FOR_OUTLIERS = 8
"""In smaller groups nothing is called unusual."""

OUTLIER_SCORE = 3.5
"""Modified z-score from which a value is unusual (Iglewicz and Hoaglin 1993)."""

_SPREAD = 0.6745
_GOLDEN = 0.618034
_TICKS = 5
_EDGE_FRACTION = 0.04


@dataclass(frozen=True)
class Area:
    """The outline of a histogram's bars, and what stands under them.

    Attributes:
        path: of an SVG path element; the tallest bar reaches the top.
        ticks: position along the horizontal axis and the intensity there.
    """

    path: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Dot:
    """One scan in a strip: its position, its name and value, and whether that is unusual."""

    x: float
    y: float
    name: str
    value: float
    unusual: bool


@dataclass(frozen=True)
class Strip:
    """One measure of a group as dots along a line, one dot a scan.

    Attributes:
        dots: those that are unusual last, so that they lie on top.
        median: position of the median.
        lowest: value at the left end.
        highest: value at the right end.
    """

    dots: tuple[Dot, ...]
    median: float
    lowest: float
    highest: float


def histogram_area(histogram: Histogram, width: int, height: int) -> Area:
    """Outline a histogram in a frame of that size, whose origin is at the top left."""
    edges, counts = histogram.edges, histogram.counts
    tallest = max(1, int(counts.max(initial=0)))
    across = (edges - edges[0]) / (edges[-1] - edges[0]) * width
    tops = height * (1 - counts / tallest)
    steps = "".join(f"V{top:.1f}H{right:.1f}" for top, right in zip(tops, across[1:], strict=True))
    ticks = tuple(
        (float((value - edges[0]) / (edges[-1] - edges[0]) * width), number(value, 6))
        for value in round_values(float(edges[0]), float(edges[-1]))
    )
    return Area(f"M0 {height:.1f}{steps}V{height:.1f}Z", ticks)


def round_values(lowest: float, highest: float) -> list[float]:
    """Return up to `_TICKS` + 1 multiples of 1, 2 or 5 times a power of ten between two values."""
    rough = (highest - lowest) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(lowest / step - 1e-9), math.floor(highest / step + 1e-9)
    return [multiple * step for multiple in range(first, last + 1)]


def strip(values: Mapping[str, float], width: int, height: int) -> Strip:
    """Place a group's values from left to right, and spread the dots over the height.

    `values` are finite, by the scans' names. The line reaches a little beyond them, but not below
    0 where none is negative.
    """
    numbers = np.array(list(values.values()), np.float64)
    lowest, highest = float(numbers.min()), float(numbers.max())
    margin = _EDGE_FRACTION * (highest - lowest) or 1.0
    floor = 0.0 if lowest >= 0 else -math.inf
    lowest, highest = max(lowest - margin, floor), highest + margin
    across = (numbers - lowest) / (highest - lowest) * width
    dots = [
        Dot(float(x), height * ((index * _GOLDEN) % 1), name, value, bool(odd))
        for index, ((name, value), x, odd) in enumerate(
            zip(values.items(), across, outliers(numbers), strict=True)
        )
    ]
    middle = (float(np.median(numbers)) - lowest) / (highest - lowest) * width
    dots.sort(key=lambda dot: dot.unusual)
    return Strip(tuple(dots), middle, lowest, highest)


def outliers(
    values: Sequence[float] | Float[np.ndarray, " scan"],
) -> Bool[np.ndarray, " scan"]:
    """Return which values of a group are unusual: 0.6745 |value - median| / MAD > `OUTLIER_SCORE`.

    MAD is the median of |value - median|. In a group smaller than `FEWEST_FOR_OUTLIERS`, or where
    more than half of the values are the same, none is.
    """
    numbers = np.asarray(values, np.float64)
    away = np.abs(numbers - np.median(numbers)) if numbers.size else numbers
    spread = float(np.median(away)) if numbers.size else 0.0
    if numbers.size < FEWEST_FOR_OUTLIERS or spread == 0:
        return np.zeros(numbers.shape, bool)
    return _SPREAD * away > OUTLIER_SCORE * spread
