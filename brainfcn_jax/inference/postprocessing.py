"""The paper's post-processing: regions outside the brain become background (numpy and scipy)."""

from typing import get_args

import numpy as np
from jaxtyping import Bool, Int, UInt8
from scipy import ndimage

from brainfcn_jax.imaging.choices import MaskSlice
from brainfcn_jax.imaging.slicing import slices_along, slices_first, volume_of

_EIGHT_CONNECTED_IN_PLANE = np.zeros((3, 3, 3), bool)
_EIGHT_CONNECTED_IN_PLANE[1] = True

MASK_MARGIN_MM = 3.0
"""How far 'largest' lets a brain reach beyond its own largest section, seen along the slices."""


def clean_labels(
    labels: UInt8[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    mask_slice: str,
    axis: int = 2,
    minimum_area_mm2: float = 5.0,
    minimum_overlap: float = 0.8,
) -> tuple[UInt8[np.ndarray, "x y z"], int]:
    """Return labels without regions that are too small or outside the brain, and their number.

    A region R is an 8-connected component of the whole foreground (labels > 0, all tissues
    together) of one slice along `axis`. M is the largest region of one slice: slice `depth // 2`
    for 'middle' (the paper's choice), the slice that holds the volume's largest region for
    'largest', grown by `MASK_MARGIN_MM`. R becomes background where |R| < `minimum_area_mm2` or
    |R and M| / |R| < `minimum_overlap`, with M laid on the slice of R. Among equal regions the
    first in reading order is M. When M's slice has no foreground there is no mask, and only the
    area counts.

    >>> labels = np.zeros((4, 6, 1), np.uint8)
    >>> labels[:3, :3, 0] = 3  # a brain of 9 mm2
    >>> labels[3, 5, 0] = 1  # a pixel elsewhere
    >>> cleaned, removed = clean_labels(labels, (1.0, 1.0, 3.0), mask_slice="middle")
    >>> int(cleaned.max()), int((cleaned > 0).sum()), removed
    (3, 9, 1)

    The input is not changed.
    Raises ValueError for spacing that is not positive or an unknown `mask_slice`.
    Source: Xu et al. 2017, section 2; the region over all tissues and 'largest' are ours.
    """
    _check_arguments(spacing_mm, mask_slice)
    labels = slices_along(labels, axis)
    _, height_mm, width_mm = slices_first(spacing_mm, axis)
    in_plane_mm = height_mm, width_mm
    regions, count = ndimage.label(labels > 0, _EIGHT_CONNECTED_IN_PLANE)
    if count == 0:
        return volume_of(labels.copy(), axis), 0
    foreground = regions > 0
    pixels = np.bincount(regions[foreground], minlength=count + 1)
    area_mm2 = pixels * (in_plane_mm[0] * in_plane_mm[1])
    removed = area_mm2 < minimum_area_mm2
    mask = _brain_mask(regions, pixels, in_plane_mm, mask_slice)
    if mask is not None:
        pixels_in_mask = np.bincount(regions[foreground & mask], minlength=count + 1)
        removed |= pixels_in_mask / np.maximum(pixels, 1) < minimum_overlap
    removed[0] = False
    kept = np.where(removed[regions], np.uint8(0), labels)
    return volume_of(kept, axis), int(removed.sum())


def _brain_mask(
    regions: Int[np.ndarray, "slice height width"],
    pixels: Int[np.ndarray, " regions"],
    in_plane_mm: tuple[float, float],
    mask_slice: str,
) -> Bool[np.ndarray, "height width"] | None:
    """Return M, the largest region of its slice (grown, for 'largest'); None when it is empty."""
    if mask_slice == "middle":
        middle = regions[regions.shape[0] // 2]
        candidates = np.unique(middle[middle > 0])
        if candidates.size == 0:
            return None
        largest = candidates[np.argmax(pixels[candidates])]
        return np.asarray(middle == largest)
    section = (regions == np.argmax(pixels)).any(axis=0)
    distance_mm = ndimage.distance_transform_edt(~section, sampling=in_plane_mm)
    return np.asarray(distance_mm <= MASK_MARGIN_MM)


def _check_arguments(spacing_mm: tuple[float, float, float], mask_slice: str) -> None:
    """Raise ValueError for what `clean_labels` cannot take."""
    if not all(0 < mm < np.inf for mm in spacing_mm):
        raise ValueError(f"spacing_mm must be three positive lengths, found {spacing_mm}")
    if mask_slice not in get_args(MaskSlice):
        raise ValueError(f"mask_slice must be 'middle' or 'largest', found {mask_slice!r}")
