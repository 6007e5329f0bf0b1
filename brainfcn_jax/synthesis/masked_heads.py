"""Real heads with brain masks, varied at random each time one is used (numpy)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.synthesis.recipes import Recipe

_FAR_MM = 99.0
_CURVE_KNOTS, _BIAS_KNOTS = 7, 4

Volume = Float32[np.ndarray, "x y z"]


@dataclass(frozen=True, eq=False)
class MaskedHead:
    """A head on a grid of cubic voxels.

    Attributes:
        name: the subject's.
        image: in arbitrary units, at least 0, 1 where it is about brightest.
        outward_mm: distance to the surface of the brain mask, below 0 inside, 33 at most.
        centre: of the brain's box, in voxels.
    """

    name: str
    image: Volume
    outward_mm: Volume
    centre: Float64[np.ndarray, "3"]


def masked_head(name: str, image: Volume, mask: np.ndarray, spacing_mm: float) -> MaskedHead:
    """Return a head from its image and mask on one grid."""
    outward = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    box = bounding_box(mask)
    assert box is not None  # who loads heads refuses one without a brain
    lowest, bright = np.percentile(image, (0.1, 99.5))
    scaled = np.clip((image - lowest) / max(bright - lowest, 1e-6), 0, 2)
    outward_mm = np.minimum(outward * spacing_mm, _FAR_MM / 3).astype(np.float32)
    return MaskedHead(name, scaled.astype(np.float32), outward_mm, np.mean(box, axis=1))


def varied(
    random: np.random.Generator, head: MaskedHead, recipe: Recipe
) -> tuple[Volume, Volume, Bool[np.ndarray, "x y z"]]:
    """Return a cube around the head's brain, its `outward_mm`, and what of it is seen.

    The head is turned, scaled, mirrored and moved; its intensities are bent, for a share of the
    cubes into another contrast; a bias field, noise, thick slices, a cut field of view and an
    imperfect skull stripping come by chance. The image is 0 where nothing is seen.
    """
    size, view, acquisition = recipe.shape[0], recipe.view, recipe.acquisition
    image, outward_mm = _placed(random, head, recipe)
    image = _with_contrast(random, image, recipe.contrasts.remapped_fraction)
    if random.random() < acquisition.thick_fraction:
        thinnest, thickest = (round(mm / recipe.spacing_mm) for mm in acquisition.thick_mm)
        axis, voxels = int(random.integers(3)), int(random.integers(thinnest, thickest + 1))
        image = ndimage.uniform_filter1d(image, voxels, axis=axis)
    field = ndimage.zoom(random.standard_normal((_BIAS_KNOTS,) * 3), size / _BIAS_KNOTS, order=1)
    image = image * np.exp(recipe.contrasts.bias * random.random() * field)
    deviation = acquisition.noise[1] * random.random() ** 2
    image = np.hypot(*(random.normal(part, deviation, image.shape) for part in (image, 0.0)))
    seen = outward_mm < _FAR_MM / 2
    if random.random() < view.stripped_fraction:
        seen &= outward_mm < random.uniform(*view.loose_mm)
    seen &= _field_of_view(random, size, view.cut_fraction)
    return np.where(seen, image, 0).astype(np.float32), outward_mm, seen


def _placed(random: np.random.Generator, head: MaskedHead, recipe: Recipe) -> tuple[Volume, Volume]:
    """Return image and distance on the cube, 0 and far beyond what was scanned."""
    size, ranges = recipe.shape[0], recipe.deformation
    far = random.random() < ranges.far_fraction
    degrees = random.normal(0, ranges.far_degrees if far else ranges.rotation_degrees, 3)
    scales = np.exp(random.uniform(-ranges.size, ranges.size) + random.normal(0, ranges.stretch, 3))
    mirror = np.diag([random.choice((-1.0, 1.0)), 1.0, 1.0])
    matrix = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ mirror / scales
    moved = random.normal(0, recipe.view.shift_mm / recipe.spacing_mm, 3)
    offset = head.centre - matrix @ ((size - 1) / 2 + moved)
    cube = {"output_shape": (size,) * 3, "order": 1}
    image = ndimage.affine_transform(head.image, matrix, offset, cval=0.0, **cube)
    outward_mm = ndimage.affine_transform(head.outward_mm, matrix, offset, cval=_FAR_MM, **cube)
    return image, outward_mm


def _with_contrast(random: np.random.Generator, image: Volume, fraction: float) -> Volume:
    """Return the image with intensities bent, or, for a share, in another contrast."""
    if random.random() >= fraction:
        return image
    knots = np.linspace(0, 1.2, _CURVE_KNOTS)
    values = random.random(_CURVE_KNOTS)
    values[0] = 0.0
    return np.interp(image, knots, values).astype(np.float32)


def _field_of_view(
    random: np.random.Generator, size: int, fraction: float
) -> Bool[np.ndarray, "x y z"]:
    """Return all of the cube, or, for a share of each axis, less up to a quarter at one end."""
    inside = np.ones((size,) * 3, bool)
    for axis in range(3):
        if random.random() < fraction:
            left_out = int(random.random() / 4 * size)
            ends = slice(size - left_out, None) if random.integers(2) else slice(left_out)
            inside[(slice(None),) * axis + (ends,)] = False
    return inside
