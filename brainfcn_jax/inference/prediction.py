"""Tissue labels of an equalised volume, in batches of one fixed size (JAX)."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float16, Float32, Float64, Shaped, UInt8

from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis
from brainfcn_jax.labels import BACKGROUND, CSF
from brainfcn_jax.network import kernels
from brainfcn_jax.network.fcn import (
    Packed,
    SegmentationNetwork,
    nearer_neighbours,
    packed_kernels,
    subtract_mean,
    volume_to_stacks,
)
from brainfcn_jax.network.model_file import Model

BATCH_SLICES = 8
NOTHING, FLUID, ANYTHING = range(3)
"""What there may be in a voxel beside background."""

_IMPOSSIBLE = -1e4
"""A logit so far below another has probability 0 in float32."""

IN_PLANE_STEP = 32
"""Slices are padded to multiples of this: more than poolings ask for, so that few sizes compile."""


Params = dict[str, dict[str, Array]]
VoxelWeights = tuple[
    Float32[np.ndarray, " slice"], Float32[np.ndarray, " height"], Float32[np.ndarray, " width"]
]
"""Weights of a volume's voxels: the products of three weights, one an axis."""

Progress = Callable[[str, int, int], None]
"""Is told which step a scan is at, and how much of it is done of how much: ("network", 24, 160)."""


def unwatched(step: str, done: int, total: int) -> None:
    """Takes what a `Progress` is told where nobody watches."""


@dataclass(frozen=True)
class Prediction:
    """What the network says about a volume, slices first.

    Attributes:
        labels: the most probable class of each voxel.
        entropy: of the classes' probabilities, as a fraction of the largest possible: 0 is certain.
        class_sums: the probability of each class times the voxel's weight, over all voxels.
        probabilities: of every class, adding up to 1, in half precision: a volume for each class;
            None unless they were asked for.
    """

    labels: UInt8[np.ndarray, "slice height width"]
    entropy: Float16[np.ndarray, "slice height width"]
    class_sums: Float64[np.ndarray, " classes"]
    probabilities: Float16[np.ndarray, "classes slice height width"] | None


def predict(
    model: Model,
    equalised: UInt8[np.ndarray, "slice height width"],
    *,
    voxel_weights: VoxelWeights | None = None,
    allowed: UInt8[np.ndarray, "slice height width"] | None = None,
    reach: float = 1.0,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
    progress: Progress = unwatched,
) -> Prediction:
    """Labels (and class probabilities) of a histogram-equalised volume, slices first.

    Slices are padded with 0 at their far edges to a multiple of `IN_PLANE_STEP` and go through
    the network `batch_slices` at a time, and what fills the last batch is left out; so the number
    of slices never decides what is compiled. The padding is cut off again. Each voxel weighs 1
    unless `voxel_weights` says otherwise. `allowed` says where there may be any class (`ANYTHING`),
    extracerebral fluid (`FLUID`) or `NOTHING` beside background; slices at both ends where nothing
    is allowed are background for certain, and not looked at. A stack's neighbours lie `reach`
    of the way to the next slice. `progress` is told the number of slices that are through. All
    goes to the device at once, before the first batch, and comes back at once, after the last.
    """
    network, params, packed = ready_network(model)
    channel_means = np.array(model.description.channel_means, np.float32)
    of_slices, *in_plane = voxel_weights or [np.ones(n, np.float32) for n in equalised.shape]
    rows, columns = (np.pad(weights, (0, -len(weights) % IN_PLANE_STEP)) for weights in in_plane)
    outputs = []
    if allowed is None:
        allowed = np.broadcast_to(np.uint8(ANYTHING), equalised.shape)
    start, stop = allowed_span(allowed)
    windows = padded_windows(equalised, batch_slices, start, stop)
    masks = padded_windows(allowed, batch_slices, start, stop)
    batches = [(window, mask[1:-1]) for window, mask in zip(windows, masks, strict=True)]
    late = batches_late()
    of_all, batches = jax.device_put(((channel_means, rows, columns, np.float32(reach)), batches))
    for batch, of_batch in enumerate(batches):
        progress("network", max(0, batch - late) * batch_slices, stop - start)
        seen = Seen(params, packed, *of_all, *of_batch)
        outputs.append(_compiled_classify(network, with_probabilities, seen))
        jax.block_until_ready(outputs[: len(outputs) - late])
    background_weight = float(rows.sum(dtype=np.float64) * columns.sum(dtype=np.float64))
    return joined(
        jax.device_get(outputs), equalised.shape, (start, stop), of_slices, background_weight
    )


def batches_late() -> int:
    """How many batches are under way while one is waited for.

    One, so that a GPU never waits; none on a CPU, which computes no faster and would hold two.
    """
    return 0 if jax.default_backend() == "cpu" else 1


def allowed_span(allowed: UInt8[np.ndarray, "slice height width"]) -> tuple[int, int]:
    """The first slice where anything is allowed, and the one after the last; (0, 1) without any."""
    places = np.flatnonzero(allowed.any(axis=(1, 2)))
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, 1)


def joined(
    outputs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]],
    shape: tuple[int, ...],
    span: tuple[int, int],
    of_slices: Float32[np.ndarray, " slice"],
    background_weight: float,
) -> Prediction:
    """One volume of what `classify` gives of batches in turn; what is not in `span` is background.

    Args:
        outputs: of each batch; the last one may be longer than the span.
        shape: of the volume.
        span: the first slice of the first batch, and the one after the last that counts.
        of_slices: the slices' weights.
        background_weight: of all pixels of a slice, the background's where there is nothing else.
    """
    (start, stop), (slices, height, width) = span, shape
    labels, entropy = np.zeros(shape, np.uint8), np.zeros(shape, np.float16)
    in_slices = np.zeros((slices, outputs[0][2].shape[1]))
    in_slices[:, BACKGROUND] = background_weight
    probabilities = None
    if outputs[0][3] is not None:
        probabilities = np.zeros((in_slices.shape[1], *shape), np.float16)
        probabilities[BACKGROUND] = 1
    first = start
    for label_map, uncertainty, sums, found in outputs:
        count = min(len(label_map), stop - first)
        places = slice(first, first + count)
        labels[places] = label_map[:count, :height, :width]
        entropy[places] = uncertainty[:count, :height, :width]
        in_slices[places] = sums[:count]
        if probabilities is not None and found is not None:
            probabilities[:, places] = found[:, :count, :height, :width]
        first += count
    return Prediction(labels, entropy, of_slices.astype(np.float64) @ in_slices, probabilities)


def network_of(model: Model) -> SegmentationNetwork:
    """The network whose parameters `model` holds, as this machine runs it.

    In float32 on a CPU; on GPUs and TPUs in bfloat16, which changes less than 0.1 % of the labels.
    """
    description = model.description
    precision = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    return SegmentationNetwork(
        stages=description.stages,
        maps=description.maps,
        classes=len(description.tissues) + 1,
        widths=model.widths,
        precision=precision,
        kernels=kernels.fastest(precision),
    )


@functools.lru_cache(maxsize=2)
def ready_network(model: Model) -> tuple[SegmentationNetwork, Params, Packed]:
    """The model's network, its parameters, and its packed kernels; kept for the next scan.

    Those of two models are: one finds the brain, one labels it.

    Packed, the kernels take seven times the memory of the parameters.
    """
    network = network_of(model)
    params = jax.device_put(model.params)
    return network, params, _compiled_packing(network, params)


def padded_windows(
    volume: Shaped[np.ndarray, "slice height width"], batch_slices: int, start: int, stop: int
) -> Iterator[Shaped[np.ndarray, "window padded_height padded_width"]]:
    """Runs of `batch_slices` slices with one neighbour on each side, all of the same shape.

    Together they hold the slices from `start` to before `stop`. What lies outside the volume is 0.
    """
    _, height, width = volume.shape
    padding = (
        (1, batch_slices),
        (0, -height % IN_PLANE_STEP),
        (0, -width % IN_PLANE_STEP),
    )
    padded = np.pad(volume, padding)
    for first in range(start, stop, batch_slices):
        yield padded[first : first + batch_slices + 2]


class Seen(NamedTuple):
    """What a batch's labels are worked out from.

    Attributes:
        params: of the network.
        packed: its kernels, as `packed_kernels` gives them.
        channel_means: subtracted from the stacks.
        row_weights: how much the rows count in sums.
        column_weights: how much the columns do.
        reach: how far a stack's neighbours are, as a part of the way to the next slice.
        window: the batch's equalised slices, and one before and behind.
        allowed: what there may be: `NOTHING`, `FLUID` or `ANYTHING`.
    """

    params: Params
    packed: Packed
    channel_means: Float[Array, " 3"]
    row_weights: Float[Array, " height"]
    column_weights: Float[Array, " width"]
    reach: Float[Array, ""]
    window: UInt8[Array, "window height width"]
    allowed: UInt8[Array, "batch height width"]


def classify(
    network: SegmentationNetwork, with_probabilities: bool, seen: Seen
) -> tuple[
    UInt8[Array, "batch height width"],
    Float16[Array, "batch height width"],
    Float32[Array, "batch classes"],
    Float16[Array, "classes batch height width"] | None,
]:
    """What `Prediction` holds, of all slices of a window but the first and the last.

    The sums are those of single slices, since float32 would lose count of a volume's voxels.
    """
    stacks = volume_to_stacks(seen.window)[1:-1].astype(jnp.float32)
    stacks = subtract_mean(nearer_neighbours(stacks, seen.reach), seen.channel_means)
    logits, _ = network.apply({"params": seen.params}, stacks, seen.packed)
    fluid_or_less = np.isin(np.arange(network.classes), (BACKGROUND, CSF))
    least = np.where(fluid_or_less, FLUID, ANYTHING)
    least[BACKGROUND] = NOTHING
    permitted = seen.allowed[..., None] >= least.reshape(1, 1, 1, -1)
    logits = jnp.where(permitted, logits, _IMPOSSIBLE)
    labels = jnp.argmax(logits, axis=-1).astype(jnp.uint8)
    logarithms = jax.nn.log_softmax(logits)
    probabilities = jnp.exp(logarithms)
    nats = -jnp.sum(probabilities * logarithms, axis=-1)
    entropy = jnp.clip(nats / math.log(network.classes), 0, 1).astype(jnp.float16)
    in_rows = jnp.sum(probabilities * seen.column_weights[None, None, :, None], axis=2)
    sums = jnp.sum(in_rows * seen.row_weights[None, :, None], axis=1)  # (batch, classes)
    if not with_probabilities:
        return labels, entropy, sums, None
    return labels, entropy, sums, jnp.moveaxis(probabilities, -1, 0).astype(jnp.float16)


def mean_along(
    axes: Sequence[SliceAxis],
    seen_along: Callable[[int], Float16[np.ndarray, "classes slice height width"]],
) -> Float32[np.ndarray, "classes x y z"]:
    """The mean over axes of what is seen along each, slices first."""
    total: Float32[np.ndarray, "classes x y z"] | None = None
    for place in map(SLICE_AXES.__getitem__, axes):
        found = np.moveaxis(seen_along(place), 1, 1 + place)
        if total is None:
            total = found.astype(np.float32)
        else:
            total += found
    assert total is not None
    total /= len(axes)
    return total


def relative_entropy(
    probabilities: Float32[np.ndarray, "classes i j k"],
) -> Float32[np.ndarray, "i j k"]:
    """-sum p ln p / ln(classes): 0 where one class is certain, 1 where all are equally probable."""
    nats = np.zeros(probabilities.shape[1:], np.float32)
    for volume in probabilities:
        nats -= volume * np.log(np.maximum(volume, np.finfo(np.float32).tiny))
    return np.clip(nats / math.log(len(probabilities)), 0, 1)


_compiled_packing = jax.jit(packed_kernels, static_argnums=0)
_compiled_classify = jax.jit(classify, static_argnums=(0, 1))
