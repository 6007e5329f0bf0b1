"""Histogram equalisation of a scan, over the whole volume or inside the head only.

Pure JAX (`head_box` is numpy, since a box is Python numbers): plain functions of fixed shapes, to
be compiled by the caller with `mode` static. Volumes hold finite numbers whose range is finite in
float32 too.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt8

from brainfcn_jax.boxes import Box
from brainfcn_jax.errors import UsageError

BINS = 65536
GREY_LEVELS = 256
STRIPPED_FRACTION = 0.05
ROBUST_FRACTIONS = (0.02, 0.98)
HEAD_FRACTION_OF_RANGE = 0.1


class Histogram(NamedTuple):
    """Voxel counts in `BINS` bins of equal width from the lowest to the highest intensity."""

    lowest: Float[Array, ""]
    highest: Float[Array, ""]
    counts: Int[Array, " bins"]


def head_threshold(volume: Float[Array, "slice height width"]) -> Float[Array, ""]:
    """Gives the intensity above which a voxel belongs to the head.

    It is `robust = p2 + 0.1 (p98 - p2)`, with the 2nd and 98th percentiles of all voxels, read
    from the histogram as the middle of the bin they fall in. Where at least 5% of the voxels equal
    the lowest intensity exactly and fewer than 5% lie between it and `robust` (a skull-stripped or
    masked scan; a noisy background would lie there) it is that lowest intensity.

    Args:
      volume: intensities in any unit, finite.

    Returns:
      A float32 scalar in the unit of `volume`. A constant volume gives its constant, so that no
      voxel is above.
    """
    volume = volume.astype(jnp.float32)
    bins = _bins(volume)
    return _threshold(volume, _histogram(volume, bins))


def equalise(
    volume: Float[Array, "slice height width"],
    mode: str,
    threshold: Float[Array, ""] | None = None,
) -> UInt8[Array, "slice height width"]:
    """Spreads the intensities of a scan evenly over 0..255 (Xu et al. 2017, section 3).

    With `c(v) = (voxels in lower bins than v + half of the voxels in v's bin) / voxels`, the mid
    cumulative distribution over 65536 bins from the lowest to the highest intensity:

    * 'volume': all voxels take part, `level = floor(256 c(v))`. An empty background that fills
      the fraction f of the volume becomes the level 128 f, and the head gets 256 f and more.
    * 'head': only voxels above `head_threshold` take part, `level = 1 + floor(255 c(v))`, and
      the rest is 0.

    The level never falls as the intensity rises, and changes by at most rounding under
    `a * volume + b`, a > 0. A constant volume becomes 128 ('volume') or 0 ('head').

    Args:
      volume: intensities in any unit, finite.
      mode: 'volume' or 'head'; static under `jit`.
      threshold: for 'head', taken for `head_threshold`: that of the whole scan when `volume` is
        a part of it.

    Raises:
      UsageError: `mode` is neither.
    """
    if mode not in ("volume", "head"):
        raise UsageError(f"equalisation mode is {mode!r}; choose 'volume' or 'head'")
    volume = volume.astype(jnp.float32)
    bins = _bins(volume)
    histogram = _histogram(volume, bins)
    if mode == "volume":
        return _levels(histogram.counts, GREY_LEVELS)[bins]
    threshold = _threshold(volume, histogram) if threshold is None else threshold
    inside = volume > threshold
    threshold_bin = _bin_of(threshold, histogram.lowest, histogram.highest)
    counts = _counts_inside(histogram.counts, inside, threshold_bin)
    # At most 254 before the 1 is added, so that uint8 cannot wrap.
    return jnp.where(inside, _levels(counts, GREY_LEVELS - 1)[bins] + jnp.uint8(1), jnp.uint8(0))


def head_box(equalised: Shaped[np.ndarray, "slice height width"], margin: int) -> Box:
    """Gives the box around all nonzero voxels, widened by `margin` voxels on each side.

    Args:
      equalised: the 'head' output of `equalise`, or any array that is nonzero in the head.
      margin: voxels added at both ends of each axis, at least 0; the box stays in the volume.

    Returns:
      `((start, stop), (start, stop), (start, stop))`, stops exclusive. A volume without any
      nonzero voxel gives the whole volume.

    Raises:
      UsageError: `margin` is negative.
    """
    if margin < 0:
        raise UsageError(f"the margin around the head is {margin} voxels; give 0 or more")
    inside = equalised != 0
    depth, height, width = inside.shape
    return (
        _extent(inside.any(axis=(1, 2)), depth, margin),
        _extent(inside.any(axis=(0, 2)), height, margin),
        _extent(inside.any(axis=(0, 1)), width, margin),
    )


def _extent(occupied: Bool[np.ndarray, " size"], size: int, margin: int) -> tuple[int, int]:
    places = np.flatnonzero(occupied)
    if places.size == 0:
        return 0, size
    return max(int(places[0]) - margin, 0), min(int(places[-1]) + 1 + margin, size)


def _bin_of(
    intensity: Float[Array, "*shape"], lowest: Float[Array, ""], highest: Float[Array, ""]
) -> Int[Array, "*shape"]:
    reach = highest - lowest
    fraction = (intensity - lowest) / jnp.where(reach > 0, reach, 1.0)
    return jnp.clip((fraction * BINS).astype(jnp.int32), 0, BINS - 1)


def _bins(volume: Float[Array, "slice height width"]) -> Int[Array, "slice height width"]:
    return _bin_of(volume, volume.min(), volume.max())


def _histogram(
    volume: Float[Array, "slice height width"], bins: Int[Array, "slice height width"]
) -> Histogram:
    counts = jnp.bincount(bins.ravel(), length=BINS)
    return Histogram(volume.min(), volume.max(), counts)


def _threshold(
    volume: Float[Array, "slice height width"], histogram: Histogram
) -> Float[Array, ""]:
    lowest, highest, _ = histogram
    dark, bright = (
        _intensity_of_rank(histogram, _share(volume, fraction)) for fraction in ROBUST_FRACTIONS
    )
    robust = dark + HEAD_FRACTION_OF_RANGE * (bright - dark)
    empty = jnp.sum(volume == lowest) >= _share(volume, STRIPPED_FRACTION)
    noise = (volume > lowest) & (volume <= robust)
    stripped = empty & (jnp.sum(noise) < _share(volume, STRIPPED_FRACTION))
    return jnp.where(stripped | (lowest == highest), lowest, robust)


def _share(volume: Float[Array, "slice height width"], fraction: float) -> int:
    return math.ceil(fraction * volume.size)


def _intensity_of_rank(histogram: Histogram, rank: int) -> Float[Array, ""]:
    index = jnp.argmax(jnp.cumsum(histogram.counts) >= rank)
    share = (index.astype(jnp.float32) + 0.5) / BINS
    return histogram.lowest * (1 - share) + histogram.highest * share


def _counts_inside(
    counts: Int[Array, " bins"],
    inside: Bool[Array, "slice height width"],
    threshold_bin: Int[Array, ""],
) -> Int[Array, " bins"]:
    # The bin of the threshold itself may be cut in two; what the higher bins leave is its upper
    # part. This spares a second pass over the voxels.
    bins = jnp.arange(BINS)
    above = jnp.where(bins > threshold_bin, counts, 0)
    part = jnp.sum(inside) - jnp.sum(above)
    return jnp.where(bins == threshold_bin, part, above)


def _levels(counts: Int[Array, " bins"], levels: int) -> UInt8[Array, " bins"]:
    cumulative = jnp.cumsum(counts)
    twice_mid = (2 * cumulative - counts).astype(jnp.float32)
    twice_all = jnp.maximum(2 * cumulative[-1], 1).astype(jnp.float32)
    level = jnp.floor(levels * twice_mid / twice_all)
    return jnp.clip(level, 0, levels - 1).astype(jnp.uint8)
