"""An image and its tissues from a label map and a key (pure JAX).

The label map is deformed; every structure gets a random intensity and texture; then a scanner, a
field of view and, for a share of the images, skull stripping or defacing are imitated (after
Billot et al. 2023, "SynthSeg", whose idea this is). One call makes a whole head, from which many
slices are taken.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int, PRNGKeyArray, UInt8, UInt16

from brainfcn_jax.labels import BACKGROUND, CSF
from brainfcn_jax.synthesis.acquisition import acquire, bias_field
from brainfcn_jax.synthesis.anatomy import leaves, thickened
from brainfcn_jax.synthesis.deformation import (
    Field,
    between,
    knots_for,
    smooth_field,
    source_offsets_mm,
)
from brainfcn_jax.synthesis.drawn_labels import drawn
from brainfcn_jax.synthesis.intensities import Contrast, draw_intensities
from brainfcn_jax.synthesis.packed_labels import (
    BESIDE_CEREBELLUM,
    BESIDE_CORTEX,
    DEPTH_STEPS_PER_MM,
    DEPTH_ZERO,
    NARROW,
)
from brainfcn_jax.synthesis.recipes import Recipe
from brainfcn_jax.synthesis.structures import TISSUE_OF_CODE

Mask = Bool[Array, "slice height width"]
Offsets = tuple[Field, Field, Field]


# Places of x, y and z among the axes of a slices-first volume.
_AXES_XYZ = {"axial": (1, 2, 0), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
_MASK_KNOTS_MM = 20.0
_FAR_MM = 6.0


class Example(NamedTuple):
    """One generated scan.

    Attributes:
      image: arbitrary units, at least 0.
      tissues: 0..7, as smooth as the recipe asks.
      brain: the brain, closed so that sulci and ventricles are inside.
    """

    image: Float32[Array, "slice height width"]
    tissues: UInt8[Array, "slice height width"]
    brain: Bool[Array, "slice height width"]


def generate(
    key: PRNGKeyArray,
    packed: UInt16[Array, "depth rows columns"],
    contrast: Contrast,
    recipe: Recipe,
) -> Example:
    """Make one random scan of `recipe.shape` and its tissues.

    Args:
      key: decides everything; the same key gives the same scan.
      packed: a label map as `label_maps` gives it: code and depth, slices first.
      contrast: what the structures look like in this kind of scan.
      recipe: grid and ranges; static under `jit`.

    Returns:
      The image before any equalisation, with tissues and brain, 0 wherever it was cut away.
    """
    keys = jax.random.split(_quickly_compiled(key), 8)
    offsets_mm = _placed(keys[0], recipe)
    mapped, marks, outward_mm = _looked_up(packed, offsets_mm, recipe)
    rims = (marks & BESIDE_CORTEX) > 0, (marks & BESIDE_CEREBELLUM) > 0
    code = thickened(keys[7], mapped, rims, recipe.spacing_mm, recipe.anatomy)
    narrow = (marks & NARROW) > 0
    tissues = _table(jnp.asarray(TISSUE_OF_CODE), code)
    truth = _intensities(keys[1], code, offsets_mm, contrast, recipe)
    bias = bias_field(keys[2], recipe.shape, recipe.spacing_mm, recipe.contrasts)
    image = acquire(keys[3], truth * bias, recipe.spacing_mm, recipe.acquisition)
    image = _curved(keys[4], image, recipe.acquisition.gamma)
    strip_key, head_key = jax.random.split(keys[5])
    seen = jnp.where(
        jax.random.uniform(strip_key) < recipe.view.stripped_fraction,
        _strip_mask(strip_key, tissues, narrow, outward_mm, recipe),
        _head_mask(head_key, code, outward_mm, offsets_mm, recipe),
    )
    seen &= _field_of_view(keys[6], recipe)
    labels = drawn(tissues, recipe.label_smoothing_mm, recipe.spacing_mm)
    return Example(
        image=jnp.where(seen, image, 0.0),
        tissues=jnp.where(seen, labels, jnp.uint8(0)),
        brain=seen & (outward_mm <= 0),
    )


def _quickly_compiled(key: PRNGKeyArray) -> PRNGKeyArray:
    # A hundred small draws by threefry take XLA half a minute and more to compile, by its own
    # generator about ten seconds.
    return jax.random.wrap_key_data(jax.random.bits(key, (4,)), impl="unsafe_rbg")


def _placed(key: PRNGKeyArray, recipe: Recipe) -> Offsets:
    """Return where the image's voxels come from, with the head at a random place in it."""
    warp_key, shift_key, low_key, slab_key, mirror_key = jax.random.split(key, 5)
    view, axes = recipe.view, _AXES_XYZ[recipe.slice_axis]
    shift_mm = view.shift_mm * jax.random.normal(shift_key, (3,))
    low = jax.random.uniform(low_key, ()) ** 2  # mostly little
    shift_mm = shift_mm.at[axes[2]].add(-low * view.low_shift_mm)
    brain_mm = view.brain_mm[axes.index(0)]
    spare_mm = max(0.0, (brain_mm - recipe.shape[0] * recipe.spacing_mm) / 2)
    moved = jax.random.uniform(slab_key, (), minval=-spare_mm, maxval=spare_mm)
    shift_mm = shift_mm.at[0].add(moved)
    side = jnp.where(jax.random.bernoulli(mirror_key), 1.0, -1.0)
    mirrored = jnp.ones(3).at[axes[0]].set(side)
    return source_offsets_mm(
        warp_key, recipe.shape, recipe.spacing_mm, shift_mm, mirrored, recipe.deformation
    )


def _looked_up(
    packed: UInt16[Array, "depth rows columns"], offsets_mm: Offsets, recipe: Recipe
) -> tuple[Int[Array, "slice height width"], Int[Array, "slice height width"], Field]:
    """Return code and marks of the map's nearest voxel, and its mm outside the brain."""
    places, inside = jnp.zeros(recipe.shape, jnp.int32), jnp.ones(recipe.shape, bool)
    for offset_mm, size in zip(offsets_mm, packed.shape, strict=True):
        place = jnp.round(offset_mm / recipe.source_spacing_mm + (size - 1) / 2).astype(jnp.int32)
        inside &= (place >= 0) & (place < size)
        places = places * size + jnp.clip(place, 0, size - 1)
    found = packed.ravel().at[places].get(mode="promise_in_bounds")
    found = jnp.where(inside, found, jnp.uint16(255 << 8))
    depth = (found >> 8).astype(jnp.float32)
    code = (found & (NARROW - 1)).astype(jnp.int32)
    marks = (found & 255).astype(jnp.int32) - code
    return code, marks, (depth - DEPTH_ZERO) / DEPTH_STEPS_PER_MM


def _table(
    values: Float[Array, " structure"] | UInt8[Array, " structure"],
    code: Int[Array, "slice height width"],
) -> Float[Array, "slice height width"] | UInt8[Array, "slice height width"]:
    return values.at[code].get(mode="promise_in_bounds")


def _intensities(
    key: PRNGKeyArray,
    code: Int[Array, "slice height width"],
    offsets_mm: Offsets,
    contrast: Contrast,
    recipe: Recipe,
) -> Field:
    """Return every voxel's intensity before the scanner: its structure's mean, spread, texture."""
    draw_key, texture_key, leaf_key = jax.random.split(key, 3)
    mean, spread = draw_intensities(draw_key, contrast, recipe.contrasts)
    knots = knots_for(recipe.shape, recipe.spacing_mm, recipe.contrasts.texture_mm)
    texture = smooth_field(texture_key, recipe.shape, knots)
    z_axis = _AXES_XYZ[recipe.slice_axis][2]
    value = _table(mean, code) + _table(spread, code) * texture
    value += leaves(leaf_key, code, mean, offsets_mm, z_axis, recipe.spacing_mm, recipe.anatomy)
    return jnp.maximum(value, 0.0)


def _curved(key: PRNGKeyArray, image: Field, gamma: float) -> Field:
    """Return `image ** exp(gamma N(0, 1))`, as scanners and converters curve intensities."""
    power = jnp.exp(gamma * jax.random.normal(key))
    return jnp.exp(power * jnp.log(jnp.maximum(image, 1e-6)))


def _head_mask(
    key: PRNGKeyArray,
    code: Int[Array, "slice height width"],
    outward_mm: Field,
    offsets_mm: Offsets,
    recipe: Recipe,
) -> Mask:
    """Return all of a head's image, or all but its face, its background, or both."""
    silent_key, face_key, plane_key = jax.random.split(key, 3)
    silent = jax.random.uniform(silent_key) < recipe.view.silent_fraction
    defaced = jax.random.uniform(face_key) < recipe.view.defaced_fraction
    face = defaced & ~_not_face(plane_key, outward_mm, offsets_mm, recipe)
    return ((code > 0) | ~silent) & ~face


def _strip_mask(
    key: PRNGKeyArray,
    tissues: UInt8[Array, "slice height width"],
    narrow: Mask,
    outward_mm: Field,
    recipe: Recipe,
) -> Mask:
    """Return an imperfect brain mask: the brain's closed surface, moved and wobbling.

    A tight mask holds tissues alone, a snug one no fluid but that of narrow sulci, a loose one
    also what lies around the fluid.
    """
    field_key, kind_key, tight_key, loose_key, wobble_key = jax.random.split(key, 5)
    view = recipe.view
    kind = jax.random.uniform(kind_key)
    snug, loose = kind < view.snug_fraction, kind >= view.snug_fraction + view.tight_fraction
    ends_mm = between(tight_key, view.tight_mm), between(loose_key, view.loose_mm)
    limit_mm = jnp.where(loose, ends_mm[1], ends_mm[0])
    wobble_mm = view.mask_wobble_mm * jax.random.uniform(wobble_key)
    knots = knots_for(recipe.shape, recipe.spacing_mm, _MASK_KNOTS_MM)
    near = outward_mm <= limit_mm + wobble_mm * smooth_field(field_key, recipe.shape, knots)
    kept = (tissues != BACKGROUND) & (~snug | narrow | (tissues != CSF))
    return near & (loose | kept)


def _not_face(key: PRNGKeyArray, outward_mm: Field, offsets_mm: Offsets, recipe: Recipe) -> Mask:
    """Return all but what lies beyond a plane in front of and below the brain."""
    angle_key, distance_key = jax.random.split(key)
    angle = between(angle_key, (0.35, 1.0))
    _, y_axis, z_axis = _AXES_XYZ[recipe.slice_axis]
    forward_mm, up_mm = offsets_mm[y_axis], offsets_mm[z_axis]
    beyond_mm = jnp.cos(angle) * forward_mm - jnp.sin(angle) * up_mm
    return (beyond_mm < between(distance_key, recipe.view.deface_mm)) | (outward_mm < _FAR_MM)


def _field_of_view(key: PRNGKeyArray, recipe: Recipe) -> Mask:
    """Return a box that leaves out up to a quarter of the image at one end of some axes."""
    inside = jnp.ones((1, 1, 1), bool)
    for axis, size in enumerate(recipe.shape):
        chance, end, fraction = jax.random.uniform(jax.random.fold_in(key, axis), (3,))
        left_out = jnp.where(chance < recipe.view.cut_fraction, fraction / 4 * size, 0.0)
        place = jnp.arange(size)
        kept = jnp.where(end < 0.5, place >= left_out, place < size - left_out)
        inside &= kept.reshape([-1 if a == axis else 1 for a in range(3)])
    return jnp.broadcast_to(inside, recipe.shape)
