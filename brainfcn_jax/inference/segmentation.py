"""From a scan to its tissue labels: the method's whole inference path on one volume."""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float16, Float64, UInt8

from brainfcn_jax.imaging.array_order import laid_out
from brainfcn_jax.imaging.boxes import box_slices, cover, head_box, intersection, parts, widened
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import (
    interpolated_labels,
    interpolated_scores,
    total_weights,
)
from brainfcn_jax.inference.brain import find_brain
from brainfcn_jax.inference.network_input import (
    Prepared,
    grids,
    prepare,
    spacing_notes,
    to_canonical,
)
from brainfcn_jax.inference.postprocessing import clean_labels
from brainfcn_jax.inference.prediction import (
    BATCH_SLICES,
    Prediction,
    Progress,
    VoxelWeights,
    relative_entropy,
    unwatched,
)
from brainfcn_jax.inference.views import predict_along, view_axes, view_notes
from brainfcn_jax.labels import BACKGROUND, CLASSES
from brainfcn_jax.network.model_file import Model


@dataclass(frozen=True)
class Segmentation:
    """The labels of one scan and what is worth knowing about them.

    Everything lies on the scan's canonical grid.

    Attributes:
        labels: tissues, after post-processing.
        removed_regions: how many in-slice regions the post-processing took away.
        soft_voxels: the probabilities of each class, background first, added up over the whole
            grid before post-processing; together the number of its voxels.
        entropy: of the probabilities before post-processing, as a fraction of the largest possible
            (that of equal probabilities): 0 is certain; 0 outside what the network saw.
        head_histogram: the intensities that take part in the equalisation.
        equalised_histogram: the grey levels that they become, on the network's grid.
        slice_axes: the directions of the slices that the network saw.
        network_spacing_mm: voxel size (x, y, z) of the grid that the network saw.
        probabilities: of every class before post-processing, in half precision; None unless
            asked for.
        brain_found: whether a brain was found in the scan; None where it was not looked for.
        unlabelled_brain: how much of a brain that was found in a head has no label, 0 to 1.
        notes: sentences for the user.
        seconds: wall time of each step.
    """

    labels: UInt8[np.ndarray, "x y z"]
    removed_regions: int
    soft_voxels: tuple[float, ...]
    entropy: Float16[np.ndarray, "x y z"]
    head_histogram: Histogram
    equalised_histogram: Histogram
    slice_axes: tuple[SliceAxis, ...]
    network_spacing_mm: tuple[float, float, float]
    probabilities: Float16[np.ndarray, "x y z classes"] | None = None
    brain_found: bool | None = None
    unlabelled_brain: float | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def segment_scan(
    model: Model,
    scan: Scan,
    *,
    finder: Model | None = None,
    views: int = 1,
    batch_slices: int = BATCH_SLICES,
    keep_probabilities: bool = False,
    progress: Progress = unwatched,
) -> Segmentation:
    """Tissue labels of a scan on its own canonical grid.

    It is seen from `views` directions (`views.view_axes`), whose probabilities are fused. The
    `finder` (`brain.finder_for`) finds the brain first, so that nothing else of the head is
    labelled; without one all of the head may be. Where the model's voxels differ from the scan's
    by more than 5%, the scan is interpolated to them (averaged, to larger ones; thick slices stay)
    and the classes' probabilities back: the most probable class is the label, background in
    regions that were removed. `progress` is told the steps that `Segmentation.seconds` has.

    Raises InputError when the scan would be absurdly large at the model's voxel size, and
    UsageError as `views.refuse_views` does. Source: Xu et al. 2017, section 2; resampling is ours.
    """
    axes = view_axes(model.description, scan.spacing_mm, views)
    description = replace(model.description, slice_axis=axes[0])
    axis = SLICE_AXES[axes[0]]
    seconds: dict[str, float] = {}
    with _timed(seconds, "brain", progress):
        grids(scan, description)  # raises before anything is resampled
        brain = None if finder is None else find_brain(finder, scan, batch_slices)
    with _timed(seconds, "preprocessing", progress):
        prepared = prepare(scan, description, brain)
    with _timed(seconds, "network", progress):
        predicted = predict_prepared(
            axes, model, prepared, batch_slices, keep_probabilities, progress
        )
    with _timed(seconds, "postprocessing", progress):
        found, labels, removed = cleaned(predicted.labels, prepared, description.mask_slice)
    with _timed(seconds, "interpolation", progress):
        entropy, probabilities = scan_maps(predicted, prepared, keep_probabilities)
        if prepared.resampled:
            labels = scan_labels(predicted, found, labels, prepared)
    return Segmentation(
        labels=laid_out(np.moveaxis(labels, 0, axis), "C"),
        removed_regions=removed,
        soft_voxels=soft_voxels(predicted.class_sums, prepared),
        entropy=laid_out(np.moveaxis(entropy, 0, axis), "C"),
        head_histogram=prepared.head_histogram,
        equalised_histogram=prepared.equalised_histogram,
        slice_axes=axes,
        network_spacing_mm=to_canonical(prepared.spacing_mm, axis),
        probabilities=None if probabilities is None else np.moveaxis(probabilities, 0, axis),
        brain_found=None if finder is None else brain is not None,
        unlabelled_brain=unlabelled_share(found, prepared),
        notes=(
            *view_notes(axes, views),
            *spacing_notes(scan.spacing_mm, description.spacing_mm),
        ),
        seconds=seconds,
    )


def predict_prepared(
    axes: tuple[SliceAxis, ...],
    model: Model,
    prepared: Prepared,
    batch_slices: int,
    keep_probabilities: bool,
    progress: Progress,
) -> Prediction:
    """What the network says; with probabilities where they are kept or labels need them."""
    return predict_along(
        axes,
        model,
        prepared.inside,
        voxel_weights=scan_weights(prepared),
        allowed=prepared.allowed,
        reach=prepared.reach,
        batch_slices=batch_slices,
        with_probabilities=keep_probabilities or prepared.resampled,
        progress=progress,
    )


def cleaned(
    predicted: UInt8[np.ndarray, "depth2 height2 width2"], prepared: Prepared, mask_slice: str
) -> tuple[UInt8[np.ndarray, "slice height width"], UInt8[np.ndarray, "slice height width"], int]:
    """Labels on the network's whole grid, the same after post-processing, and regions removed."""
    _, rows, columns = prepared.grid
    found = np.zeros([line.size for line in prepared.grid], np.uint8)
    found[box_slices(prepared.box)] = predicted
    labels, removed = clean_labels(found, (rows.spacing_mm, columns.spacing_mm), mask_slice)
    return found, labels, removed


def unlabelled_share(
    found: UInt8[np.ndarray, "slice height width"], prepared: Prepared
) -> float | None:
    """How much of the brain has no label; None where it is not known where the brain is."""
    if prepared.in_brain is None:
        return None
    labelled = found[box_slices(prepared.box)] != BACKGROUND
    return int((prepared.in_brain & ~labelled).sum()) / max(1, int(prepared.in_brain.sum()))


def scan_weights(prepared: Prepared) -> VoxelWeights:
    """How much each voxel of the network's grid counts in a sum over the scan's.

    Interpolation is linear, so sums over the scan's grid need no interpolated probability.
    """
    source = parts(prepared.grid, prepared.box)
    target = parts(prepared.scan_grid, prepared.scan_box)
    slices, rows, columns = (total_weights(s, t) for s, t in zip(source, target, strict=True))
    return slices, rows, columns


def soft_voxels(
    class_sums: Float64[np.ndarray, " classes"], prepared: Prepared
) -> tuple[float, ...]:
    """Summed probabilities over the scan's whole grid; what was not seen is background."""
    in_box = math.prod(stop - start for start, stop in prepared.scan_box)
    outside = math.prod(line.size for line in prepared.scan_grid) - in_box
    sums = class_sums.tolist()
    sums[BACKGROUND] += outside
    return tuple(sums)


def scan_labels(
    predicted: Prediction,
    found: UInt8[np.ndarray, "slice height width"],
    cleaned: UInt8[np.ndarray, "slice height width"],
    prepared: Prepared,
) -> UInt8[np.ndarray, "depth3 height3 width3"]:
    """Labels on the scan's grid from the probabilities on the network's.

    Where post-processing made background of `found`, so is the probability (in place). Only the
    part of the scan that the foreground can reach is interpolated: a mean of voxels that are all
    most probably background is background too.
    """
    inside, probabilities = box_slices(prepared.box), predicted.probabilities
    assert probabilities is not None
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


def scan_maps(
    predicted: Prediction, prepared: Prepared, keep_probabilities: bool
) -> tuple[
    Float16[np.ndarray, "slice2 height2 width2"],
    Float16[np.ndarray, "slice2 height2 width2 classes"] | None,
]:
    """Entropy, and probabilities if they are kept, on the scan's grid.

    Outside what the network saw background is certain. In a scan that is resampled the entropy is
    that of the interpolated probabilities; they exist a slab at a time.
    """
    shape = [line.size for line in prepared.scan_grid]
    entropy = np.zeros(shape, np.float16)
    entropy_inside = entropy[box_slices(prepared.scan_box)]  # a view
    volumes = inside = None
    if keep_probabilities:
        volumes = np.zeros((CLASSES, *shape), np.float16)
        volumes[BACKGROUND] = 1
        inside = volumes[:, *box_slices(prepared.scan_box)]  # a view
    if not prepared.resampled:
        entropy_inside[...] = predicted.entropy
        if inside is not None:
            inside[...] = predicted.probabilities
    else:
        assert predicted.probabilities is not None
        source = parts(prepared.grid, prepared.box)
        target = parts(prepared.scan_grid, prepared.scan_box)
        for indices, slab in interpolated_scores(predicted.probabilities, source, target):
            entropy_inside[indices] = relative_entropy(slab)
            if inside is not None:
                inside[:, indices] = slab
    return entropy, None if volumes is None else np.moveaxis(volumes, 0, -1)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str, progress: Progress) -> Iterator[None]:
    progress(step, 0, 1)
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
