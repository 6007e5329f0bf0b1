"""Label maps of whole heads: what lies around a brain, and how far from it (numpy and scipy only).

All arrays are canonical (x to the right, y to the front, z to the top), with equal voxel sizes.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16
from scipy import ndimage

from brainfcn_jax.labels import BACKGROUND, CSF
from brainfcn_jax.structures import CODES, TISSUE_OF_CODE

NARROW = 32
"""Added to the code of fluid in narrow sulci, where even a tight brain mask keeps it."""

BESIDE_CORTEX, BESIDE_CEREBELLUM = 64, 128
"""Added to the code of fluid that touches the cortex, or else the cerebellum."""

DEPTH_ZERO = 128
DEPTH_STEPS_PER_MM = 4.0
_COARSE_MM = 2.0
_CLOSING_MM = 6.0
_NARROW_MM = 2.0
_BONE_MM = (0.8, 2.5)
_SCALP_MM = (2.0, 5.0)
_SKIN_MM = 1.2
_NECK_RADIUS_MM = (18.0, 26.0)
_CORD_RADIUS_MM, _CANAL_RADIUS_MM = 3.5, 6.0

Codes = UInt8[np.ndarray, "x y z"]


def brain_mask(codes: UInt8[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Voxels of the brain without the fluid around it."""
    tissues = TISSUE_OF_CODE[codes & (NARROW - 1)]
    return (tissues != BACKGROUND) & (tissues != CSF)


def with_depth(codes: Codes, spacing_mm: float) -> UInt16[np.ndarray, "x y z"]:
    """Puts each voxel's distance to the brain beside its code, for generated skull stripping.

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
    """Fluid below the lowest voxel of the brainstem becomes that of the spine (background)."""
    stem = np.flatnonzero((codes == CODES["brainstem"]).any(axis=(0, 1)))
    lowest = int(stem[0]) if stem.size else 0
    below = codes[:, :, :lowest]
    below[below == CODES["fluid"]] = CODES["spinal_fluid"]
    return codes


def grow_head(
    random: np.random.Generator,
    codes: Codes,
    spacing_mm: float,
    adult: UInt8[np.ndarray, "i j k"] | None,
) -> Codes:
    """Grows bone, scalp, skin, face, eyes and neck around a newborn's brain and fluid.

    Shells of random and slowly varying thickness lie around the fluid: bone (0.8-2.5 mm), fat
    and skin. Beyond them come the parts of an adult's head, `adult`, resized so that the boxes
    around the two brains agree; without one, a round neck only. What is inside the given map is
    left as it is.
    """
    head = codes.copy()
    inside = codes != CODES["air"]
    outward_mm = _signed_distance_mm(inside, spacing_mm, closing_mm=4.0)
    wobble = _smooth_noise(random, codes.shape, 12)
    bone_mm = random.uniform(*_BONE_MM) * (1 + 0.25 * wobble)
    scalp_mm = bone_mm + random.uniform(*_SCALP_MM) * (
        1 + 0.3 * _smooth_noise(random, codes.shape, 10)
    )
    head[outward_mm <= scalp_mm + _SKIN_MM] = CODES["skin"]
    head[outward_mm <= scalp_mm] = CODES["scalp_fat"]
    head[outward_mm <= bone_mm] = CODES["bone"]
    head[(outward_mm <= 0) & ~inside] = CODES["fluid"]
    if adult is None:
        around = _neck(random, codes, spacing_mm)
    else:
        around = _resized_surroundings(codes, adult)
    free = head == CODES["air"]
    # The base of the skull is no shell: there the adult's parts come right after thin bone.
    base = (outward_mm > bone_mm) & (outward_mm <= scalp_mm + _SKIN_MM) & (around != CODES["air"])
    deep = ndimage.binary_erosion(around != CODES["air"], iterations=max(1, round(4 / spacing_mm)))
    take = free | (base & deep)
    head[take] = around[take]
    head[inside] = codes[inside]
    return head


def _resized_surroundings(codes: Codes, adult: UInt8[np.ndarray, "i j k"]) -> Codes:
    """The adult's head without its cranial content, on the newborn's grid."""
    (low, high), (adult_low, adult_high) = _box(brain_mask(codes)), _box(brain_mask(adult))
    scale = (adult_high - adult_low) / (high - low)
    places = [
        np.rint((np.arange(size) - start) * ratio + adult_start).astype(int)
        for size, start, ratio, adult_start in zip(codes.shape, low, scale, adult_low, strict=True)
    ]
    around = np.zeros(codes.shape, np.uint8)
    fits = [(p >= 0) & (p < n) for p, n in zip(places, adult.shape, strict=True)]
    chosen = np.ix_(*(p[f] for p, f in zip(places, fits, strict=True)))
    around[np.ix_(*fits)] = adult[chosen]
    around[TISSUE_OF_CODE[around] != BACKGROUND] = CODES["soft_tissue"]
    return around


def _neck(random: np.random.Generator, codes: Codes, spacing_mm: float) -> Codes:
    """A round neck with canal and cord, below the brainstem."""
    stem = np.argwhere(np.isin(codes, (CODES["brainstem"], CODES["cerebellum"])))
    around = np.zeros(codes.shape, np.uint8)
    if not stem.size:
        return around
    centre = stem[stem[:, 2] <= stem[:, 2].min() + 2].mean(axis=0)
    x, y = np.ogrid[: codes.shape[0], : codes.shape[1]]
    radius_mm = np.hypot(x - centre[0], y - centre[1])[:, :, None] * spacing_mm
    muscles_mm = np.hypot(x - centre[0], y - centre[1] - 8 / spacing_mm)[:, :, None] * spacing_mm
    below = np.arange(codes.shape[2]) <= centre[2] + 8 / spacing_mm
    outer_mm = random.uniform(*_NECK_RADIUS_MM)
    for name, place_mm, limit_mm in (
        ("skin", muscles_mm, outer_mm + _SKIN_MM),
        ("scalp_fat", muscles_mm, outer_mm),
        ("soft_tissue", muscles_mm, outer_mm - 3),
        ("bone", radius_mm, _CANAL_RADIUS_MM + 2),
        ("spinal_fluid", radius_mm, _CANAL_RADIUS_MM),
        ("spinal_cord", radius_mm, _CORD_RADIUS_MM),
    ):
        around[(place_mm <= limit_mm) & below] = CODES[name]
    return around


def _with_narrow_fluid(codes: Codes, spacing_mm: float) -> Codes:
    brain = brain_mask(codes)
    steps = max(1, round(_NARROW_MM / spacing_mm))
    box = tuple(slice(max(low - 1, 0), high + 1) for low, high in zip(*_box(brain), strict=True))
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
    """Distance to the surface of the closed mask, positive outside; worked out at about 2 mm."""
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
    share = (places - low).astype(np.float32)
    share = share.reshape([-1 if a == axis else 1 for a in range(3)])
    return values.take(low, axis) * (1 - share) + values.take(high, axis) * share


def _smooth_noise(
    random: np.random.Generator, shape: tuple[int, ...], cells: int
) -> Float32[np.ndarray, "x y z"]:
    """Normal noise on a coarse grid of `cells` a side, brought to `shape` linearly."""
    noise = random.standard_normal((cells, cells, cells)).astype(np.float32)
    for axis, size in enumerate(shape):
        noise = _interpolated(noise, np.linspace(0, cells - 1, size), axis)
    return noise


def _box(mask: Bool[np.ndarray, "i j k"]) -> tuple[np.ndarray, np.ndarray]:
    places = np.argwhere(mask)
    return places.min(axis=0), places.max(axis=0) + 1
