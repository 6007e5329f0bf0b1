"""Histograms of a scan's intensities, before and after equalisation (numpy)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Num, UInt8

BINS = 256
MOST_VALUES = 1_000_000
"""How many intensities the percentile is taken of."""
ROBUST_PERCENT = 99.9
"""Intensities above this percentile count in the last bin."""
_NARROWEST = 1e-6
"""Width of all bins together as a part of the intensity, where there is but one."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many voxels lie in each bin.

    Attributes:
        edges: of the bins, rising; the unit is that of the intensities.
        counts: voxels in each bin.
    """

    edges: Float64[np.ndarray, " edges"]
    counts: Int64[np.ndarray, " bins"]


def intensity_histogram(values: Num[np.ndarray, "*shape"]) -> Histogram:
    """Count in `BINS` bins of one width from the lowest intensity to the 99.9th percentile.

    What is brighter is counted in the last bin, so that a few bright voxels do not press the rest
    together. No voxel, or voxels of one intensity, give bins of width 1 / `BINS`, or wider ones
    where that is lost beside the intensity.
    """
    values = values.ravel()
    if values.size == 0:
        return Histogram(np.linspace(0, 1, BINS + 1), np.zeros(BINS, np.int64))
    some = values[:: 1 + values.size // MOST_VALUES]
    lowest, highest = float(values.min()), float(np.percentile(some, ROBUST_PERCENT))
    if highest <= lowest:
        highest = lowest + max(1.0, abs(lowest) * _NARROWEST)
    clipped = np.minimum(values, highest).astype(np.float64)  # float32 has no edges between
    counts, edges = np.histogram(clipped, BINS, (lowest, highest))
    return Histogram(edges.astype(np.float64), counts.astype(np.int64))


def level_histogram(levels: UInt8[np.ndarray, "*shape"], lowest: int = 0) -> Histogram:
    """Count in one bin a grey level, `lowest` to 255; the bins' middles are the levels."""
    counts = np.bincount(levels.ravel(), minlength=256)[lowest:]
    return Histogram(np.arange(lowest, 257) - 0.5, counts.astype(np.int64))
