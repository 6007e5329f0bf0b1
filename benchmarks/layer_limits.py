"""Each layer of the network, timed alone, beside the machine's own limit.

The limit is a large matrix product in the same run; a layer's rate counts the products and sums
that its definition has, however it is computed.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import measuring

from brainfcn_jax.network import vector_kernels
from brainfcn_jax.network.convolution import convolve, max_pool
from brainfcn_jax.network.fcn import (
    DTYPES,
    VGG16_WIDTHS,
    SegmentationNetwork,
    backbone_layers,
    resize_bilinear,
    subtract_mean,
    volume_to_stacks,
)

PRODUCT_SIZE = 4096
GIGA = 1e9

Timed = tuple[Callable[[], object], float]
"""What to run, and how many floating-point operations it stands for."""


def products(size: int = PRODUCT_SIZE) -> dict[str, Timed]:
    """A large matrix product in each precision, summed in float32."""
    found = {}
    for name, dtype in DTYPES.items():
        matrix = jax.random.normal(jax.random.key(0), (size, size)).astype(dtype)
        multiply = jax.jit(functools.partial(jnp.dot, preferred_element_type=jnp.float32))
        found[f"matrix product {name}"] = (_waiting(multiply, matrix, matrix), 2.0 * size**3)
    return found


def layers(network: SegmentationNetwork, shape: tuple[int, int, int]) -> dict[str, Timed]:
    """Every step of the network on a batch (slice, height, width), random numbers in."""
    slices, height, width = shape
    volume = jnp.ones((slices + 2, height, width), jnp.uint8)
    stack = jax.jit(lambda v: subtract_mean(volume_to_stacks(v)[1:-1], jnp.zeros(3)))
    found: dict[str, Timed] = {"stacking": (_waiting(stack, volume), 0.0)}
    dtype, convolution = DTYPES[network.precision], functools.partial(_convolution, network)
    ends = {f"conv{stage}_{len(widths)}" for stage, widths in enumerate(VGG16_WIDTHS, start=1)}
    for name, channels_in, channels_out in backbone_layers(network.stages):
        stage = int(name[4])
        size = (slices, height >> (stage - 1), width >> (stage - 1))
        if stage > 1 and name.endswith("_1"):
            before = _random((slices, *(2 * n for n in size[1:]), channels_in), dtype)
            found[f"pooling to stage {stage}"] = (_waiting(jax.jit(max_pool), before), 0.0)
        found[name] = convolution(size, channels_in, channels_out, True)
        if name in ends:
            found[f"specialised{stage}"] = convolution(size, channels_out, network.classes, False)
            found[f"resize {stage}"] = _resize((*size, network.classes), (height, width))
    return found


def rows(
    network: SegmentationNetwork, shape: tuple[int, int, int], repeats: int
) -> list[dict[str, Any]]:
    """A row for each layer: time a slice, rate, share of each limit; the limits come first."""
    runs = products() | layers(network, shape)
    medians = measuring.interleaved_medians({n: run for n, (run, _) in runs.items()}, repeats)
    rate = {name: runs[name][1] / took / GIGA for name, took in medians.items()}
    limits = {name: rate[f"matrix product {name}"] for name in DTYPES}
    return [
        {
            "step": name,
            "ms a slice": None if name.startswith("matrix") else 1000 * took / shape[0],
            "GFLOP/s": rate[name] or None,
            **{f"of {p} product": rate[name] / limit or None for p, limit in limits.items()},
        }
        for name, took in medians.items()
    ]


def _convolution(
    network: SegmentationNetwork,
    size: tuple[int, int, int],
    channels_in: int,
    channels_out: int,
    relu: bool,
) -> Timed:
    """As inference has it: the kernels of VGG16's layers packed before, if they are at all."""
    dtype = DTYPES[network.precision]
    images, bias = _random((*size, channels_in), dtype), jnp.zeros(channels_out)
    kernel = _random((3, 3, channels_in, channels_out), jnp.float32)
    operations = 2.0 * 9 * channels_in * channels_out * size[0] * size[1] * size[2]
    if relu and network.kernels == "vector":
        run = jax.jit(functools.partial(vector_kernels.convolve, relu=True))
        return _waiting(run, images, jax.jit(vector_kernels.pack)(kernel), bias), operations
    out = dtype if relu else jnp.float32
    run = jax.jit(functools.partial(convolve, relu=relu, dtype=out, kernels=network.kernels))
    return _waiting(run, images, kernel, bias), operations


def _resize(shape: tuple[int, ...], full: tuple[int, int]) -> Timed:
    run = jax.jit(lambda scores: resize_bilinear(scores, full))
    return _waiting(run, _random(shape, jnp.float32)), 0.0


def _random(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jax.random.normal(jax.random.key(1), shape).astype(dtype)


def _waiting(run: Callable[..., Any], *arguments: jax.Array) -> Callable[[], object]:
    return lambda: jax.block_until_ready(run(*arguments))
