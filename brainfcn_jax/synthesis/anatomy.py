"""Anatomy that label maps lack: grey matter of any thickness, and the cerebellum's leaves (JAX).

Label maps of the generator come from few heads, most with wide sulci, and hold the cerebellar
cortex as one piece.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from brainfcn_jax.synthesis.deformation import Field, between, knots_for, smooth_field
from brainfcn_jax.synthesis.ranges import Anatomy
from brainfcn_jax.synthesis.structures import CODES

_WHITE_FROM, _GAP_FROM = 0.2, 0.4  # of a wave between -1 and 1
_LEAFY = np.isin(np.arange(len(CODES)), (CODES["cerebellar_cortex"], CODES["cerebellum"]))


def thickened(
    key: PRNGKeyArray,
    code: Int[Array, "slice height width"],
    rims: tuple[Bool[Array, "slice height width"], Bool[Array, "slice height width"]],
    spacing_mm: float,
    ranges: Anatomy,
) -> Int[Array, "slice height width"]:
    """Turn part of the fluid that touches grey matter into it, in a share of the heads.

    Args:
      key: how much, and where; from nothing to all of the rim.
      code: structures.
      rims: fluid beside the cortex, and fluid beside the cerebellum.
      spacing_mm: size of the voxels.
      ranges: how often.
    """
    field_key, share_key, level_key = jax.random.split(key, 3)
    slices, height, width = code.shape
    shape = slices, height, width
    field = smooth_field(field_key, shape, knots_for(shape, spacing_mm, ranges.thickness_mm))
    level = jax.random.uniform(level_key, (), minval=-2.5, maxval=2.5)
    thick = jax.random.uniform(share_key) < ranges.thick_fraction
    taken = (field < level) & thick
    beside_cortex, beside_cerebellum = rims
    code = jnp.where(taken & beside_cortex, CODES["cortex"], code)
    return jnp.where(taken & beside_cerebellum, CODES["cerebellar_cortex"], code)


def leaves(
    key: PRNGKeyArray,
    code: Int[Array, "slice height width"],
    mean: Float[Array, " structure"],
    offsets_mm: tuple[Field, Field, Field],
    z_axis: int,
    spacing_mm: float,
    ranges: Anatomy,
) -> Field:
    """Return what the leaves of the cerebellum add to the intensity of its cortex.

    A warped wave in the head's own frame, mostly from the bottom to the top: its crests go
    towards white matter, its troughs towards fluid. A share of the heads has none.

    Args:
      key: direction, width and strength of the leaves.
      code: structures.
      mean: mean intensity of each structure.
      offsets_mm: where the voxels come from, along the source's axes.
      z_axis: which of those points to the top of the head.
      spacing_mm: size of the voxels.
      ranges: how often, and how wide.
    """
    turn_key, width_key, warp_key, strength_key, share_key = jax.random.split(key, 5)
    direction = 0.6 * jax.random.normal(turn_key, (3,)) + jnp.eye(3)[z_axis]
    direction /= jnp.linalg.norm(direction)
    period_mm = between(width_key, ranges.leaf_mm)
    along_mm = sum(part * offset for part, offset in zip(direction, offsets_mm, strict=True))
    slices, height, width = code.shape
    shape = slices, height, width
    knots = knots_for(shape, spacing_mm, ranges.leaf_warp_mm)
    warp = 0.5 * smooth_field(warp_key, shape, knots)
    wave = jnp.cos(2 * jnp.pi * (along_mm / period_mm + warp))
    white = jnp.clip((wave - _WHITE_FROM) / (1 - _WHITE_FROM), 0, 1)
    gap = jnp.clip((-wave - _GAP_FROM) / (1 - _GAP_FROM), 0, 1)
    leafy = jax.random.uniform(share_key) < ranges.leafy_fraction
    strengths = jnp.where(leafy, jax.random.uniform(strength_key, (2,)), 0.0)
    cortex = mean[CODES["cerebellar_cortex"]]
    added = strengths[0] * white * (mean[CODES["cerebellar_white_matter"]] - cortex)
    added += 0.7 * strengths[1] * gap * (mean[CODES["fluid"]] - cortex)
    return jnp.where(jnp.asarray(_LEAFY)[code], added, 0.0)
