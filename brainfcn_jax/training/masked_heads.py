"""Real heads with brain masks, varied at random each time one is used (input/output)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.imaging.resampling import centred_grid, resample
from brainfcn_jax.training.batches import UNKNOWN
from brainfcn_jax.training.label_choice import scheme_of
from brainfcn_jax.training.labelled_scans import training_subjects
from brainfcn_jax.training.settings import DataSettings
from brainfcn_jax.training.subjects import load_subject

UNCERTAIN_MM = 2.5
"""How near to a mask's surface nothing is said about brain or not."""

_FAR_MM = 99.0
_ROTATION_DEGREES, _FAR_ROTATION_DEGREES, _FAR_FRACTION = 7.0, 20.0, 0.2
_SIZE, _STRETCH, _SHIFT_MM = 0.08, 0.05, 12.0
_OTHER_CONTRAST_FRACTION, _CONTRAST_KNOTS = 0.4, 7
_BIAS, _BIAS_KNOTS, _NOISE = 0.2, 4, 0.05
_THICK_FRACTION, _CUT_FRACTION = 0.4, 0.15
_STRIPPED_FRACTION, _STRIPPED_MM = 0.25, (-1.0, 4.0)

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


def load_masked_heads(settings: DataSettings, spacing_mm: float) -> tuple[MaskedHead, ...]:
    """Loads the training subjects, whose label maps are masks: all above 0 is brain.

    Raises:
        InputError: a subject is missing, cannot be used, or has no brain.
        UsageError: more subjects are asked for than there are.
    """
    heads = []
    for subject in training_subjects(settings):
        scan, labels = load_subject(subject, scheme_of(settings))
        source = centred_grid(labels.shape, scan.spacing_mm)
        x, y, z = (line.resampled(spacing_mm) for line in source)
        image, mask = (
            resample(volume.astype(np.float32), source, (x, y, z))
            for volume in (scan.data, labels > 0)
        )
        if not (mask > 0.5).any():
            raise InputError(f"'{subject.labels_path}' marks no brain; leave it out of data.train")
        heads.append(masked_head(subject.name, image, mask > 0.5, spacing_mm))
    return tuple(heads)


def masked_head(name: str, image: Volume, mask: np.ndarray, spacing_mm: float) -> MaskedHead:
    """A head from its image and mask on one grid."""
    outward = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    box = bounding_box(mask)
    assert box is not None  # who loads heads refuses one without a brain
    lowest, bright = np.percentile(image, (0.1, 99.5))
    scaled = np.clip((image - lowest) / max(bright - lowest, 1e-6), 0, 2)
    outward_mm = np.minimum(outward * spacing_mm, _FAR_MM / 3).astype(np.float32)
    return MaskedHead(name, scaled.astype(np.float32), outward_mm, np.mean(box, axis=1))


def varied(
    random: np.random.Generator, head: MaskedHead, size: int, spacing_mm: float
) -> tuple[Volume, UInt8[np.ndarray, "x y z"]]:
    """A cube of `size` voxels around the head's brain, and 1 where brain, `UNKNOWN` near its edge.

    The head is turned, scaled, mirrored and moved; its intensities are bent, for a share of the
    cubes into another contrast; a bias field, noise, thick slices, a cut field of view and an
    imperfect skull stripping come by chance.
    """
    image, outward_mm = _placed(random, head, size, spacing_mm)
    image = _with_contrast(random, image)
    if random.random() < _THICK_FRACTION:
        axis, voxels = int(random.integers(3)), int(random.integers(2, 4))
        image = ndimage.uniform_filter1d(image, voxels, axis=axis)
    field = ndimage.zoom(random.standard_normal((_BIAS_KNOTS,) * 3), size / _BIAS_KNOTS, order=1)
    image = image * np.exp(_BIAS * random.random() * field)
    deviation = _NOISE * random.random() ** 2
    image = np.hypot(*(random.normal(part, deviation, image.shape) for part in (image, 0.0)))
    seen = outward_mm < _FAR_MM / 2
    if random.random() < _STRIPPED_FRACTION:
        seen &= outward_mm < random.uniform(*_STRIPPED_MM)
    seen &= _field_of_view(random, size)
    brain = np.where(np.abs(outward_mm) < UNCERTAIN_MM, UNKNOWN, outward_mm <= 0)
    return np.where(seen, image, 0).astype(np.float32), np.where(seen, brain, 0).astype(np.uint8)


def _placed(
    random: np.random.Generator, head: MaskedHead, size: int, spacing_mm: float
) -> tuple[Volume, Volume]:
    """Image and distance on the cube, 0 and far beyond what was scanned."""
    far = random.random() < _FAR_FRACTION
    degrees = random.normal(0, _FAR_ROTATION_DEGREES if far else _ROTATION_DEGREES, 3)
    scales = np.exp(random.uniform(-_SIZE, _SIZE) + random.normal(0, _STRETCH, 3))
    mirror = np.diag([random.choice((-1.0, 1.0)), 1.0, 1.0])
    matrix = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ mirror / scales
    moved = random.normal(0, _SHIFT_MM / spacing_mm, 3)
    offset = head.centre - matrix @ ((size - 1) / 2 + moved)
    cube = {"output_shape": (size,) * 3, "order": 1}
    image = ndimage.affine_transform(head.image, matrix, offset, cval=0.0, **cube)
    outward_mm = ndimage.affine_transform(head.outward_mm, matrix, offset, cval=_FAR_MM, **cube)
    return image, outward_mm


def _with_contrast(random: np.random.Generator, image: Volume) -> Volume:
    """The image with its intensities bent, or, for a share, in another contrast; air stays dark."""
    if random.random() >= _OTHER_CONTRAST_FRACTION:
        return image
    knots = np.linspace(0, 1.2, _CONTRAST_KNOTS)
    values = random.random(_CONTRAST_KNOTS)
    values[0] = 0.0
    return np.interp(image, knots, values).astype(np.float32)


def _field_of_view(random: np.random.Generator, size: int) -> np.ndarray:
    """All of the cube, or, for a share of each axis, less up to a quarter at one end."""
    inside = np.ones((size,) * 3, bool)
    for axis in range(3):
        if random.random() < _CUT_FRACTION:
            left_out = int(random.random() / 4 * size)
            place = np.arange(size)
            kept = place < size - left_out if random.integers(2) else place >= left_out
            inside &= kept.reshape([-1 if a == axis else 1 for a in range(3)])
    return inside
