"""A scan as the network sees it: on the model's grid, equalised, cut to the head or brain."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.boxes import (
    Box,
    bounding_box,
    box_slices,
    cover,
    intersection,
    overlap,
    parts,
    whole,
    widened,
    within,
)
from brainfcn_jax.imaging.choices import is_thick
from brainfcn_jax.imaging.equalisation import equalise_volume, find_head_threshold
from brainfcn_jax.imaging.histograms import Histogram, intensity_histogram, level_histogram
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import (
    Line,
    Lines,
    centred_grid,
    resample,
    spacing_of,
    total_weights,
)
from brainfcn_jax.imaging.surroundings import joined_to_faces
from brainfcn_jax.inference.brain import SIZES, Brain
from brainfcn_jax.inference.prediction import (
    ANYTHING,
    NOTHING,
    NetworkInput,
    VoxelWeights,
    anything,
)
from brainfcn_jax.network.model_file import ModelDescription
from brainfcn_jax.text import number

HEAD_MARGIN_VOXELS = 8
BRAIN_MARGIN_MM = 16.0
"""How much of the head around the brain counts as head, and is equalised."""

SEEN_MARGIN_MM = 6.0
"""How much the network sees beyond what may be labelled; more hardly changes labels."""

COARSE = 1.5
"""Voxels this many times larger than the training set's are worth a note."""

LARGEST_GRID = 2**29
"""Voxels of a network's grid; more would be a slip in the header's voxel sizes."""


@dataclass(frozen=True)
class Prepared:
    """A scan as the network sees it, and where that lies in the scan.

    Attributes:
        seen: what the network is shown: the equalised volume in the box; fluid alone is allowed
            near the brain and nothing further off, nothing where a skull was cut away.
        in_brain: which of its voxels are in the brain that was found; None without one, and where
            the skull was removed.
        box: what the network sees, on its grid: the head, or the brain's surroundings.
        grid: the network's grid, which covers the whole scan.
        scan_box: the same on the scan's grid.
        scan_grid: the scan's grid; equal to `grid` when nothing was resampled.
        resampled: whether it is another.
        histograms: of the intensities that take part in the equalisation, and of the grey levels
            that they become.
    """

    seen: NetworkInput
    in_brain: Bool[np.ndarray, "x y z"] | None
    box: Box
    grid: Lines
    scan_box: Box
    scan_grid: Lines
    resampled: bool
    histograms: tuple[Histogram, Histogram]


def prepare(
    scan: Scan, description: ModelDescription, axis: int, brain: Brain | None = None
) -> Prepared:
    """Return a scan equalised on the network's grid, cut to the box around the head.

    It will be seen in slices along `axis`. The head is found on the scan's own grid: what is above
    `head_threshold`, and `HEAD_MARGIN_VOXELS` of the network's voxels around it. Where its brain
    is known, and there is more than brain, only `BRAIN_MARGIN_MM` around that counts as head, and
    nothing far from it may be labelled; where there is no more, nothing in voxels of which most was
    cut away. Only this is resampled, and equalised with the threshold of the whole scan. Of it,
    `seen_part` is kept.
    """
    mode = description.equalise
    scan_grid = centred_grid(scan.data.shape, scan.spacing_mm)
    grid = network_grid(scan_grid, description, axis)
    skull_stripped = brain is not None and brain.skull_stripped
    if skull_stripped:
        brain = None
    threshold, scan_box, taking_part = None, whole(scan_grid), scan.data
    if mode == "head":
        threshold = find_head_threshold(scan.data.ravel())
        head = scan.data > np.asarray(threshold)
        margins_mm = [HEAD_MARGIN_VOXELS * line.spacing_mm for line in grid]
        scan_box = widened(bounding_box(head) or whole(scan_grid), margins_mm, scan_grid)
        if brain is not None:
            around = brain.box(scan_grid, BRAIN_MARGIN_MM)
            scan_box = intersection(scan_box, around) if overlap(scan_box, around) else around
        taking_part = scan.data[box_slices(scan_box)][head[box_slices(scan_box)]]
    source = parts(scan_grid, scan_box)
    box = cover(grid, source)
    target = parts(grid, box)
    inside = scan.data[box_slices(scan_box)]
    levels = equalise_volume(resample(inside, source, target, axis), mode, threshold)
    in_intensities = intensity_histogram(taking_part)
    in_levels = level_histogram(levels.ravel(), lowest=1 if mode == "head" else 0)
    allowed, in_brain = anything(levels.shape), None
    if skull_stripped:
        empty = joined_to_faces(inside == inside.min()).astype(np.float32)
        cut_away = resample(empty, source, target, axis) > 0.5
        allowed = np.where(cut_away, np.uint8(NOTHING), np.uint8(ANYTHING))
    elif brain is not None:
        outward_mm = brain.distance_mm(target)
        allowed = SIZES[description.people].allowed(outward_mm)
        part = seen_part(allowed, target, 2 ** (description.stages - 1))
        allowed, levels = allowed[box_slices(part)], levels[box_slices(part)]
        in_brain = outward_mm[box_slices(part)] == 0
        box = within(box, part)
        scan_box = intersection(scan_box, cover(scan_grid, parts(grid, box)))
    weights = scan_weights(grid, box, scan_grid, scan_box)
    seen = NetworkInput(levels, allowed, weights, reach(grid[axis], description.spacing_mm[axis]))
    resampled, histograms = grid != scan_grid, (in_intensities, in_levels)
    return Prepared(seen, in_brain, box, grid, scan_box, scan_grid, resampled, histograms)


def scan_weights(grid: Lines, box: Box, scan_grid: Lines, scan_box: Box) -> VoxelWeights:
    """Return how much each voxel of the network's box counts in a sum over the scan's.

    So the classes' probabilities add up to what their interpolations would.
    """
    source, target = parts(grid, box), parts(scan_grid, scan_box)
    x, y, z = (total_weights(s, t) for s, t in zip(source, target, strict=True))
    return x, y, z


def reach(slices: Line, trained_mm: float) -> float:
    """Return how far a stack's neighbours lie, as a part of the way to the next slice.

    As far as those that were trained on, in slices so far apart that they are not interpolated.
    """
    spacing_mm = slices.spacing_mm
    return trained_mm / spacing_mm if is_thick(spacing_mm, trained_mm) else 1.0


def seen_part(allowed: UInt8[np.ndarray, "x y z"], grid: Lines, pooled_voxels: int) -> Box:
    """Return what is seen of a grid: `SEEN_MARGIN_MM` around what may be labelled.

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


def network_grid(scan_grid: Lines, description: ModelDescription, axis: int) -> Lines:
    """Return the grid of a network that sees slices along `axis` of a scan.

    Slices so far apart that they are thick are labelled as they are.

    Raises InputError when it would be absurdly large.
    """
    x, y, z = (
        line.resampled(mm) for line, mm in zip(scan_grid, description.spacing_mm, strict=True)
    )
    voxels = x.size * y.size * z.size
    if voxels > LARGEST_GRID and (x, y, z) != scan_grid:
        raise InputError(
            f"has voxels of {millimetres(spacing_of(scan_grid))} and would have "
            f"{number(voxels)} at the model's {millimetres(description.spacing_mm)}; check the "
            "voxel sizes in its header, or crop it"
        )
    grid = [x, y, z]
    if is_thick(scan_grid[axis].spacing_mm, description.spacing_mm[axis]):
        grid[axis] = scan_grid[axis]
    x, y, z = grid
    return x, y, z


def spacing_notes(
    spacing_mm: tuple[float, float, float], trained_mm: tuple[float, float, float]
) -> tuple[str, ...]:
    """Return a note when the scan's voxels (x, y, z) are much larger than those trained on."""
    if np.max(np.asarray(spacing_mm) / np.asarray(trained_mm)) <= COARSE:
        return ()
    return (
        f"voxels are {millimetres(spacing_mm)}, the model was trained on "
        f"{millimetres(trained_mm)}; small structures may be lost between; check the labels",
    )


def millimetres(spacing_mm: tuple[float, float, float]) -> str:
    """Return a voxel size in words."""
    return " x ".join(map(number, spacing_mm)) + " mm"
