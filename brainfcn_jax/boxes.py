"""Boxes of voxels, and the part of a grid that lies in one (numpy)."""

import math
from collections.abc import Sequence

from brainfcn_jax.resample import Lines

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Start and stop along each axis, stops exclusive."""


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """The box as an index."""
    first, second, third = (slice(start, stop) for start, stop in box)
    return first, second, third


def whole(grid: Lines) -> Box:
    """The box of all voxels of a grid."""
    first, second, third = ((0, line.size) for line in grid)
    return first, second, third


def parts(grid: Lines, box: Box) -> Lines:
    """The grid of the voxels in the box."""
    first, second, third = (
        line.part(start, stop) for line, (start, stop) in zip(grid, box, strict=True)
    )
    return first, second, third


def cover(grid: Lines, other: Lines) -> Box:
    """The box of the grid's voxels that touch another grid."""
    first, second, third = (line.cover(part) for line, part in zip(grid, other, strict=True))
    return first, second, third


def widened(box: Box, margins_mm: Sequence[float], grid: Lines) -> Box:
    """The box and at least a margin on both sides of each axis, as far as the grid reaches."""
    margins = [
        math.ceil(margin_mm / line.spacing_mm)
        for margin_mm, line in zip(margins_mm, grid, strict=True)
    ]
    first, second, third = (
        (max(start - margin, 0), min(stop + margin, line.size))
        for (start, stop), margin, line in zip(box, margins, grid, strict=True)
    )
    return first, second, third


def intersection(box: Box, other: Box) -> Box:
    """The voxels that are in both boxes, which must overlap."""
    first, second, third = (
        (max(start, other_start), min(stop, other_stop))
        for (start, stop), (other_start, other_stop) in zip(box, other, strict=True)
    )
    return first, second, third
