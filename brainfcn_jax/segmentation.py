"""From a scan to its tissue labels: the method's whole inference path on one volume."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.nifti import Scan
from brainfcn_jax.postprocess import clean_labels
from brainfcn_jax.predict import BATCH_SLICES, Prediction, equalise_volume, predict
from brainfcn_jax.preprocess import Box, head_box
from brainfcn_jax.weights import Model, ModelDescription

SLICE_AXES = {"sagittal": 0, "coronal": 1, "axial": 2}
"""The canonical (x, y, z) axis that each kind of slice is counted along."""

HEAD_MARGIN_VOXELS = 8
SPACING_TOLERANCE = 1.5
"""Voxels this many times larger or smaller than the training set's are worth a note."""


@dataclass(frozen=True)
class Segmentation:
    """The labels of one scan and what is worth knowing about them.

    Attributes:
        labels: tissues on the scan's canonical grid, after post-processing.
        removed_regions: how many in-slice regions the post-processing took away.
        probabilities: of every class before post-processing; None unless asked for.
        notes: sentences for the user.
        seconds: wall time of each step.
    """

    labels: UInt8[np.ndarray, "x y z"]
    removed_regions: int
    probabilities: Float32[np.ndarray, "x y z classes"] | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def segment_scan(
    model: Model,
    scan: Scan,
    *,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
) -> Segmentation:
    """Tissue labels of a scan on its own canonical grid.

    Slices along the model's axis, histogram equalisation, the network on the box around the head
    (on everything when the model equalises the whole volume), the most probable tissue of each
    voxel, and the paper's post-processing, all on the grid of the scan, which is never resampled.
    Source: Xu et al. 2017, section 2.
    """
    description = model.description
    axis = SLICE_AXES[description.slice_axis]
    height_mm, width_mm = (mm for other, mm in enumerate(scan.spacing_mm) if other != axis)
    seconds: dict[str, float] = {}
    with _timed(seconds, "preprocessing"):
        volume, box = equalised_slices(scan.data, description)
    with _timed(seconds, "network"):
        inside = volume[box_slices(box)]
        predicted = predict(
            model, inside, batch_slices=batch_slices, with_probabilities=with_probabilities
        )
        labels, probabilities = paste(predicted, box, volume.shape)
    with _timed(seconds, "postprocessing"):
        labels, removed = clean_labels(labels, (height_mm, width_mm), description.mask_slice)
    return Segmentation(
        labels=np.ascontiguousarray(np.moveaxis(labels, 0, axis)),
        removed_regions=removed,
        probabilities=None if probabilities is None else np.moveaxis(probabilities, 0, axis),
        notes=spacing_notes(scan.spacing_mm, description.spacing_mm),
        seconds=seconds,
    )


def equalised_slices(
    canonical: Float32[np.ndarray, "x y z"], description: ModelDescription
) -> tuple[UInt8[np.ndarray, "slice height width"], Box]:
    """The equalised volume, slices first, and the box of it that the network has to see."""
    slices_first = np.moveaxis(canonical, SLICE_AXES[description.slice_axis], 0)
    volume = np.asarray(equalise_volume(jnp.asarray(slices_first), mode=description.equalise))
    if description.equalise == "head":
        return volume, head_box(volume, HEAD_MARGIN_VOXELS)
    slices, height, width = volume.shape
    return volume, ((0, slices), (0, height), (0, width))


def box_slices(box: Box) -> tuple[slice, ...]:
    """The box as an index."""
    return tuple(slice(start, stop) for start, stop in box)


def paste(
    predicted: Prediction, box: Box, shape: tuple[int, ...]
) -> tuple[
    UInt8[np.ndarray, "slice height width"],
    Float32[np.ndarray, "slice height width classes"] | None,
]:
    """What was predicted in the box, in a volume of `shape` that is sure background elsewhere."""
    labels = np.zeros(shape, np.uint8)
    labels[box_slices(box)] = predicted.labels
    if predicted.probabilities is None:
        return labels, None
    probabilities = np.zeros((*shape, predicted.probabilities.shape[-1]), np.float32)
    probabilities[..., 0] = 1
    probabilities[box_slices(box)] = predicted.probabilities
    return labels, probabilities


def spacing_notes(
    spacing_mm: tuple[float, float, float], trained_mm: tuple[float, float, float]
) -> tuple[str, ...]:
    """A note when the scan's voxels (x, y, z) are far from those the model was trained on."""
    ratios = np.asarray(spacing_mm) / np.asarray(trained_mm)
    if np.max(np.maximum(ratios, 1 / ratios)) <= SPACING_TOLERANCE:
        return ()
    return (
        f"voxels are {_millimetres(spacing_mm)}, the model was trained on "
        f"{_millimetres(trained_mm)}: check the labels",
    )


def _millimetres(spacing_mm: tuple[float, float, float]) -> str:
    return " x ".join(f"{mm:.3g}" for mm in spacing_mm) + " mm"


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
