"""What a scanner does to an image: resolution, ringing, ghosts, bias field, noise (pure JAX).

Sampling is linear and acts on each axis alone, so blur, slice thickness, ringing and ghosts are
one matrix per axis, and the way back to the image's grid another.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from brainfcn_jax.synthesis.deformation import Field, along_axes, between, knots_for, smooth_field
from brainfcn_jax.synthesis.ranges import Acquisition, Contrasts

_QUANTILE_BITS = 12
_STRONG_BIAS = 3.5
_BOX_TO_DEVIATION = 0.29  # standard deviation of a box of width 1

Matrix = Float[Array, "size size"]


def bias_field(
    key: PRNGKeyArray, shape: tuple[int, int, int], spacing_mm: float, ranges: Contrasts
) -> Field:
    """Return a smooth positive factor, `exp(strength * field)`; a share of it is strong."""
    field_key, strength_key, strong_key = jax.random.split(key, 3)
    strength = ranges.bias * jnp.abs(jax.random.normal(strength_key))
    strong = jax.random.uniform(strong_key) < ranges.strong_bias_fraction
    strength = jnp.where(strong, _STRONG_BIAS * ranges.bias, strength)
    field = smooth_field(field_key, shape, knots_for(shape, spacing_mm, ranges.bias_mm))
    return jnp.exp(strength * field)


def acquire(key: PRNGKeyArray, volume: Field, spacing_mm: float, ranges: Acquisition) -> Field:
    """Sample a volume at a random resolution, add Rician noise, and interpolate it back.

    A share of the images has thick slices, mostly along the first axis, and coarser pixels than
    the grid; the others are sampled on the grid itself. The noise is drawn where samples are, so
    that it is as coarse as they are.
    """
    size_key, matrix_key, ghost_key, noise_key, level_key = jax.random.split(key, 5)
    voxels = sample_sizes(size_key, spacing_mm, ranges)
    keys = jax.random.split(matrix_key, 3)
    down = [
        sampling_matrix(k, n, voxels[axis], spacing_mm, ranges)
        for axis, (k, n) in enumerate(zip(keys, volume.shape, strict=True))
    ]
    down[2] = down[2] @ _ghosts(ghost_key, volume.shape[2], ranges)
    up = [interpolation_matrix(n, voxels[axis]) for axis, n in enumerate(volume.shape)]
    low, high = np.log(ranges.noise)
    deviation = jnp.exp(between(level_key, (low, high)))
    sampled = along_axes(volume, (down[0], down[1], down[2]))
    return along_axes(rician(noise_key, sampled, deviation), (up[0], up[1], up[2]))


def sample_sizes(key: PRNGKeyArray, spacing_mm: float, ranges: Acquisition) -> Float[Array, "3"]:
    """Return sizes of the samples along each axis, in voxels of the grid, at least 1."""
    keys = jax.random.split(key, 5)
    thick_mm, plane_mm = between(keys[0], ranges.thick_mm), between(keys[1], ranges.in_plane_mm)
    rest = (1 - ranges.thick_along_slices) / 2
    axis = jax.random.choice(keys[2], 3, p=jnp.array([ranges.thick_along_slices, rest, rest]))
    is_thick = jax.random.uniform(keys[3]) < ranges.thick_fraction
    is_coarse = jax.random.uniform(keys[4]) < ranges.in_plane_fraction
    plane_mm = jnp.where(is_coarse, plane_mm, spacing_mm)
    sizes_mm = jnp.where((jnp.arange(3) == axis) & is_thick, thick_mm, plane_mm)
    return jnp.maximum(sizes_mm / spacing_mm, 1.0)


def sampling_matrix(
    key: PRNGKeyArray,
    size: int,
    voxel: Float[Array, ""],
    spacing_mm: float,
    ranges: Acquisition,
) -> Matrix:
    """Return rows: row j weighs the grid's places for sample j, with 0 beyond the grid.

    Samples are `voxel` places apart. Their profile is a Gaussian as wide as blur and sample
    together, or, in a share of the images, a windowed sinc, which rings at edges.
    """
    blur_key, ring_key = jax.random.split(key)
    blur = between(blur_key, ranges.blur_mm) / spacing_mm
    width = jnp.sqrt(blur**2 + (_BOX_TO_DEVIATION * voxel) ** 2 - _BOX_TO_DEVIATION**2)
    away = jnp.arange(size)[None, :] - _centres(size, voxel)[:, None]
    bell = jnp.exp(-0.5 * (away / width) ** 2)
    ringing = jnp.sinc(away / (1.3 * voxel)) * jnp.exp(-0.5 * (away / (2.5 * voxel)) ** 2)
    rings = jax.random.uniform(ring_key) < ranges.ringing_fraction
    weights = jnp.where(rings, ringing, bell)
    used = (_centres(size, voxel) <= size - 1)[:, None]
    total = jnp.sum(weights, axis=1, keepdims=True)
    return jnp.where(used, weights / jnp.where(used, total, 1.0), 0.0)


def interpolation_matrix(size: int, voxel: Float[Array, ""]) -> Matrix:
    """Interpolate linearly from samples `voxel` places apart back to every place of the grid."""
    last = jnp.floor((size - 1 - 0.5 * (voxel - 1)) / voxel)
    place = jnp.clip((jnp.arange(size) - 0.5 * (voxel - 1)) / voxel, 0.0, last)
    return jnp.maximum(1 - jnp.abs(place[:, None] - jnp.arange(size)[None, :]), 0.0)


def _centres(size: int, voxel: Float[Array, ""]) -> Float[Array, " size"]:
    return jnp.arange(size) * voxel + 0.5 * (voxel - 1)


def _ghosts(key: PRNGKeyArray, size: int, ranges: Acquisition) -> Matrix:
    """Add a faint copy of the image, moved by a half or a third of the field of view."""
    is_on, strength, part = jax.random.uniform(key, (3,))
    moved = jnp.where(part < 0.5, size // 2, size // 3)
    share = jnp.where(is_on < ranges.ghost_fraction, ranges.ghost * strength, 0.0)
    ghost = jnp.roll(jnp.eye(size), moved, axis=1)
    return (1 - share) * jnp.eye(size) + share * ghost


def rician(key: PRNGKeyArray, volume: Field, deviation: Float[Array, ""]) -> Field:
    """Return `sqrt((v + a)^2 + b^2)` with a, b from N(0, deviation^2).

    Both come from one 32-bit draw per voxel: 12 bits each choose one of 4096 quantiles of the
    normal distribution.
    """
    levels = 1 << _QUANTILE_BITS
    quantiles = ndtri((jnp.arange(levels) + 0.5) / levels) * deviation
    bits = jax.random.bits(_fast_key(key), volume.shape)
    first = quantiles.at[bits >> (32 - _QUANTILE_BITS)].get(mode="promise_in_bounds")
    second = quantiles.at[bits & (levels - 1)].get(mode="promise_in_bounds")
    return jnp.sqrt((volume + first) ** 2 + second**2)


def _fast_key(key: PRNGKeyArray) -> PRNGKeyArray:
    # XLA's own generator draws a volume of bits three times faster than threefry on a CPU.
    return jax.random.wrap_key_data(jax.random.bits(key, (4,)), impl="rbg")
