"""From a scan to its tissue labels: the method's whole inference path on one volume."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float16, UInt8

from brainfcn_jax.boxes import Box, box_slices, cover, intersection, parts, whole, widened
from brainfcn_jax.errors import InputError
from brainfcn_jax.grid import SLICE_AXES
from brainfcn_jax.labels import BACKGROUND
from brainfcn_jax.nifti import Scan
from brainfcn_jax.postprocess import clean_labels
from brainfcn_jax.predict import BATCH_SLICES, equalise_volume, find_head_threshold, predict
from brainfcn_jax.preprocess import head_box
from brainfcn_jax.resample import (
    Lines,
    centred_line,
    interpolated_labels,
    interpolated_scores,
    resample,
)
from brainfcn_jax.weights import Model, ModelDescription

HEAD_MARGIN_VOXELS = 8
COARSE = 1.5
"""Voxels this many times larger than the training set's are worth a note."""

LARGEST_GRID = 2**29
"""Voxels of a network's grid; more would be a slip in the header's voxel sizes."""


@dataclass(frozen=True)
class Segmentation:
    """The labels of one scan and what is worth knowing about them.

    Attributes:
        labels: tissues on the scan's canonical grid, after post-processing.
        removed_regions: how many in-slice regions the post-processing took away.
        probabilities: of every class before post-processing, in half precision; None unless
            asked for.
        network_spacing_mm: voxel size (x, y, z) of the grid that the network saw.
        notes: sentences for the user.
        seconds: wall time of each step.
    """

    labels: UInt8[np.ndarray, "x y z"]
    removed_regions: int
    probabilities: Float16[np.ndarray, "x y z classes"] | None = None
    network_spacing_mm: tuple[float, float, float] | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """A scan as the network sees it. Everything is slices first.

    Attributes:
        inside: the equalised volume in the head's box.
        box: the head's box on the network's grid.
        grid: the network's grid, which covers the whole scan.
        scan_box: the head's box on the scan's grid.
        scan_grid: the scan's grid; equal to `grid` when nothing was resampled.
    """

    inside: UInt8[np.ndarray, "slice height width"]
    box: Box
    grid: Lines
    scan_box: Box
    scan_grid: Lines

    @property
    def resampled(self) -> bool:
        """Whether the network's grid is another than the scan's."""
        return self.grid != self.scan_grid


def segment_scan(
    model: Model,
    scan: Scan,
    *,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
) -> Segmentation:
    """Tissue labels of a scan on its own canonical grid.

    The scan is brought to the model's voxel size along each axis where the two differ by more
    than 5%; then slices along the model's axis, histogram equalisation, the network on the box
    around the head (on everything when the model equalises the whole volume), and the paper's
    post-processing. The classes' probabilities go back to the scan's own grid by linear
    interpolation (by means, along axes where its voxels are the larger ones), after voxels in
    regions that the post-processing removed were made sure background, and the most probable
    class is the label. When no axis differs, nothing is resampled and the network's own labels
    are given.

    Raises InputError when the scan would be absurdly large at the model's voxel size.
    Source: Xu et al. 2017, section 2; resampling is ours.
    """
    description = model.description
    axis = SLICE_AXES[description.slice_axis]
    seconds: dict[str, float] = {}
    with _timed(seconds, "preprocessing"):
        prepared = prepare(scan, description)
    grid = prepared.grid
    with _timed(seconds, "network"):
        predicted = predict(
            model,
            prepared.inside,
            batch_slices=batch_slices,
            with_probabilities=with_probabilities or prepared.resampled,
        )
    with _timed(seconds, "postprocessing"):
        found = np.zeros([line.size for line in grid], np.uint8)
        found[box_slices(prepared.box)] = predicted.labels
        in_plane_mm = (grid[1].spacing_mm, grid[2].spacing_mm)
        labels, removed = clean_labels(found, in_plane_mm, description.mask_slice)
    probabilities = None
    if with_probabilities:
        assert predicted.probabilities is not None
        probabilities = scan_probabilities(predicted.probabilities, prepared)
    if prepared.resampled:
        assert predicted.probabilities is not None
        with _timed(seconds, "interpolation"):
            labels = scan_labels(predicted.probabilities, found, labels, prepared)
    return Segmentation(
        labels=np.ascontiguousarray(np.moveaxis(labels, 0, axis)),
        removed_regions=removed,
        probabilities=None if probabilities is None else np.moveaxis(probabilities, 0, axis),
        network_spacing_mm=_canonical_spacing(grid, axis),
        notes=spacing_notes(scan.spacing_mm, description.spacing_mm),
        seconds=seconds,
    )


def prepare(scan: Scan, description: ModelDescription) -> Prepared:
    """The scan equalised on the network's grid, slices first, cut to the box around the head.

    In a scan that is resampled, the head is found on its own grid (what is above
    `head_threshold`, and `HEAD_MARGIN_VOXELS` of the network's voxels around it), only its box is
    resampled, and the box is equalised with the threshold of the whole scan.
    """
    axis = SLICE_AXES[description.slice_axis]
    slices_first = np.moveaxis(scan.data, axis, 0)
    scan_grid, grid = grids(scan, description)
    if scan_grid == grid:
        volume = np.asarray(equalise_volume(jnp.asarray(slices_first), mode=description.equalise))
        box = whole(grid)
        if description.equalise == "head":
            box = head_box(volume, HEAD_MARGIN_VOXELS)
        return Prepared(volume[box_slices(box)], box, grid, box, scan_grid)
    threshold, scan_box = None, whole(scan_grid)
    if description.equalise == "head":
        threshold = find_head_threshold(jnp.asarray(slices_first))
        margins_mm = [HEAD_MARGIN_VOXELS * line.spacing_mm for line in grid]
        head = head_box(slices_first > np.asarray(threshold), 0)
        scan_box = widened(head, margins_mm, scan_grid)
    source = parts(scan_grid, scan_box)
    box = cover(grid, source)
    inside = resample(slices_first[box_slices(scan_box)], source, parts(grid, box))
    equalised = equalise_volume(jnp.asarray(inside), mode=description.equalise, threshold=threshold)
    return Prepared(np.asarray(equalised), box, grid, scan_box, scan_grid)


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


def scan_labels(
    probabilities: Float16[np.ndarray, "classes depth2 height2 width2"],
    found: UInt8[np.ndarray, "slice height width"],
    cleaned: UInt8[np.ndarray, "slice height width"],
    prepared: Prepared,
) -> UInt8[np.ndarray, "depth3 height3 width3"]:
    """Labels on the scan's grid from the probabilities in the head's box on the network's.

    Where post-processing made background of `found`, so is the probability (in place). Only the
    part of the scan that the foreground can reach is interpolated: a mean of voxels that are all
    most probably background is background too.
    """
    inside = box_slices(prepared.box)
    probabilities[:, (found != cleaned)[inside]] = np.eye(len(probabilities))[:, [BACKGROUND]]
    labels = np.zeros([line.size for line in prepared.scan_grid], np.uint8)
    if not cleaned.any():
        return labels
    reaches_mm = [
        max(line.spacing_mm, scan_line.spacing_mm) + line.spacing_mm
        for line, scan_line in zip(prepared.grid, prepared.scan_grid, strict=True)
    ]
    brain = widened(head_box(cleaned, 0), reaches_mm, prepared.grid)
    scan_box = intersection(
        cover(prepared.scan_grid, parts(prepared.grid, brain)), prepared.scan_box
    )
    labels[box_slices(scan_box)] = interpolated_labels(
        probabilities, parts(prepared.grid, prepared.box), parts(prepared.scan_grid, scan_box)
    )
    return labels


def scan_probabilities(
    probabilities: Float16[np.ndarray, "classes slice height width"], prepared: Prepared
) -> Float16[np.ndarray, "slice2 height2 width2 classes"]:
    """Probabilities on the scan's grid; sure background outside the head's box."""
    shape = [line.size for line in prepared.scan_grid]
    volumes = np.zeros((len(probabilities), *shape), np.float16)
    volumes[BACKGROUND] = 1
    inside = volumes[:, *box_slices(prepared.scan_box)]  # a view
    if prepared.resampled:
        source = parts(prepared.grid, prepared.box)
        target = parts(prepared.scan_grid, prepared.scan_box)
        for place, slab in interpolated_scores(probabilities, source, target):
            inside[:, place] = slab
    else:
        inside[...] = probabilities
    return np.moveaxis(volumes, 0, -1)


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


def _canonical_spacing(grid: Lines, axis: int) -> tuple[float, float, float]:
    spacings_mm = [line.spacing_mm for line in grid]
    spacings_mm.insert(axis, spacings_mm.pop(0))
    x_mm, y_mm, z_mm = spacings_mm
    return x_mm, y_mm, z_mm


def _millimetres(spacing_mm: tuple[float, float, float]) -> str:
    return " x ".join(f"{mm:.3g}" for mm in spacing_mm) + " mm"


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
