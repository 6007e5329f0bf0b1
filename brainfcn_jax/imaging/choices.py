"""What settings, weight files and flags choose from: words, and what they mean (plain Python)."""

from typing import Literal, get_args

SliceAxis = Literal["sagittal", "coronal", "axial"]
"""Direction along which slices follow one another."""

SLICE_AXES: dict[str, int] = {axis: index for index, axis in enumerate(get_args(SliceAxis))}
"""Axis of the canonical frame (x, y, z) of each `SliceAxis`."""

SliceAxes = Literal[SliceAxis, "all"]
"""The direction that a network sees slices of, or all three."""

VIEWS = (1, 3)
"""How many directions a scan may be seen from."""

EqualisationMode = Literal["volume", "head"]
"""Which voxels take part in histogram equalisation."""

MaskSlice = Literal["middle", "largest"]
"""Slice that gives post-processing its brain mask."""

People = Literal["adults", "newborns", "anyone"]
"""Whose scans a model is for; their brains differ in size."""

Colours = Literal["neighbours"]
"""What the three colours of an image are: the slice before, the slice itself, the one after."""


def directions(slice_axis: str) -> tuple[SliceAxis, ...]:
    """Return the directions that a `SliceAxes` names, first that used alone."""
    if slice_axis == "all":
        return "axial", "coronal", "sagittal"
    return tuple(axis for axis in get_args(SliceAxis) if axis == slice_axis)


def first_axis(slice_axis: str) -> int:
    """Return the canonical axis that slices follow where one direction is used."""
    return SLICE_AXES[directions(slice_axis)[0]]


THICK = 2.0
"""Slices this many times as far apart as those trained on are not interpolated."""


def is_thick(spacing_mm: float, trained_mm: float) -> bool:
    """Return whether slices are so far apart that they are labelled as they are."""
    return spacing_mm >= THICK * trained_mm
