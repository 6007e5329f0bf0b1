"""Volumes between grids that share their centre: interpolated or averaged, axis by axis (numpy).

A grid's axis is a `Line` of samples. Resampling acts on each axis alone, so it is one small
matrix an axis and the volume is multiplied by it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, UInt8

from brainfcn_jax.imaging.slicing import slices_along, slices_first, volume_of

SAME_SPACING = 1.05
"""Spacings whose ratio is no larger are the same."""

SLAB_VALUES = 16 * 2**20
"""How many interpolated scores exist at a time (64 MiB)."""

_EDGE_TOLERANCE = 1e-6
_SLIVER = 0.01
_BAND = 32


@dataclass(frozen=True)
class Line:
    """The samples of one axis: `size` of them, `spacing_mm` apart, the first at `first_mm`.

    Positions are counted from the middle of the whole axis, of which a line may be a part.
    """

    first_mm: float
    spacing_mm: float
    size: int

    def part(self, start: int, stop: int) -> "Line":
        """Return the samples start..stop-1."""
        return Line(self.first_mm + start * self.spacing_mm, self.spacing_mm, stop - start)

    def resampled(self, spacing_mm: float) -> "Line":
        """Return a line of another spacing over the same length; itself within `SAME_SPACING`.

        Both have one centre, so that a mirrored volume gives mirrored samples.
        """
        ratio = spacing_mm / self.spacing_mm
        if max(ratio, 1 / ratio) <= SAME_SPACING:
            return self
        return centred_line(max(1, math.ceil(self.size / ratio - _SLIVER)), spacing_mm)

    def cover(self, other: "Line") -> tuple[int, int]:
        """Return start and stop of this line's samples whose cells touch those of another line."""
        edge_mm = self.first_mm - self.spacing_mm / 2
        low_mm = other.first_mm - other.spacing_mm / 2
        start = (low_mm - edge_mm) / self.spacing_mm
        stop = (low_mm + other.size * other.spacing_mm - edge_mm) / self.spacing_mm
        return (
            min(max(math.floor(start + _EDGE_TOLERANCE), 0), self.size - 1),
            min(max(math.ceil(stop - _EDGE_TOLERANCE), 1), self.size),
        )


Lines = tuple[Line, Line, Line]
Slab = tuple[slice, slice, slice]
Matrix = Float32[np.ndarray, "_ _"] | None
"""Weights (target, source) of a line's samples in another's; None where the lines agree."""


def centred_line(size: int, spacing_mm: float) -> Line:
    """Return a whole axis: its middle is at 0 mm."""
    return Line(-(size - 1) / 2 * spacing_mm, spacing_mm, size)


def centred_grid(shape: Sequence[int], spacing_mm: Sequence[float]) -> Lines:
    """Return the three whole axes of a volume."""
    first, second, third = (
        centred_line(size, mm) for size, mm in zip(shape, spacing_mm, strict=True)
    )
    return first, second, third


def spacing_of(grid: Lines) -> tuple[float, float, float]:
    """Return a grid's voxel size along x, y and z."""
    x, y, z = (line.spacing_mm for line in grid)
    return x, y, z


def interpolation_matrix(source: Line, target: Line) -> Float32[np.ndarray, "target source"]:
    """Return weights of the source's samples in each of the target's; every row adds up to 1.

    To a finer line it is linear interpolation; to a coarser one, the mean over the coarser
    sample's cell (each of the source's counts as much as its cell lies in it), so that detail too
    fine for the line is averaged away. Beyond the source's ends its last sample holds.
    """
    centres = target.first_mm + target.spacing_mm * np.arange(target.size)
    positions = (centres - source.first_mm) / source.spacing_mm
    positions = np.clip(positions, 0, source.size - 1)
    away = np.abs(positions[:, None] - np.arange(source.size)[None, :])
    width = max(1.0, target.spacing_mm / source.spacing_mm)
    weights = np.clip((width + 1) / 2 - away, 0, 1)  # for width > 1, how far two cells overlap
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def total_weights(source: Line, target: Line) -> Float32[np.ndarray, " source"]:
    """Return how much each of the source's samples counts in the sum over the target's."""
    if source == target:
        return np.ones(source.size, np.float32)
    return interpolation_matrix(source, target).sum(axis=0)


def resample(
    volume: Float32[np.ndarray, "x y z"], source: Lines, target: Lines, first_axis: int = 0
) -> Float32[np.ndarray, "x2 y2 z2"]:
    """Bring a volume from the lines `source` to `target`; leave axes that agree alone.

    `first_axis` is interpolated along first, then the others in their order: rounding depends on
    that, and speed, where an array is read as slices along that axis.
    """
    matrices = slices_first(_matrices(source, target), first_axis)
    return volume_of(_apply(slices_along(volume[None], first_axis), matrices)[0], first_axis)


def interpolated_scores(
    scores: Float[np.ndarray, "classes x y z"],
    source: Lines,
    target: Lines,
    first_axis: int = 0,
    slab_values: int = SLAB_VALUES,
) -> Iterator[tuple[Slab, Float32[np.ndarray, "classes x2 y2 z2"]]]:
    """Yield class scores on the lines `target`, slab by slab along an axis, as `resample` does.

    They are a slab's index in the target and its scores; at most about `slab_values` of them (but
    at least one slice) exist at a time, however large the target is.
    """
    turned = slices_along(scores, first_axis)
    first, second, third = slices_first(_matrices(source, target), first_axis)
    size, height, width = (line.size for line in slices_first(target, first_axis))
    step = max(1, slab_values // (len(scores) * height * width))
    for start in range(0, size, step):
        indices = slice(start, min(start + step, size))
        rows, needed = None, turned[:, indices]
        if first is not None:
            rows = first[indices]
            used = np.flatnonzero(rows.any(axis=0))
            low, high = int(used[0]), int(used[-1]) + 1
            rows, needed = rows[:, low:high], turned[:, low:high]
        slab = _apply(needed.astype(np.float32), (rows, second, third))
        x, y, z = (indices if axis == first_axis else slice(None) for axis in range(3))
        yield (x, y, z), volume_of(slab, first_axis)


def interpolated_labels(
    scores: Float[np.ndarray, "classes x y z"],
    source: Lines,
    target: Lines,
    first_axis: int = 0,
    slab_values: int = SLAB_VALUES,
) -> UInt8[np.ndarray, "x2 y2 z2"]:
    """Return the class whose interpolated score is highest, on `target`; the first if equal."""
    # np.argmax over the first axis walks through memory in strides, three times slower; so does
    # what is larger than the CPU's caches, or is chosen by a mask.
    labels = np.zeros([line.size for line in target], np.uint8)
    for place, slab in interpolated_scores(scores, source, target, first_axis, slab_values):
        turned = slices_along(slab, first_axis)
        for index, label in enumerate(slices_along(labels[place], first_axis)):  # a slice
            best = turned[0, index].copy()
            for code, candidate in enumerate(turned[1:, index], start=1):
                np.maximum(label, (candidate > best) * np.uint8(code), out=label)
                np.maximum(best, candidate, out=best)
    return labels


def _matrices(source: Lines, target: Lines) -> tuple[Matrix, Matrix, Matrix]:
    x, y, z = (_matrix(s, t) for s, t in zip(source, target, strict=True))
    return x, y, z


def _matrix(source: Line, target: Line) -> Matrix:
    return None if source == target else interpolation_matrix(source, target)


def _apply(
    volumes: Float32[np.ndarray, "volume i j k"],
    matrices: tuple[Matrix, Matrix, Matrix],
) -> Float32[np.ndarray, "volume i2 j2 k2"]:
    """Return each axis of the volumes multiplied by its matrix, if it has one.

    The first axis goes first and the last one last: slabs are thin along the first.
    """
    first, second, third = matrices
    count, size, height, width = volumes.shape
    if first is not None:
        volumes = _multiplied(first, volumes.reshape(count, size, height * width))
        size = len(first)
    if second is not None:
        volumes = _multiplied(second, volumes.reshape(count * size, height, width))
        height = len(second)
    if third is not None:
        rows = volumes.reshape(count * size * height, width)
        volumes = _multiplied(third, rows.T[None])[0].T
        width = len(third)
    return np.ascontiguousarray(volumes.reshape(count, size, height, width))


def _multiplied(
    matrix: Float32[np.ndarray, "target size"], volumes: Float32[np.ndarray, "volume size other"]
) -> Float32[np.ndarray, "volume target other"]:
    """Multiply each volume by an interpolation matrix, without most of its zeros.

    Neighbouring targets need neighbouring samples: so `_BAND` rows at a time are multiplied by the
    columns that they use.
    """
    count, _, others = volumes.shape
    order: Literal["C", "F"] = "C" if volumes.flags.c_contiguous else "F"
    product = np.empty((count, len(matrix), others), np.float32, order=order)
    for start in range(0, len(matrix), _BAND):
        rows = slice(start, start + _BAND)
        used = np.flatnonzero(matrix[rows].any(axis=0))
        columns = slice(int(used[0]), int(used[-1]) + 1)
        np.matmul(matrix[rows, columns], volumes[:, columns], out=product[:, rows])
    return product
