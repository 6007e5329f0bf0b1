"""How the pure training step is compiled and spread over devices (jit, pmap)."""

import functools
from collections.abc import Callable, Hashable
from typing import Any, Literal

import jax
import numpy as np

from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.step import Metrics, TrainState

AXIS_NAME = "devices"

Launcher = Literal["jit", "pmap"]
CompiledStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
Step = Callable[..., tuple[TrainState, Metrics]]
"""step(state, batch, axis_name=None), which adds up over the devices of the axis it is given."""


def launch(step: Step, launcher: Launcher) -> CompiledStep:
    """Return the step compiled for one device ("jit") or for all devices of all processes ("pmap").

    Both take the same state and the microbatches of the same batch that are this process's (see
    `own_microbatches`), with leaves (microbatch, image, ...), and give the same result up to the
    order of the sums, in every process. "pmap" gives each device an equal run of microbatches.
    "jit" gives the memory of the state before the step to the state after it: the one before
    cannot be used again.
    """
    if launcher == "jit":
        return jax.jit(step, donate_argnums=0)
    devices = jax.local_device_count()
    on_all = jax.pmap(
        functools.partial(step, axis_name=AXIS_NAME),
        axis_name=AXIS_NAME,
        in_axes=(None, 0),
        out_axes=None,
    )

    def on_all_devices(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        after, metrics = on_all(state, split_microbatches(batch, devices))
        # With several processes `pmap` reads keys on the host: that of a step under way makes the
        # next one wait for it.
        return after._replace(key=state.key), metrics

    return on_all_devices


def connect() -> None:
    """Connect all devices of all processes, which must come here at about the same time.

    The first sum over devices waits for others for a limited time only (30 s over gloo), and any
    later one without limit: that of a training step comes after a compilation, which takes some
    processes longer than others.
    """
    add_up = jax.pmap(lambda one: jax.lax.psum(one, AXIS_NAME), axis_name=AXIS_NAME)
    jax.block_until_ready(add_up(np.ones(jax.local_device_count(), np.float32)))


def device_count(launcher: Launcher) -> int:
    """Return how many devices, of all processes, share one batch."""
    return 1 if launcher == "jit" else jax.device_count()


def own_microbatches(microbatches: int, launcher: Launcher) -> range:
    """Return which of a batch's microbatches fall to the devices of this process.

    Devices are ordered by their processes, as `pmap` orders them; all have equally many.
    """
    devices = device_count(launcher)
    assert microbatches % devices == 0, (microbatches, devices)
    if launcher == "jit":
        return range(microbatches)
    each = microbatches // jax.process_count()
    return range(jax.process_index() * each, (jax.process_index() + 1) * each)


def split_microbatches(batch: Batch, devices: int) -> Batch:
    """Return the leaves (microbatch, ...) as (device, microbatch of the device, ...)."""
    microbatches = batch.weight.shape[0]
    assert microbatches % devices == 0, (microbatches, devices)
    each = microbatches // devices
    return jax.tree.map(lambda leaf: leaf.reshape(devices, each, *leaf.shape[1:]), batch)


@functools.partial(jax.jit, static_argnums=(0, 1))
def run_compiled(function: Callable[..., Any], constant: Hashable, *arguments: Any) -> Any:
    """Return `function(constant, *arguments)`, compiled once for each function and constant."""
    return function(constant, *arguments)


def abstract(state: TrainState) -> TrainState:
    """Return the state's shapes, dtypes and places, without its numbers."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state
    )
