"""A scan as the network sees it: on the model's grid, equalised, cut to the head or brain."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.boxes import (
    Box,
    bounding_box,
    box_slices,
    cover,
    head_box,
    intersection,
    overlap,
    parts,
    whole,
    widened,
    within,
)
from brainfcn_jax.imaging.choices import first_axis
from brainfcn_jax.imaging.equalisation import equalise_volume, find_head_threshold
from brainfcn_jax.imaging.histograms import Histogram, intensity_histogram, level_histogram
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import Lines, centred_grid, resample
from brainfcn_jax.inference.brain import Brain, people_of
from brainfcn_jax.inference.prediction import ANYTHING, NOTHING
from brainfcn_jax.network.model_file import ModelDescription
from brainfcn_jax.text import number

T = TypeVar("T")

HEAD_MARGIN_VOXELS = 8
BRAIN_MARGIN_MM = 16.0
"""How much of the head around the brain counts as head, and is equalised."""

SEEN_MARGIN_MM = 6.0
"""How much the network sees beyond what may be labelled; more hardly changes labels."""

COARSE = 1.5
"""Voxels this many times larger than the training set's are worth a note."""

THICK = 2.0
"""Slices this many times as far apart as those trained on are not interpolated."""

LARGEST_GRID = 2**29
"""Voxels of a network's grid; more would be a slip in the header's voxel sizes."""


@dataclass(frozen=True)
class Prepared:
    """A scan as the network sees it. Everything is slices first.

    Attributes:
        inside: the equalised volume in the box.
        allowed: what `predict` may find in each of its voxels: fluid alone near the brain and
            nothing further off, nothing where a skull was cut away; None, for anything, where no
            brain was found.
        in_brain: which of its voxels are in the brain that was found; None without one, and where
            the skull was removed.
        reach: how far the slices that the network was trained on are apart, as a part of how far
            these are.
        box: what the network sees, on its grid: the head, or the brain's surroundings.
        grid: the network's grid, which covers the whole scan.
        scan_box: the same on the scan's grid.
        scan_grid: the scan's grid; equal to `grid` when nothing was resampled.
        head_histogram: the intensities that take part in the equalisation.
        equalised_histogram: the grey levels that they become.
    """

    inside: UInt8[np.ndarray, "slice height width"]
    allowed: UInt8[np.ndarray, "slice height width"] | None
    in_brain: Bool[np.ndarray, "slice height width"] | None
    reach: float
    box: Box
    grid: Lines
    scan_box: Box
    scan_grid: Lines
    head_histogram: Histogram
    equalised_histogram: Histogram

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size of the network's grid."""
        first, second, third = (line.spacing_mm for line in self.grid)
        return first, second, third

    @property
    def resampled(self) -> bool:
        """Whether the network's grid is another than the scan's."""
        return self.grid != self.scan_grid


def prepare(scan: Scan, description: ModelDescription, brain: Brain | None = None) -> Prepared:
    """The scan equalised on the network's grid, slices first, cut to the box around the head.

    The head is found on the scan's own grid: what is above `head_threshold`, and
    `HEAD_MARGIN_VOXELS` of the network's voxels around it. Where its brain is known, and there is
    more than brain, only `BRAIN_MARGIN_MM` around that counts as head, and nothing far from it may
    be labelled; where there is no more, nothing in voxels of which most was cut away. Only this is
    resampled, and equalised with the threshold of the whole scan. Of it, `seen_part` is kept.
    """
    axis, mode = first_axis(description.slice_axis), description.equalise
    volume = np.moveaxis(scan.data, axis, 0)
    scan_grid, grid = grids(scan, description)
    skull_stripped = brain is not None and brain.skull_stripped
    if skull_stripped:
        brain = None
    threshold, scan_box, taking_part = None, whole(scan_grid), volume
    if mode == "head":
        threshold = find_head_threshold(volume)
        head = volume > np.asarray(threshold)
        margins_mm = [HEAD_MARGIN_VOXELS * line.spacing_mm for line in grid]
        scan_box = widened(head_box(head, 0), margins_mm, scan_grid)
        if brain is not None:
            around = slices_first(brain.box(to_canonical(scan_grid, axis), BRAIN_MARGIN_MM), axis)
            scan_box = intersection(scan_box, around) if overlap(scan_box, around) else around
        taking_part = volume[box_slices(scan_box)][head[box_slices(scan_box)]]
    source = parts(scan_grid, scan_box)
    box = cover(grid, source)
    target = parts(grid, box)
    inside = volume[box_slices(scan_box)]
    levels = equalise_volume(resample(inside, source, target), mode, threshold)
    histograms = _histograms(taking_part, levels, mode)
    allowed = in_brain = None
    if skull_stripped:
        cut_away = resample(empty_around(inside).astype(np.float32), source, target) > 0.5
        allowed = np.where(cut_away, np.uint8(NOTHING), np.uint8(ANYTHING))
    elif brain is not None:
        outward_mm = np.moveaxis(brain.distance_mm(to_canonical(target, axis)), axis, 0)
        allowed = people_of(description).allowed(outward_mm)
        seen = seen_part(allowed, target, 2 ** (description.stages - 1))
        allowed, levels = allowed[box_slices(seen)], levels[box_slices(seen)]
        in_brain = outward_mm[box_slices(seen)] == 0
        box = within(box, seen)
        scan_box = intersection(scan_box, cover(scan_grid, parts(grid, box)))
    trained_mm = description.spacing_mm[axis]
    reach = trained_mm / grid[0].spacing_mm if is_thick(grid[0].spacing_mm, trained_mm) else 1.0
    return Prepared(levels, allowed, in_brain, reach, box, grid, scan_box, scan_grid, *histograms)


def seen_part(
    allowed: UInt8[np.ndarray, "slice height width"], grid: Lines, pooled_voxels: int
) -> Box:
    """What is seen of a grid: `SEEN_MARGIN_MM` around what may be labelled.

    It begins a whole number of `pooled_voxels` after the grid, those of one of the last stage, so
    that the poolings take the same voxels together as though the whole grid were seen: labels
    depend on that.
    """
    tight = bounding_box(allowed) or whole(grid)
    first, second, third = (
        (start - start % pooled_voxels, stop)
        for start, stop in widened(tight, [SEEN_MARGIN_MM] * 3, grid)
    )
    return first, second, third


def empty_around(volume: Float32[np.ndarray, "i j k"]) -> Bool[np.ndarray, "i j k"]:
    """What has the lowest intensity of all and is joined to the edge of the volume by faces."""
    lowest = np.pad(volume == volume.min(), 1, constant_values=True)
    pieces, _ = ndimage.label(lowest)
    around: Bool[np.ndarray, "i j k"] = (pieces == pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return around


def grids(scan: Scan, description: ModelDescription) -> tuple[Lines, Lines]:
    """The scan's grid and the network's, slices first.

    Thick slices, `THICK` times those trained on or more, are labelled as they are.

    Raises InputError when the network's is absurdly large.
    """
    axis = first_axis(description.slice_axis)
    scan_grid = slices_first(centred_grid(scan.data.shape, scan.spacing_mm), axis)
    trained_mm = slices_first(description.spacing_mm, axis)
    slices, height, width = (
        line.resampled(mm) for line, mm in zip(scan_grid, trained_mm, strict=True)
    )
    grid = (slices, height, width)
    voxels = slices.size * height.size * width.size
    if voxels > LARGEST_GRID and grid != scan_grid:
        raise InputError(
            f"'{scan.path}' has voxels of {millimetres(scan.spacing_mm)} and would have "
            f"{number(voxels)} at the model's {millimetres(description.spacing_mm)}; check the "
            "voxel sizes in its header, or crop it"
        )
    if is_thick(scan_grid[0].spacing_mm, trained_mm[0]):
        grid = (scan_grid[0], height, width)
    return scan_grid, grid


def slices_first(canonical: tuple[T, T, T], axis: int) -> tuple[T, T, T]:
    """What belongs to x, y and z in the order of a volume whose slices along `axis` come first."""
    first, second, third = (canonical[place] for place in (axis, *_others(axis)))
    return first, second, third


def to_canonical(sliced: tuple[T, T, T], axis: int) -> tuple[T, T, T]:
    """What belongs to the axes of such a volume in the order x, y, z."""
    order = (axis, *_others(axis))
    x, y, z = (sliced[order.index(place)] for place in range(3))
    return x, y, z


def _others(axis: int) -> tuple[int, ...]:
    return tuple(place for place in range(3) if place != axis)


def is_thick(spacing_mm: float, trained_mm: float) -> bool:
    """Whether slices are so far apart that they are labelled as they are."""
    return spacing_mm >= THICK * trained_mm


def spacing_notes(
    spacing_mm: tuple[float, float, float], trained_mm: tuple[float, float, float]
) -> tuple[str, ...]:
    """A note when the scan's voxels (x, y, z) are much larger than those trained on."""
    if np.max(np.asarray(spacing_mm) / np.asarray(trained_mm)) <= COARSE:
        return ()
    return (
        f"voxels are {millimetres(spacing_mm)}, the model was trained on "
        f"{millimetres(trained_mm)}; small structures may be lost between; check the labels",
    )


def _histograms(
    intensities: Float32[np.ndarray, "*shape"], levels: UInt8[np.ndarray, "*grid"], mode: str
) -> tuple[Histogram, Histogram]:
    """Of the intensities that take part, and of all levels but that of no head."""
    lowest_level = 1 if mode == "head" else 0
    return intensity_histogram(intensities), level_histogram(levels, lowest_level)


def millimetres(spacing_mm: tuple[float, float, float]) -> str:
    """A voxel size in words."""
    return " x ".join(map(number, spacing_mm)) + " mm"
