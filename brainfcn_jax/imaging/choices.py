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


def directions(slice_axis: str) -> tuple[SliceAxis, ...]:
    """The directions that a `SliceAxes` names; of all, the one that is used alone comes first."""
    if slice_axis == "all":
        return "axial", "coronal", "sagittal"
    return tuple(axis for axis in get_args(SliceAxis) if axis == slice_axis)


def first_axis(slice_axis: str) -> int:
    """The axis of the canonical frame along which slices are cut where one direction is used."""
    return SLICE_AXES[directions(slice_axis)[0]]
