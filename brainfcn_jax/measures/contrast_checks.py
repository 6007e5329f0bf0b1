"""Whether a scan looks like the contrast that it should be of, and has a skull (numpy)."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.imaging.contrasts import named_contrast, names_agent
from brainfcn_jax.measures.expectations import Expectations
from brainfcn_jax.measures.quality import OTHER_CONTRAST, Finding, Flag
from brainfcn_jax.text import either, number

STRIPPED_RATIO = 1.5

FEWEST_VOXELS = 50
_MOST_VOXELS = 200_000
_QUARTILES = (25, 50, 75)
_SPREAD_OF_QUARTILES = 1.349
"""Distance of the quartiles of a normal distribution, in standard deviations."""


class Intensity(NamedTuple):
    """Median and robust standard deviation of what is labelled as one substance."""

    median: float
    spread: float


def contrast_check(
    path: str,
    found: Mapping[str, Intensity],
    known: Sequence[str],
    expected: Expectations,
    stated: str | None = None,
) -> Finding:
    """Flag a scan that contradicts its name, or its model, in words or in voxels.

    It should be of the only contrast that the model knows, or else of that which is `stated`, or
    else that its name says. Of a contrast that nothing is expected of only words are compared.

    Args:
        path: of the scan.
        found: `substance_intensities` of its labels.
        known: contrasts that the model labels.
        expected: of the model's labels.
        stated: what the user says the scan shows.
    """
    reasons, asked = [], stated or named_contrast(path)
    source = "you say it is" if stated else "its name says"
    if asked is not None and asked not in known:
        reasons.append(f"{source} {asked}, and the model is for {either(known)}")
    if len(known) == 1:
        asked, source = known[0], "the model is for"
    wrong = [
        f"{darker} ({number(found[darker].median, 4)}) is not clearly darker than {brighter} "
        f"({number(found[brighter].median, 4)})"
        for darker, brighter, margin in expected.dark_to_bright.get(asked or "", ())
        if darker in found and brighter in found
        if contrast_to_spread(found[darker], found[brighter]) < margin
    ]
    if wrong:
        reasons.append(
            f"it does not look like a {asked} scan, which {source}, since {' and '.join(wrong)}"
        )
    if names_agent(path):
        reasons.append(
            "its name says that a contrast agent was given, after which white matter comes out "
            "too large"
        )
    reason = "; ".join(reasons)
    return Finding({}, Flag(OTHER_CONTRAST, reason) if reasons else None)


def contrast_to_spread(darker: Intensity, brighter: Intensity) -> float:
    """Return how much brighter one is, in standard deviations; infinite where there are none.

    It is the same for scans whose intensities were scaled or shifted.
    """
    spread = math.hypot(darker.spread, brighter.spread) / math.sqrt(2)
    away = brighter.median - darker.median
    return away / spread if spread > 0 else math.copysign(math.inf, away) if away else 0.0


def looks_skull_stripped(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"]
) -> bool:
    """Return whether hardly anything but the labelled tissues is there.

    It is so when the voxels that differ from the volume's lowest intensity are at most
    `STRIPPED_RATIO` times those with a label; a whole head has about three times as many, and a
    noisy background counts as well.
    """
    there = int(np.count_nonzero(data != data.min()))
    return there <= STRIPPED_RATIO * int(np.count_nonzero(labels))


def substance_intensities(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"], expected: Expectations
) -> Mapping[str, Intensity]:
    """Return the intensity of each of `expected.substances`, as far as it was found."""
    found = {}
    for name, candidates in expected.substances.items():
        for label in candidates:
            values = _values(data, labels == label)
            if values.size >= FEWEST_VOXELS:
                low, median, high = np.percentile(values, _QUARTILES).tolist()
                found[name] = Intensity(median, (high - low) / _SPREAD_OF_QUARTILES)
                break
    return found


def _values(data: Float32[np.ndarray, "x y z"], mask: np.ndarray) -> Float32[np.ndarray, " voxels"]:
    values = data[mask]
    return values[:: 1 + values.size // _MOST_VOXELS]
