"""Our network as the benchmarks of speed run it: the model, slices for it, and its convolutions."""

import functools
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import measuring
import numpy as np
from jaxtyping import Float32

from brainfcn_jax.imaging.choices import first_axis
from brainfcn_jax.imaging.equalisation import equalise
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.inference.prediction import ReadyNetwork
from brainfcn_jax.network import kernels
from brainfcn_jax.network.fcn import (
    SegmentationNetwork,
    packed_kernels,
    subtract_mean,
    volume_to_stacks,
)
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.network.parameters import Parameters
from brainfcn_jax.network.shipped_models import find_model
from brainfcn_jax.runtime.jax_environment import prepare_jax

MODEL_OF_STAGES = {4: "adult_t1w", 5: "neonate_t2w"}
CALLS = {"vector": "brainfcn_convolve_vector", "tiles": "brainfcn_convolve"}
"""What is called in a program that has such kernels."""

Stacks = Float32[np.ndarray, "slice height width 3"]


def prepare(asked: Namespace) -> None:
    """Hold this process to the threads and instruction sets that are asked for."""
    measuring.use_threads(asked.threads)
    measuring.limit_instruction_sets(asked.max_isa)
    prepare_jax()


def title(asked: Namespace) -> str:
    """Return what a table says of the network, its slices and the machine."""
    size = f"{asked.stages} stages, {asked.slices} slices of {asked.height}x{asked.width}"
    most = f", at most {asked.max_isa}" if asked.max_isa else ""
    return f"{size}{most}, {asked.threads} threads"


def chosen_model(asked: Namespace) -> Model:
    """Load the model of the weight file, or the shipped one with so many stages."""
    model = load_model(asked.weights or find_model(MODEL_OF_STAGES[asked.stages]))
    if model.description.stages != asked.stages:
        raise SystemExit(f"the model has {model.description.stages} stages, not {asked.stages}")
    return model


def middle_slices(model: Model, asked: Namespace) -> Stacks:
    """Return stacks from the middle of a scan, mean-subtracted.

    Cut or padded at their far edges to the size asked for.
    """
    description, slices = model.description, asked.slices
    data = load_scan(asked.scan or demo_scan()).data
    volume = jnp.asarray(np.moveaxis(data, first_axis(description.slice_axis), 0))
    first = max(0, (len(volume) - slices) // 2)
    levels = np.asarray(equalise(volume, "head"))
    levels = levels[first : first + slices, : asked.height, : asked.width]
    if len(levels) < slices:
        raise SystemExit(f"the scan has {len(levels)} slices and {slices} are asked for")
    cut = np.zeros((slices, asked.height, asked.width), np.uint8)
    cut[:, : levels.shape[1], : levels.shape[2]] = levels
    means = jnp.asarray(description.channel_means, jnp.float32)
    return np.asarray(subtract_mean(volume_to_stacks(jnp.asarray(cut)), means))


def network_in(precision: str, model: Model, ours: str) -> SegmentationNetwork:
    """Return the model's network with such convolutions."""
    return ReadyNetwork(model).network.clone(precision=precision, kernels=ours)


def forward(network: SegmentationNetwork, params: Parameters, stacks: Stacks) -> Callable[[], Any]:
    """Return the network as inference uses it, compiled, to class scores that are waited for."""
    params, images = jax.device_put((params, stacks))
    packed = jax.jit(functools.partial(packed_kernels, network))(params)
    traced = jax.jit(lambda params, packed, x: network.apply({"params": params}, x, packed)[0])
    compiled = traced.lower(params, packed, images).compile()
    text = compiled.as_text() or ""
    calls = {name for name, call in CALLS.items() if f'"{call}"' in text}
    assert calls == {network.kernels} - {"xla"}, (calls, network.kernels)
    return lambda: jax.block_until_ready(compiled(params, packed, images))


def chosen_kernels(asked: str | None, precision: str) -> str:
    """Return the kernels asked for, or the fastest; XLA's where those asked lack the precision.

    Ends the program where this processor lacks them.
    """
    if asked is None:
        return kernels.fastest(precision)
    usable: tuple[str, ...] = tuple(kernels.usable("float32"))
    if asked not in usable:
        raise SystemExit(f"there are no kernels for {asked} here, only {', '.join(usable)}")
    return asked if asked in kernels.usable(precision) else "xla"


def bfloat16_is_fast(asked: str | None) -> bool:
    """Return whether it is not emulated here; a step of training takes minutes where it is."""
    return jax.default_backend() != "cpu" or chosen_kernels(asked, "bfloat16") == "tiles"


def described(precision: str, ours: str) -> str:
    """Return what a table calls our run: the vectors' kernels with their instruction set."""
    name = f"vector {kernels.vector_instruction_set()}" if ours == "vector" else ours
    return f"ours {precision}, {name}"
