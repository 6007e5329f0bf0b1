"""A head grown around a newborn's brain: fluid, bone, scalp, neck (numpy and scipy only)."""

import numpy as np
from jaxtyping import Float32, UInt8
from scipy import ndimage

from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.labels import BACKGROUND
from brainfcn_jax.synthesis.packed_labels import (
    Codes,
    _interpolated,
    _signed_distance_mm,
    brain_mask,
)
from brainfcn_jax.synthesis.structures import CODES, TISSUE_OF_CODE

_BONE_MM = (0.8, 2.5)
_SCALP_MM = (2.0, 5.0)
_SKIN_MM = 1.2
_NECK_RADIUS_MM = (18.0, 26.0)
_CORD_RADIUS_MM, _CANAL_RADIUS_MM = 3.5, 6.0


def grow_head(
    random: np.random.Generator,
    codes: Codes,
    spacing_mm: float,
    adult: UInt8[np.ndarray, "i j k"] | None,
) -> Codes:
    """Grow bone, scalp, skin, face, eyes and neck around a newborn's brain and fluid.

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
    """Return the adult's head without its cranial content, on the newborn's grid."""
    box, adult_box = bounding_box(brain_mask(codes)), bounding_box(brain_mask(adult))
    assert box is not None and adult_box is not None  # maps without a brain are refused
    (low, high), (adult_low, adult_high) = np.transpose(box), np.transpose(adult_box)
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
    """Return a round neck with canal and cord, below the brainstem."""
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


def _smooth_noise(
    random: np.random.Generator, shape: tuple[int, ...], cells: int
) -> Float32[np.ndarray, "x y z"]:
    """Return normal noise on a coarse grid of `cells` a side, brought to `shape` linearly."""
    noise = random.standard_normal((cells, cells, cells)).astype(np.float32)
    for axis, size in enumerate(shape):
        noise = _interpolated(noise, np.linspace(0, cells - 1, size), axis)
    return noise
