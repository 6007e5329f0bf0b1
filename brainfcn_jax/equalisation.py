"""Equalisation compiled for volumes of any size: few programs for all of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Shaped, UInt8

from brainfcn_jax.preprocess import equalise, head_threshold

SMALLEST = 2**16
"""Voxels of the smallest volume that is compiled for."""

STEPS_PER_DOUBLING = 8
"""Sizes that are compiled for, between one and its double: from `SMALLEST` on, a volume
is filled up by 1/8 at most."""


def equalise_volume(
    volume: Float32[np.ndarray, "slice height width"],
    mode: str,
    threshold: Float[Array, ""] | None = None,
) -> UInt8[np.ndarray, "slice height width"]:
    """`equalise`; raises as it does."""
    levels = _of_any_size(_compiled_equalise, volume, mode=mode, threshold=threshold)
    return np.asarray(levels)[: volume.size].reshape(volume.shape)


def find_head_threshold(volume: Float32[np.ndarray, "slice height width"]) -> Float[Array, ""]:
    """`head_threshold`."""
    return _of_any_size(_compiled_threshold, volume)


def compiled_size(voxels: int) -> int:
    """The smallest of the sizes that are compiled for with room for so many voxels."""
    step = (1 << (max(voxels, SMALLEST) - 1).bit_length() - 1) // STEPS_PER_DOUBLING
    return max(SMALLEST, -(-voxels // step) * step)


def _of_any_size(
    compiled: Callable[..., Array], volume: Shaped[np.ndarray, "*shape"], **arguments: Any
) -> Array:
    filled = np.zeros(compiled_size(volume.size), np.float32)
    filled[: volume.size].reshape(volume.shape)[...] = volume
    return compiled(jnp.asarray(filled), voxels=np.int32(volume.size), **arguments)


_compiled_equalise = jax.jit(equalise, static_argnames="mode")
_compiled_threshold = jax.jit(head_threshold)
