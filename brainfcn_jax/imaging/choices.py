"""What settings, weight files and flags choose from: words, and what they mean (plain Python)."""

from typing import Literal, get_args

SliceAxis = Literal["sagittal", "coronal", "axial"]
"""Direction along which slices follow one another."""

SLICE_AXES: dict[str, int] = {axis: index for index, axis in enumerate(get_args(SliceAxis))}
"""Axis of the canonical frame (x, y, z) of each `SliceAxis`."""

EqualisationMode = Literal["volume", "head"]
"""Which voxels take part in histogram equalisation."""

MaskSlice = Literal["middle", "largest"]
"""Slice that gives post-processing its brain mask."""
