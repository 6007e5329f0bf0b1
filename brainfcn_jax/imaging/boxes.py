"""Boxes of voxels: the part of a grid that lies in one, and the box that holds a head (numpy)."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.resampling import Lines

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Start and stop along each axis, stops exclusive."""


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """Return the box as an index."""
    first, second, third = (slice(start, stop) for start, stop in box)
    return first, second, third


def whole(grid: Lines) -> Box:
    """Return the box of all voxels of a grid."""
    first, second, third = ((0, line.size) for line in grid)
    return first, second, third


def parts(grid: Lines, box: Box) -> Lines:
    """Return the grid of the voxels in the box."""
    first, second, third = (
        line.part(start, stop) for line, (start, stop) in zip(grid, box, strict=True)
    )
    return first, second, third


def cover(grid: Lines, other: Lines) -> Box:
    """Return the box of the grid's voxels that touch another grid."""
    first, second, third = (line.cover(part) for line, part in zip(grid, other, strict=True))
    return first, second, third


def widened(box: Box, margins_mm: Sequence[float], grid: Lines) -> Box:
    """Return the box with at least a margin on both sides of each axis, as far as the grid goes."""
    margins = [
        math.ceil(margin_mm / line.spacing_mm)
        for margin_mm, line in zip(margins_mm, grid, strict=True)
    ]
    return grown(box, margins, [line.size for line in grid])


def grown(box: Box, margins: Sequence[int], shape: Sequence[int]) -> Box:
    """Return the box with so many voxels more on both sides of an axis, within the array."""
    first, second, third = (
        (max(start - margin, 0), min(stop + margin, size))
        for (start, stop), margin, size in zip(box, margins, shape, strict=True)
    )
    return first, second, third


def intersection(box: Box, other: Box) -> Box:
    """Return the voxels that are in both boxes, which must overlap."""
    first, second, third = (
        (max(start, other_start), min(stop, other_stop))
        for (start, stop), (other_start, other_stop) in zip(box, other, strict=True)
    )
    return first, second, third


def within(box: Box, part: Box) -> Box:
    """Return a part of a box, counted from the box's starts, counted as the box is."""
    first, second, third = (
        (start + low, start + high) for (start, _), (low, high) in zip(box, part, strict=True)
    )
    return first, second, third


def overlap(box: Box, other: Box) -> bool:
    """Return whether there are voxels that are in both boxes."""
    return all(
        max(start, other_start) < min(stop, other_stop)
        for (start, stop), (other_start, other_stop) in zip(box, other, strict=True)
    )


def bounding_box(array: Shaped[np.ndarray, "i j k"]) -> Box | None:
    """Return the smallest box around all nonzero voxels, or None when there is none."""
    inside = array != 0
    along_others = inside.any(axis=(1, 2)), inside.any(axis=(0, 2)), inside.any(axis=(0, 1))
    first, second, third = (np.flatnonzero(occupied) for occupied in along_others)
    if not first.size:
        return None
    return (
        (int(first[0]), int(first[-1]) + 1),
        (int(second[0]), int(second[-1]) + 1),
        (int(third[0]), int(third[-1]) + 1),
    )


def head_box(equalised: Shaped[np.ndarray, "slice height width"], margin: int) -> Box:
    """Return the box around all nonzero voxels, widened by `margin` voxels on each side.

    Args:
      equalised: the 'head' output of `equalise`, or any array that is nonzero in the head.
      margin: voxels added at both ends of each axis, at least 0; the box stays in the volume.

    Returns:
      `((start, stop), (start, stop), (start, stop))`, stops exclusive. A volume without any
      nonzero voxel gives the whole volume.

    Raises:
      UsageError: `margin` is negative.
    """
    if margin < 0:
        raise UsageError(f"the margin around the head is {margin} voxels; give 0 or more")
    depth, height, width = equalised.shape
    everything: Box = ((0, depth), (0, height), (0, width))
    return grown(bounding_box(equalised) or everything, [margin] * 3, equalised.shape)
