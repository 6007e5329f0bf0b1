"""Classes of an equalised volume, in batches of slices of one fixed size (JAX)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, UInt8

from brainfcn_jax.imaging.slicing import slices_along, slices_first, volume_of
from brainfcn_jax.inference.slice_batches import (
    Prediction,
    allowed_span,
    joined,
    padded_size,
    padded_windows,
)
from brainfcn_jax.labels import BACKGROUND, LabelTable
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
"""What there may be in a voxel beside background: `FLUID` is what may lie around a brain."""

_IMPOSSIBLE = -1e4
"""A logit so far below another has probability 0 in float32."""

Params = dict[str, dict[str, Array]]
VoxelWeights = tuple[
    Float32[np.ndarray, " x"], Float32[np.ndarray, " y"], Float32[np.ndarray, " z"]
]
"""Weights of a volume's voxels: the products of three weights, one an axis."""

Progress = Callable[[str, int, int], None]
"""Is told which step a scan is at, and how much of it is done of how much: ("network", 24, 160)."""


def unwatched(step: str, done: int, total: int) -> None:
    """Take what a `Progress` is told where nobody watches."""


@dataclass(frozen=True)
class NetworkInput:
    """A volume that a network is shown.

    Attributes:
        levels: its grey levels, histogram-equalised.
        allowed: where there may be any class (`ANYTHING`), one of those that lie around a brain
            (`FLUID`) or `NOTHING` beside background.
        voxel_weights: how much each voxel counts in sums.
        reach: how far a stack's neighbours lie, as a part of the way to the next slice.
        least_side: rows and columns that slices are padded to, at least.
    """

    levels: UInt8[np.ndarray, "x y z"]
    allowed: UInt8[np.ndarray, "x y z"]
    voxel_weights: VoxelWeights
    reach: float = 1.0
    least_side: int = 0


def anything(shape: tuple[int, ...]) -> UInt8[np.ndarray, "x y z"]:
    """Return where any class is allowed: everywhere. It takes no memory."""
    return np.broadcast_to(np.uint8(ANYTHING), shape)


def evenly_weighted(shape: tuple[int, ...]) -> VoxelWeights:
    """Return weights of 1 for all voxels of a volume."""
    x, y, z = (np.ones(size, np.float32) for size in shape)
    return x, y, z


class ReadyNetwork:
    """A model's network with its arrays on the device, for any number of volumes.

    In float32 on a CPU; on GPUs and TPUs in bfloat16, which changes less than 0.1 % of the labels.
    Packed, the kernels take seven times the memory of the parameters.
    """

    def __init__(self, model: Model) -> None:
        precision = "float32" if jax.default_backend() == "cpu" else "bfloat16"
        self.description = model.description
        self.network = SegmentationNetwork(
            stages=model.description.stages,
            maps=model.description.maps,
            classes=model.description.labels.classes,
            widths=model.widths,
            precision=precision,
            kernels=kernels.fastest(precision),
        )
        self.params: Params = jax.device_put(model.params)
        self.packed: Packed = _compiled_packing(self.network, self.params)


def predict(
    ready: ReadyNetwork,
    given: NetworkInput,
    axis: int,
    *,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
    progress: Progress = unwatched,
) -> Prediction:
    """Return what a network says of a volume's slices along an axis.

    Slices are padded with 0 at their far edges to a multiple of `IN_PLANE_STEP` and go through
    the network `batch_slices` at a time, and what fills the last batch is left out; so the number
    of slices never decides what is compiled. The padding is cut off again. Slices at both ends
    where nothing is allowed are background for certain, and not looked at. `progress` is told the
    number of slices that are through. All goes to the device at once, before the first batch, and
    comes back at once, after the last.
    """
    levels, allowed = slices_along(given.levels, axis), slices_along(given.allowed, axis)
    channel_means = np.array(ready.description.channel_means, np.float32)
    of_slices, *in_plane = slices_first(given.voxel_weights, axis)
    sides = [padded_size(max(size, given.least_side)) for size in levels.shape[1:]]
    rows, columns = (
        np.pad(weights, (0, side - len(weights)))
        for weights, side in zip(in_plane, sides, strict=True)
    )
    outputs = []
    start, stop = allowed_span(np.any(allowed, axis=(1, 2)))
    windows, masks = (
        padded_windows(volume, batch_slices, (start, stop), sides) for volume in (levels, allowed)
    )
    batches = [(window, mask[1:-1]) for window, mask in zip(windows, masks, strict=True)]
    late = batches_late()
    shared = (channel_means, rows, columns, np.float32(given.reach))
    shared, batches = jax.device_put((shared, batches))
    around = around_brain(ready.description.labels)
    for batch, of_batch in enumerate(batches):
        progress("network", max(0, batch - late) * batch_slices, stop - start)
        seen = Seen(ready.params, ready.packed, *shared, *of_batch)
        outputs.append(_compiled_classify(ready.network, around, with_probabilities, seen))
        jax.block_until_ready(outputs[: len(outputs) - late])
    background_weight = float(rows.sum(dtype=np.float64) * columns.sum(dtype=np.float64))
    in_slices = joined(jax.device_get(outputs), levels.shape, (start, stop), background_weight)
    probabilities = in_slices.probabilities
    return Prediction(
        volume_of(np.asarray(in_slices.labels), axis),
        volume_of(np.asarray(in_slices.entropy), axis),
        of_slices.astype(np.float64) @ in_slices.class_sums,
        None if probabilities is None else volume_of(np.asarray(probabilities), axis),
    )


def around_brain(labels: LabelTable) -> tuple[int, ...]:
    """Return the classes that there may be around a brain: the background, and fluid."""
    return (BACKGROUND, *labels.indices_where("around_brain"))


def batches_late() -> int:
    """Return how many batches are under way while one is waited for.

    One, so that a GPU never waits; none on a CPU, which computes no faster and would hold two.
    """
    return 0 if jax.default_backend() == "cpu" else 1


class Seen(NamedTuple):
    """Inputs of `classify` for one batch.

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
    network: SegmentationNetwork,
    around: tuple[int, ...],
    with_probabilities: bool,
    seen: Seen,
) -> Prediction:
    """Return what a network says of all slices of a window but the first and the last.

    Classes in `around` may be where `FLUID` is allowed. The sums are those of single slices, since
    float32 would lose count of a volume's voxels.
    """
    stacks = volume_to_stacks(seen.window)[1:-1].astype(jnp.float32)
    stacks = subtract_mean(nearer_neighbours(stacks, seen.reach), seen.channel_means)
    logits, _ = network.apply({"params": seen.params}, stacks, seen.packed)
    least = np.where(np.isin(np.arange(network.classes), around), FLUID, ANYTHING)
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
        return Prediction(labels, entropy, sums, None)
    return Prediction(labels, entropy, sums, jnp.moveaxis(probabilities, -1, 0).astype(jnp.float16))


def relative_entropy(
    probabilities: Float32[np.ndarray, "classes i j k"],
) -> Float32[np.ndarray, "i j k"]:
    """Return -sum p ln p / ln(classes): 0 where a class is certain, 1 where all are alike."""
    nats = np.zeros(probabilities.shape[1:], np.float32)
    for volume in probabilities:
        nats -= volume * np.log(np.maximum(volume, np.finfo(np.float32).tiny))
    return np.clip(nats / math.log(len(probabilities)), 0, 1)


_compiled_packing = jax.jit(packed_kernels, static_argnums=0)
_compiled_classify = jax.jit(classify, static_argnums=(0, 1, 2))
