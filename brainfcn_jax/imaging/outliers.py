"""Outliers: a few voxels whose intensity is absurd beside all others (numpy)."""

import math

import numpy as np
from jaxtyping import Float32

from brainfcn_jax.text import number, voxels

FARTHEST = 20.0
"""How many times the range of nearly all voxels an intensity may lie beyond it; the brightest
vessels and the worst artefacts of real scans lie 3 times beyond."""

MOST_OUTLIERS = 0.002
"""Of all voxels: more than this are what the scan shows (a small brain in a large empty field)."""

NEARLY_ALL_PERCENT = (1, 99)
_LOOKED_AT = 1_000_000


def limits(scan: Float32[np.ndarray, "*shape"]) -> tuple[float, float]:
    """Return the intensities beyond which a voxel is an outlier.

    With the 1st and 99th percentiles p1 and p99 of the voxels, those of the commonest value left
    out where more than half have it (an empty field), they are p1 - 20 (p99 - p1) and
    p99 + 20 (p99 - p1). Where p1 is p99 there are none: the limits are infinite.
    """
    sample = scan.ravel(order="K")[:: 1 + scan.size // _LOOKED_AT]
    content = sample[sample != np.median(sample)].astype(np.float64)
    if not content.size:
        return -math.inf, math.inf
    low, high = np.percentile(content, NEARLY_ALL_PERCENT).tolist()
    if low == high:
        return -math.inf, math.inf
    return low - FARTHEST * (high - low), high + FARTHEST * (high - low)


def take_in_outliers(scan: Float32[np.ndarray, "i j k"]) -> tuple[str, ...]:
    """Set outliers, in place, to the nearest intensity within `limits`; return notes on them.

    Nothing is changed where more than `MOST_OUTLIERS` of the voxels lie beyond. Equalisation
    counts in bins from the lowest to the highest intensity: one absurd voxel would put all
    others into a few bins.
    """
    lowest, highest = float(scan.min()), float(scan.max())
    below, above = limits(scan)
    if below <= lowest and highest <= above:
        return ()
    low, high = scan < below, scan > above
    most = math.ceil(MOST_OUTLIERS * scan.size)
    if np.count_nonzero(low) + np.count_nonzero(high) > most:
        return ()
    within = scan[~(low | high)]
    notes = []
    for outlying, limit, extreme, taken, words in (
        (low, below, lowest, within.min(), ("below", "down to", "the lowest above that")),
        (high, above, highest, within.max(), ("above", "up to", "the highest below that")),
    ):
        if count := int(np.count_nonzero(outlying)):
            scan[outlying] = taken
            side, reach, other = words
            notes.append(
                f"{voxels(count)} with intensities {side} {number(limit)} ({reach} "
                f"{number(extreme)}), far from all others, are taken as {number(taken)}, {other}"
            )
    return tuple(notes)
