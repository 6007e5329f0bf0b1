"""Which slices make which batch (pure numpy): a function of the seed and the step's number.

Nothing is remembered between steps, so a run that is stopped and started again sees the same
batches as one that never stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

UNKNOWN = 255
"""Label of a pixel that takes no part in the loss."""

IN_PLANE_MULTIPLE = 16
"""What the four poolings between five stages need."""


@dataclass(frozen=True)
class TrainingVolume:
    """One labelled scan, slices first, ready to be cut into batches.

    Attributes:
        name: the subject's.
        stacks: equalised slices with their neighbours as channels.
        labels: tissues, or `UNKNOWN`.
        has_head: which slices show any of the head; the others are not trained on.
    """

    name: str
    stacks: UInt8[np.ndarray, "slice height width 3"]
    labels: UInt8[np.ndarray, "slice height width"]
    has_head: Bool[np.ndarray, " slice"]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the slices."""
        _, height, width = self.labels.shape
        return height, width


class Batch(NamedTuple):
    """The images of one step, in microbatches.

    Attributes:
        images: equalised stacks, 0 where padded.
        labels: tissues.
        valid: False where an image is only padding or its label unknown, which carries no loss.
        weight: 1 of an image, 0 of one that only fills a microbatch.
    """

    images: UInt8[np.ndarray, "microbatch image height width 3"]
    labels: UInt8[np.ndarray, "microbatch image height width"]
    valid: Bool[np.ndarray, "microbatch image height width"]
    weight: Float32[np.ndarray, "microbatch image"]


@dataclass(frozen=True)
class BatchShape:
    """The one shape that all batches of a run have.

    Attributes:
        images: how many images count in a step.
        microbatches: how often the network runs in a step, over all devices.
        images_per_microbatch: how many images it sees each time.
        height: of an image, in pixels.
        width: of an image, in pixels.
    """

    images: int
    microbatches: int
    images_per_microbatch: int
    height: int
    width: int


def batch_shape(
    sizes: Sequence[tuple[int, int]], images: int, images_per_microbatch: int, devices: int
) -> BatchShape:
    """Return the shape that holds `images` images of any of the sizes, shared equally by `devices`.

    Height and width are the largest of all, rounded up to `IN_PLANE_MULTIPLE`; the
    microbatches are as few as hold the images in equal numbers on every device.
    """
    height, width = np.max(sizes, axis=0)
    return BatchShape(
        images=images,
        microbatches=_round_up(-(-images // images_per_microbatch), devices),
        images_per_microbatch=images_per_microbatch,
        height=_round_up(int(height), IN_PLANE_MULTIPLE),
        width=_round_up(int(width), IN_PLANE_MULTIPLE),
    )


def part_of(shape: BatchShape, microbatches: range) -> tuple[BatchShape, range]:
    """Return the shape of some successive microbatches of a batch, and which images they hold."""
    ends = [
        number * shape.images_per_microbatch for number in (microbatches.start, microbatches.stop)
    ]
    images = range(*(min(end, shape.images) for end in ends))
    return replace(shape, images=len(images), microbatches=len(microbatches)), images


def training_slices(volumes: Sequence[TrainingVolume]) -> Int[np.ndarray, "slice 2"]:
    """Return (volume, slice) of every slice with a head, volume by volume."""
    pairs = [
        (number, position)
        for number, volume in enumerate(volumes)
        for position in np.flatnonzero(volume.has_head)
    ]
    return np.asarray(pairs, np.int64).reshape(-1, 2)


def channel_means(volumes: Sequence[TrainingVolume]) -> tuple[float, float, float]:
    """Return mean of each channel over the slices with a head, on the 0-255 scale."""
    parts = [volume.stacks[volume.has_head] for volume in volumes]
    sums = np.sum([part.sum(axis=(0, 1, 2), dtype=np.float64) for part in parts], axis=0)
    red, green, blue = sums / sum(part[..., 0].size for part in parts)
    return float(red), float(green), float(blue)


def chosen(count: int, images: int, seed: int, step: int) -> Int[np.ndarray, " image"]:
    """Return which of `count` slices make the batch of a step, counted from 0; see `in_order`."""
    return in_order(count, step * images + np.arange(images), seed)


def in_order(
    count: int, positions: Int[np.ndarray, " image"], seed: int
) -> Int[np.ndarray, " image"]:
    """Return which of `count` slices come at some positions of the order of training.

    The positions read on through one shuffled order of all slices after another, so that each
    slice comes once before any comes again; the shuffle of a round depends on seed and round
    alone.
    """
    rounds, places = np.divmod(positions, count)
    orders = {
        number: np.random.default_rng((seed, number)).permutation(count)
        for number in np.unique(rounds).tolist()
    }
    return np.asarray(
        [orders[number][place] for number, place in zip(rounds, places, strict=True)], np.int64
    )


def make_batch(
    volumes: Sequence[TrainingVolume],
    slices: Int[np.ndarray, "image 2"],
    shape: BatchShape,
) -> Batch:
    """Return the batch of the given (volume, slice) pairs, each in the middle of its image.

    Images beyond those asked for are empty and have weight 0 and no valid pixel.
    """
    total = shape.microbatches * shape.images_per_microbatch
    assert len(slices) <= total, (len(slices), shape)
    size = (total, shape.height, shape.width)
    images, labels = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    valid, weight = np.zeros(size, np.bool_), np.zeros(total, np.float32)
    for place, (number, position) in enumerate(slices):
        volume = volumes[number]
        height, width = volume.size
        top, left = (shape.height - height) // 2, (shape.width - width) // 2
        inside = (place, slice(top, top + height), slice(left, left + width))
        images[inside] = volume.stacks[position]
        known = volume.labels[position] != UNKNOWN
        labels[inside] = np.where(known, volume.labels[position], 0)
        valid[inside] = known
        weight[place] = 1
    leading = (shape.microbatches, shape.images_per_microbatch)
    return Batch(
        *(leaf.reshape(*leading, *leaf.shape[1:]) for leaf in (images, labels, valid, weight))
    )


def batches(
    volumes: Sequence[TrainingVolume],
    shape: BatchShape,
    seed: int,
    steps: range,
    microbatches: range,
) -> Iterator[Batch]:
    """Yield some of the microbatches of the batches of some steps."""
    slices = training_slices(volumes)
    part, images = part_of(shape, microbatches)
    for step in steps:
        numbers = chosen(len(slices), shape.images, seed, step)[images.start : images.stop]
        yield make_batch(volumes, slices[numbers], part)


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
