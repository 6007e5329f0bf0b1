"""Histogram equalisation of a scan, over the whole volume or inside the head only.

Pure JAX: plain functions of fixed shapes, to
be compiled by the caller with `mode` static. Volumes hold finite numbers whose range is finite in
float32 too. So that one program serves volumes of several sizes, only the first `voxels` of an
array, in its own order, count where that number is given.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Float32, Int, Shaped, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import EqualisationMode

BINS = 65536
GREY_LEVELS = 256
STRIPPED_PERCENT = 5
ROBUST_PERCENTILES = (2, 98)
HEAD_FRACTION_OF_RANGE = 0.1

SMALLEST = 2**16
"""Voxels of the smallest volume that is compiled for."""

STEPS_PER_DOUBLING = 8
"""Sizes that are compiled for, between one and its double: from `SMALLEST` on, a volume
is filled up by 1/8 at most."""


class BinCounts(NamedTuple):
    """Voxel counts in `BINS` bins of equal width from the lowest to the highest intensity."""

    lowest: Float[Array, ""]
    highest: Float[Array, ""]
    counts: Int[Array, " bins"]


Binned = tuple[Float[Array, "*shape"], Bool[Array, "*shape"], Int[Array, "*shape"], BinCounts]
"""A volume, whether each of its voxels counts, their bins, and how many lie in each."""


def head_threshold(
    volume: Float[Array, "*shape"], voxels: Int[ArrayLike, ""] | None = None
) -> Float[Array, ""]:
    """Return the intensity above which a voxel belongs to the head.

    It is `robust = p2 + 0.1 (p98 - p2)`, with the 2nd and 98th percentiles of all voxels, read
    from the histogram as the middle of the bin they fall in. Where at least 5% of the voxels equal
    the lowest intensity exactly and fewer than 5% lie between it and `robust` (a skull-stripped or
    masked scan; a noisy background would lie there) it is that lowest intensity.

    Args:
      volume: intensities in any unit, finite.
      voxels: how many of them count; all unless given.

    Returns:
      A float32 scalar in the unit of `volume`. A constant volume gives its constant, so that no
      voxel is above.
    """
    return _threshold(_binned(volume, voxels))


def equalise(
    volume: Float[Array, "*shape"],
    mode: str,
    threshold: Float[Array, ""] | None = None,
    voxels: Int[ArrayLike, ""] | None = None,
) -> UInt8[Array, "*shape"]:
    """Spread the intensities of a scan evenly over 0..255 (Xu et al. 2017, section 3).

    >>> equalise(jnp.array([[10.0, 20.0], [30.0, 900.0]]), "volume").tolist()
    [[32, 96], [160, 224]]

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
      voxels: how many of them count; all unless given. The levels of the others mean nothing.

    Raises:
      UsageError: `mode` is neither.
    """
    if mode not in get_args(EqualisationMode):
        raise UsageError(f"equalisation mode is {mode!r}; choose 'volume' or 'head'")
    binned = _binned(volume, voxels)
    volume, counted, bins, (lowest, highest, counts) = binned
    if mode == "volume":
        return _levels(counts, GREY_LEVELS)[bins]
    threshold = _threshold(binned) if threshold is None else threshold
    inside = (volume > threshold) & counted
    counts = _counts_inside(counts, inside, _bin_of(threshold, lowest, highest))
    # At most 254 before the 1 is added, so that uint8 cannot wrap.
    levels = _levels(counts, GREY_LEVELS - 1)[bins] + jnp.uint8(1)
    return jnp.where(inside, levels, jnp.uint8(0))


def _bin_of(
    intensity: Float[Array, "*shape"], lowest: Float[Array, ""], highest: Float[Array, ""]
) -> Int[Array, "*shape"]:
    reach = highest - lowest
    fraction = (intensity - lowest) / jnp.where(reach > 0, reach, 1.0)
    return jnp.clip((fraction * BINS).astype(jnp.int32), 0, BINS - 1)


def _binned(volume: Float[Array, "*shape"], voxels: Int[ArrayLike, ""] | None) -> Binned:
    volume = volume.astype(jnp.float32)
    voxels = volume.size if voxels is None else voxels
    counted = (jnp.arange(volume.size) < voxels).reshape(volume.shape)
    lowest = jnp.min(volume, initial=jnp.inf, where=counted)
    highest = jnp.max(volume, initial=-jnp.inf, where=counted)
    bins = _bin_of(volume, lowest, highest)
    counts = jnp.bincount(jnp.where(counted, bins, BINS).ravel(), length=BINS + 1)[:BINS]
    return volume, counted, bins, BinCounts(lowest, highest, counts)


def _threshold(binned: Binned) -> Float[Array, ""]:
    volume, counted, _, histogram = binned
    lowest, highest, counts = histogram
    voxels = jnp.sum(counts)
    dark, bright = (
        _intensity_of_rank(histogram, _percentage_of(voxels, percent))
        for percent in ROBUST_PERCENTILES
    )
    robust = dark + HEAD_FRACTION_OF_RANGE * (bright - dark)
    few = _percentage_of(voxels, STRIPPED_PERCENT)
    empty = jnp.sum((volume == lowest) & counted) >= few
    noise = (volume > lowest) & (volume <= robust) & counted
    stripped = empty & (jnp.sum(noise) < few)
    return jnp.where(stripped | (lowest == highest), lowest, robust)


def _percentage_of(voxels: Int[Array, ""], percent: int) -> Int[Array, ""]:
    # The percentage rounded up, in steps that do not leave 32 bits.
    return voxels // 100 * percent + (voxels % 100 * percent + 99) // 100


def _intensity_of_rank(histogram: BinCounts, rank: Int[Array, ""]) -> Float[Array, ""]:
    index = jnp.argmax(jnp.cumsum(histogram.counts) >= rank)
    fraction = (index.astype(jnp.float32) + 0.5) / BINS
    return histogram.lowest * (1 - fraction) + histogram.highest * fraction


def _counts_inside(
    counts: Int[Array, " bins"],
    inside: Bool[Array, "*shape"],
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


def equalise_volume(
    volume: Float32[np.ndarray, "slice height width"],
    mode: str,
    threshold: Float[Array, ""] | None = None,
) -> UInt8[np.ndarray, "slice height width"]:
    """Return `equalise` of a volume of any size, compiled for few sizes; raise as it does."""
    found = _of_any_size(
        _compiled_equalise, volume.ravel(order="K"), mode=mode, threshold=threshold
    )
    levels = np.empty_like(volume, np.uint8)
    levels.ravel(order="K")[...] = np.asarray(found)[: volume.size]
    return levels


def find_head_threshold(volume: Float32[np.ndarray, "*shape"]) -> Float[Array, ""]:
    """Return `head_threshold` of an array of any size, compiled for few sizes."""
    return _of_any_size(_compiled_threshold, volume.ravel(order="K"))


def compiled_size(voxels: int) -> int:
    """Return the smallest of the sizes that are compiled for with room for so many voxels."""
    step = (1 << (max(voxels, SMALLEST) - 1).bit_length() - 1) // STEPS_PER_DOUBLING
    return max(SMALLEST, -(-voxels // step) * step)


def _of_any_size(
    compiled: Callable[..., Array], values: Shaped[np.ndarray, " voxel"], **arguments: Any
) -> Array:
    filled = np.zeros(compiled_size(values.size), np.float32)
    filled[: values.size] = values
    return compiled(jnp.asarray(filled), voxels=np.int32(values.size), **arguments)


_compiled_equalise = jax.jit(equalise, static_argnames="mode")
_compiled_threshold = jax.jit(head_threshold)
