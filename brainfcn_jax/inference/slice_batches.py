"""Slices of a volume in batches of one shape, and a volume of what was found in them (numpy)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float16, Shaped, UInt8

from brainfcn_jax.labels import BACKGROUND

IN_PLANE_STEP = 32
"""Slices are padded to multiples of this: more than poolings ask for, so that few sizes compile."""


class Prediction(NamedTuple):
    """What a network says of a batch of slices, or about a volume.

    Attributes:
        labels: the most probable class of each voxel.
        entropy: of the classes' probabilities, as a fraction of the largest possible: 0 is certain.
        class_sums: the probability of each class times the voxel's weight, added up over all voxels
            of a volume, or of each slice of a batch.
        probabilities: of every class, adding up to 1, in half precision: a volume for each class;
            None unless they were asked for.
    """

    labels: UInt8[Any, "i j k"]
    entropy: Float16[Any, "i j k"]
    class_sums: Float[Any, "*slice classes"]
    probabilities: Float16[Any, "classes i j k"] | None


def padded_size(size: int) -> int:
    """Return the rows or columns that slices of a size are padded to."""
    return -(-size // IN_PLANE_STEP) * IN_PLANE_STEP


def allowed_span(slices: Bool[np.ndarray, " slice"]) -> tuple[int, int]:
    """Return the first slice where anything is allowed, and the one after the last.

    (0, 1) where there is none.
    """
    places = np.flatnonzero(slices)
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, 1)


def padded_windows(
    volume: Shaped[np.ndarray, "slice height width"],
    batch_slices: int,
    span: tuple[int, int],
    sides: Sequence[int],
) -> Iterator[Shaped[np.ndarray, "window padded_height padded_width"]]:
    """Yield runs of `batch_slices` slices with one neighbour on each side, all of the same shape.

    Together they hold the slices from the span's start to before its stop. What lies outside the
    volume is 0, as is what slices are padded with to these sides.
    """
    _, height, width = volume.shape
    padding = ((1, batch_slices), (0, sides[0] - height), (0, sides[1] - width))
    padded = np.pad(volume, padding)
    for first in range(*span, batch_slices):
        yield padded[first : first + batch_slices + 2]


def joined(
    outputs: Sequence[Prediction],
    shape: tuple[int, ...],
    span: tuple[int, int],
    background_weight: float,
) -> Prediction:
    """Return one volume of what `classify` gives of batches in turn.

    Args:
        outputs: of each batch; the last one may be longer than the span.
        shape: of the volume, slices first.
        span: the first slice of the first batch, and the one after the last that counts; what is
            not in it is background.
        background_weight: of all pixels of a slice, the background's where there is nothing else.
    """
    (start, stop), (slices, height, width) = span, shape
    labels, entropy = np.zeros(shape, np.uint8), np.zeros(shape, np.float16)
    sums = np.zeros((slices, outputs[0].class_sums.shape[1]))
    sums[:, BACKGROUND] = background_weight
    probabilities = None
    if outputs[0].probabilities is not None:
        probabilities = np.zeros((sums.shape[1], *shape), np.float16)
        probabilities[BACKGROUND] = 1
    first = start
    for batch in outputs:
        count = min(len(batch.labels), stop - first)
        places = slice(first, first + count)
        labels[places] = batch.labels[:count, :height, :width]
        entropy[places] = batch.entropy[:count, :height, :width]
        sums[places] = batch.class_sums[:count]
        if probabilities is not None and batch.probabilities is not None:
            probabilities[:, places] = batch.probabilities[:, :count, :height, :width]
        first += count
    return Prediction(labels, entropy, sums, probabilities)
