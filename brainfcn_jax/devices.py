"""How the pure training step is compiled and spread over devices (jit, pmap)."""

import functools
from collections.abc import Callable, Hashable
from typing import Any, Literal

import jax

from brainfcn_jax.batches import Batch
from brainfcn_jax.train_step import Metrics, TrainState

AXIS_NAME = "devices"

Launcher = Literal["jit", "pmap"]
CompiledStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Step = Callable[..., tuple[TrainState, Metrics]]
"""step(state, batch, axis_name=None), which adds up over the devices of the axis it is given."""


def launch(step: Step, launcher: Launcher) -> CompiledStep:
    """The step compiled for one device ("jit") or for all local devices ("pmap").

    Both take the same state and the same batch, with leaves (microbatch, image, ...), and give
    the same result up to the order of the sums. "pmap" gives device d the d-th equal run of
    microbatches, so their number must be a multiple of `device_count(launcher)`.
    """
    if launcher == "jit":
        return jax.jit(step)
    devices = device_count(launcher)
    on_all = jax.pmap(
        functools.partial(step, axis_name=AXIS_NAME),
        axis_name=AXIS_NAME,
        in_axes=(None, 0),
        out_axes=None,
    )
    return lambda state, batch: on_all(state, split_microbatches(batch, devices))


def device_count(launcher: Launcher) -> int:
    """How many devices share one batch."""
    return 1 if launcher == "jit" else jax.local_device_count()


def split_microbatches(batch: Batch, devices: int) -> Batch:
    """Leaves (microbatch, ...) as (device, microbatch of the device, ...)."""
    microbatches = batch.weight.shape[0]
    assert microbatches % devices == 0, (microbatches, devices)
    each = microbatches // devices
    return jax.tree.map(lambda leaf: leaf.reshape(devices, each, *leaf.shape[1:]), batch)


@functools.partial(jax.jit, static_argnums=(0, 1))
def run_compiled(function: Callable[..., Any], constant: Hashable, *arguments: Any) -> Any:
    """`function(constant, *arguments)`, compiled once for each function and constant."""
    return function(constant, *arguments)


def abstract(state: TrainState) -> TrainState:
    """The state's shapes, dtypes and places, without its numbers."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state
    )
