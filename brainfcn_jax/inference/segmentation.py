"""From what a network says of a prepared scan to maps on the scan's own grid (numpy)."""

import math

import numpy as np
from jaxtyping import Float16, Float64, UInt8

from brainfcn_jax.imaging.boxes import (
    Box,
    bounding_box,
    box_slices,
    cover,
    intersection,
    parts,
    widened,
)
from brainfcn_jax.imaging.resampling import Lines, interpolated_labels, interpolated_scores
from brainfcn_jax.inference.network_input import Prepared
from brainfcn_jax.inference.prediction import relative_entropy
from brainfcn_jax.inference.slice_batches import Prediction
from brainfcn_jax.labels import BACKGROUND


def soft_voxels(
    class_sums: Float64[np.ndarray, " classes"], scan_box: Box, scan_grid: Lines
) -> tuple[float, ...]:
    """Return probabilities summed over a scan's grid; what is not in the box is background."""
    in_box = math.prod(stop - start for start, stop in scan_box)
    outside = math.prod(line.size for line in scan_grid) - in_box
    sums = class_sums.tolist()
    sums[BACKGROUND] += outside
    return tuple(sums)


def scan_labels(
    predicted: Prediction,
    found: UInt8[np.ndarray, "x y z"],
    cleaned: UInt8[np.ndarray, "x y z"],
    prepared: Prepared,
    axis: int,
) -> UInt8[np.ndarray, "x3 y3 z3"]:
    """Return labels on the scan's grid, from the probabilities on the network's.

    Where post-processing made background of `found`, so is the probability (in place). Only the
    part of the scan that the foreground can reach is interpolated: a mean of voxels that are all
    most probably background is background too.
    """
    if not prepared.resampled:
        return cleaned
    inside, probabilities = box_slices(prepared.box), predicted.probabilities
    assert probabilities is not None
    probabilities[:, (found != cleaned)[inside]] = np.eye(len(probabilities))[:, [BACKGROUND]]
    labels = np.zeros([line.size for line in prepared.scan_grid], np.uint8)
    foreground = bounding_box(cleaned)
    if foreground is None:
        return labels
    reaches_mm = [
        max(line.spacing_mm, scan_line.spacing_mm) + line.spacing_mm
        for line, scan_line in zip(prepared.grid, prepared.scan_grid, strict=True)
    ]
    brain = widened(foreground, reaches_mm, prepared.grid)
    scan_box = intersection(
        cover(prepared.scan_grid, parts(prepared.grid, brain)), prepared.scan_box
    )
    source, target = parts(prepared.grid, prepared.box), parts(prepared.scan_grid, scan_box)
    labels[box_slices(scan_box)] = interpolated_labels(probabilities, source, target, axis)
    return labels


def scan_maps(
    predicted: Prediction, prepared: Prepared, axis: int, keep_probabilities: bool
) -> tuple[
    Float16[np.ndarray, "x y z"],
    Float16[np.ndarray, "classes x y z"] | None,
]:
    """Return entropy, and probabilities if they are kept, on the scan's grid.

    Outside what the network saw background is certain. In a scan that is resampled the entropy is
    that of the interpolated probabilities; they exist a slab at a time.
    """
    shape = [line.size for line in prepared.scan_grid]
    entropy = np.zeros(shape, np.float16)
    entropy_inside = entropy[box_slices(prepared.scan_box)]  # a view
    volumes = inside = None
    if keep_probabilities:
        volumes = np.zeros((len(predicted.class_sums), *shape), np.float16)
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
        for place, slab in interpolated_scores(predicted.probabilities, source, target, axis):
            entropy_inside[place] = relative_entropy(slab)
            if inside is not None:
                inside[:, *place] = slab
    return entropy, volumes
