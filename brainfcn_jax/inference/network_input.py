"""A scan as the network sees it: on the model's grid, equalised, cut to the head."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.boxes import Box, box_slices, cover, head_box, parts, whole, widened
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.equalisation import equalise_volume, find_head_threshold
from brainfcn_jax.imaging.histograms import Histogram, intensity_histogram, level_histogram
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import Lines, centred_line, resample
from brainfcn_jax.network.model_file import ModelDescription

HEAD_MARGIN_VOXELS = 8
COARSE = 1.5
"""Voxels this many times larger than the training set's are worth a note."""

LARGEST_GRID = 2**29
"""Voxels of a network's grid; more would be a slip in the header's voxel sizes."""


@dataclass(frozen=True)
class Prepared:
    """A scan as the network sees it. Everything is slices first.

    Attributes:
        inside: the equalised volume in the head's box.
        box: the head's box on the network's grid.
        grid: the network's grid, which covers the whole scan.
        scan_box: the head's box on the scan's grid.
        scan_grid: the scan's grid; equal to `grid` when nothing was resampled.
        head_histogram: the intensities that take part in the equalisation.
        equalised_histogram: the grey levels that they become.
    """

    inside: UInt8[np.ndarray, "slice height width"]
    box: Box
    grid: Lines
    scan_box: Box
    scan_grid: Lines
    head_histogram: Histogram
    equalised_histogram: Histogram

    @property
    def resampled(self) -> bool:
        """Whether the network's grid is another than the scan's."""
        return self.grid != self.scan_grid


def prepare(scan: Scan, description: ModelDescription) -> Prepared:
    """The scan equalised on the network's grid, slices first, cut to the box around the head.

    In a scan that is resampled, the head is found on its own grid (what is above
    `head_threshold`, and `HEAD_MARGIN_VOXELS` of the network's voxels around it), only its box is
    resampled, and the box is equalised with the threshold of the whole scan.
    """
    axis, mode = SLICE_AXES[description.slice_axis], description.equalise
    slices_first = np.moveaxis(scan.data, axis, 0)
    scan_grid, grid = grids(scan, description)
    if scan_grid == grid:
        volume = equalise_volume(slices_first, mode)
        box = whole(grid)
        if mode == "head":
            box = head_box(volume, HEAD_MARGIN_VOXELS)
        taking_part = slices_first[volume > 0] if mode == "head" else slices_first
        inside = volume[box_slices(box)]
        return Prepared(inside, box, grid, box, scan_grid, *_histograms(taking_part, inside, mode))
    threshold, scan_box, taking_part = None, whole(scan_grid), slices_first
    if mode == "head":
        threshold = find_head_threshold(slices_first)
        head = slices_first > np.asarray(threshold)
        taking_part = slices_first[head]
        margins_mm = [HEAD_MARGIN_VOXELS * line.spacing_mm for line in grid]
        scan_box = widened(head_box(head, 0), margins_mm, scan_grid)
    source = parts(scan_grid, scan_box)
    box = cover(grid, source)
    inside = resample(slices_first[box_slices(scan_box)], source, parts(grid, box))
    levels = equalise_volume(inside, mode, threshold)
    histograms = _histograms(taking_part, levels, mode)
    return Prepared(levels, box, grid, scan_box, scan_grid, *histograms)


def grids(scan: Scan, description: ModelDescription) -> tuple[Lines, Lines]:
    """The scan's grid and the network's, slices first.

    Raises InputError when the network's is absurdly large.
    """
    axis = SLICE_AXES[description.slice_axis]
    sizes = zip(scan.data.shape, scan.spacing_mm, description.spacing_mm, strict=True)
    lines = [(centred_line(size, mm), trained_mm) for size, mm, trained_mm in sizes]
    lines.insert(0, lines.pop(axis))
    first, second, third = (line for line, _ in lines)
    slices, height, width = (line.resampled(trained_mm) for line, trained_mm in lines)
    scan_grid, grid = (first, second, third), (slices, height, width)
    voxels = slices.size * height.size * width.size
    if voxels > LARGEST_GRID and grid != scan_grid:
        raise InputError(
            f"'{scan.path}' has voxels of {_millimetres(scan.spacing_mm)} and would have "
            f"{voxels:.2g} at the model's {_millimetres(description.spacing_mm)}; check the voxel "
            "sizes in its header, or crop it"
        )
    return scan_grid, grid


def spacing_notes(
    spacing_mm: tuple[float, float, float], trained_mm: tuple[float, float, float]
) -> tuple[str, ...]:
    """A note when the scan's voxels (x, y, z) are much larger than those trained on."""
    if np.max(np.asarray(spacing_mm) / np.asarray(trained_mm)) <= COARSE:
        return ()
    return (
        f"voxels are {_millimetres(spacing_mm)}, the model was trained on "
        f"{_millimetres(trained_mm)}: what lies between is interpolated; check the labels",
    )


def _histograms(
    intensities: Float32[np.ndarray, "*shape"], levels: UInt8[np.ndarray, "*grid"], mode: str
) -> tuple[Histogram, Histogram]:
    """Of the intensities that take part, and of all levels but that of no head."""
    lowest_level = 1 if mode == "head" else 0
    return intensity_histogram(intensities), level_histogram(levels, lowest_level)


def _millimetres(spacing_mm: tuple[float, float, float]) -> str:
    return " x ".join(f"{mm:.3g}" for mm in spacing_mm) + " mm"
