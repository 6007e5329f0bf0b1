"""Label maps of heads as the generator packs them: structures and depths (numpy and scipy only)."""

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16
from scipy import ndimage

from brainfcn_jax.imaging.boxes import bounding_box, box_slices, grown
from brainfcn_jax.labels import BACKGROUND, CSF
from brainfcn_jax.synthesis.structures import CODES, TISSUE_OF_CODE

NARROW = 32
"""Added to the code of fluid in narrow sulci, where even a tight brain mask keeps it."""

BESIDE_CORTEX, BESIDE_CEREBELLUM = 64, 128
"""Added to the code of fluid that touches the cortex, or else the cerebellum."""

DEPTH_ZERO = 128
DEPTH_STEPS_PER_MM = 4.0
_COARSE_MM = 2.0
_CLOSING_MM = 6.0
_NARROW_MM = 2.0

Codes = UInt8[np.ndarray, "x y z"]


def brain_mask(codes: UInt8[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Return voxels of the brain without the fluid around it."""
    tissues = TISSUE_OF_CODE[codes & (NARROW - 1)]
    return (tissues != BACKGROUND) & (tissues != CSF)


def with_depth(codes: Codes, spacing_mm: float) -> UInt16[np.ndarray, "x y z"]:
    """Put each voxel's distance to the brain beside its code, for generated skull stripping.

    The brain is closed (6 mm), so that sulci count as inside. A packed voxel is
    `code + 256 * depth`, with `depth = 128 + 4 * mm` clipped to 0..255: above 128 outside. Fluid
    that closing the brain by 2 mm would fill has 32 (`NARROW`) added to its code, fluid that
    touches grey matter 64 (`BESIDE_CORTEX`) or 128 (`BESIDE_CEREBELLUM`).
    """
    codes = _with_narrow_fluid(_with_rims(codes), spacing_mm)
    outward_mm = _signed_distance_mm(brain_mask(codes), spacing_mm, _CLOSING_MM)
    depth = np.clip(np.rint(DEPTH_ZERO + DEPTH_STEPS_PER_MM * outward_mm), 0, 255)
    return codes.astype(np.uint16) + 256 * depth.astype(np.uint16)


def without_neck_fluid(codes: Codes) -> Codes:
    """Make fluid below the lowest voxel of the brainstem that of the spine (background)."""
    stem = np.flatnonzero((codes == CODES["brainstem"]).any(axis=(0, 1)))
    lowest = int(stem[0]) if stem.size else 0
    below = codes[:, :, :lowest]
    below[below == CODES["fluid"]] = CODES["spinal_fluid"]
    return codes


def _with_narrow_fluid(codes: Codes, spacing_mm: float) -> Codes:
    brain = brain_mask(codes)
    steps = max(1, round(_NARROW_MM / spacing_mm))
    found = bounding_box(brain)
    assert found is not None  # who reads label maps refuses one without a brain
    box = box_slices(grown(found, (1, 1, 1), brain.shape))
    padded = np.pad(brain[box], steps)
    closed = ndimage.binary_closing(padded, iterations=steps)
    inner = tuple(slice(steps, -steps) for _ in range(3))
    marked = codes.copy()
    narrow = closed[inner] & (codes[box] & (NARROW - 1) == CODES["fluid"])
    marked[box] += np.uint8(NARROW) * narrow
    return marked


def _with_rims(codes: Codes) -> Codes:
    touching = ndimage.generate_binary_structure(3, 2)
    fluid, marked = codes == CODES["fluid"], codes.copy()
    for names, mark in (
        (("cerebellar_cortex", "cerebellum"), BESIDE_CEREBELLUM),
        (("cortex", "hippocampus_amygdala"), BESIDE_CORTEX),
    ):
        grey = np.isin(codes, [CODES[name] for name in names])
        rim = ndimage.binary_dilation(grey, touching) & fluid
        marked[rim] = CODES["fluid"] + mark
    return marked


def _signed_distance_mm(
    mask: Bool[np.ndarray, "x y z"], spacing_mm: float, closing_mm: float
) -> Float32[np.ndarray, "x y z"]:
    """Return the distance to the closed mask's surface, positive outside; at about 2 mm."""
    step = max(1, round(_COARSE_MM / spacing_mm))
    margin = int(np.ceil(closing_mm / _COARSE_MM)) + 2
    padded = np.pad(mask[::step, ::step, ::step], margin)
    coarse_mm = step * spacing_mm
    grown = ndimage.distance_transform_edt(~padded) * coarse_mm <= closing_mm
    inward = ndimage.distance_transform_edt(grown) * coarse_mm - closing_mm
    closed = (inward > 0) | padded
    signed = ndimage.distance_transform_edt(~closed) - ndimage.distance_transform_edt(closed)
    signed = (signed[margin:-margin, margin:-margin, margin:-margin] * coarse_mm).astype(np.float32)
    fine = [np.arange(size) / step for size in mask.shape]
    for axis, places in enumerate(fine):
        signed = _interpolated(signed, places, axis)
    return signed


def _interpolated(
    values: Float32[np.ndarray, "x y z"], places: np.ndarray, axis: int
) -> Float32[np.ndarray, "i j k"]:
    low = np.minimum(np.floor(places).astype(int), values.shape[axis] - 1)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    fraction = (places - low).astype(np.float32)
    fraction = fraction.reshape([-1 if a == axis else 1 for a in range(3)])
    return values.take(low, axis) * (1 - fraction) + values.take(high, axis) * fraction
