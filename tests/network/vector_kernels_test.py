"""The compiled float32 convolutions beyond what convolution_test.py asks of every way."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.network import convolution, kernels, vector_kernels

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    kernels.vector_instruction_set() is None, reason="the vector kernels are not built"
)

ONE_RESULT = """
import hashlib
import numpy as np
from brainfcn_jax.network import kernels, vector_kernels
rng = np.random.default_rng(0)
images, kernel, bias = (
    rng.normal(size=shape).astype(np.float32) for shape in ((2, 50, 43, 64), (3, 3, 64, 96), (96,))
)
found = vector_kernels.convolve_and_pool(images, vector_kernels.pack(kernel), bias)
digest = hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in found)).hexdigest()
print(kernels.vector_instruction_set(), digest)
"""


def run_limited(limit: str, processors: set[int] | None = None) -> subprocess.CompletedProcess[str]:
    def bind() -> None:
        if processors is not None:
            os.sched_setaffinity(0, processors)

    return subprocess.run(
        [sys.executable, "-c", ONE_RESULT],
        cwd=ROOT,
        env=os.environ | {kernels.LIMIT: limit},
        preexec_fn=bind,
        capture_output=True,
        text=True,
        timeout=300,
    )


def random_arrays(*shapes: tuple[int, ...]) -> list[jax.Array]:
    rng = np.random.default_rng(len(shapes))
    return [jnp.float32(rng.normal(size=shape)) for shape in shapes]


@pytest.mark.parametrize("size", [(8, 8), (13, 6), (1, 5), (37, 30)])
@pytest.mark.parametrize("channels", [(3, 20), (5, 64), (16, 8), (70, 130)])
def test_pooled_results_are_the_largest_of_each_block(
    size: tuple[int, int], channels: tuple[int, int]
) -> None:
    height, width = size
    images, kernel, bias = random_arrays((2, *size, channels[0]), (3, 3, *channels), channels[1:])
    packed = vector_kernels.pack(kernel)
    results, pooled = vector_kernels.convolve_and_pool(images, packed, bias)
    np.testing.assert_array_equal(results, vector_kernels.convolve(images, packed, bias, True))
    whole = np.asarray(results)[:, : height // 2 * 2, : width // 2 * 2]
    blocks = whole.reshape(2, height // 2, 2, width // 2, 2, channels[1])
    np.testing.assert_array_equal(pooled, blocks.max(axis=(2, 4)))


@pytest.mark.parametrize("channels", [(3, 16), (16, 24)])
def test_nan_goes_through_relu_and_pooling(channels: tuple[int, int]) -> None:
    images, kernel, bias = random_arrays((1, 12, 12, channels[0]), (3, 3, *channels), channels[1:])
    spoilt = images.at[0, 5, 5, 1].set(jnp.nan)
    packed = vector_kernels.pack(kernel)
    results, pooled = vector_kernels.convolve_and_pool(spoilt, packed, bias)
    assert jnp.all(jnp.isnan(results[0, 4:7, 4:7]))
    assert jnp.all(jnp.isnan(pooled[0, 2:4, 2:4]))


@pytest.mark.parametrize("shape", [(2, 12, 20, 16, 24), (1, 8, 6, 3, 64)])
def test_gradients_through_both_results_are_those_of_a_pooling_after_a_convolution(
    shape: tuple[int, ...],
) -> None:
    images, kernel, bias = random_arrays(shape[:4], (3, 3, *shape[3:]), shape[4:])

    def gradients(whose: str) -> tuple[jax.Array, ...]:
        def both(x: jax.Array, w: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
            return convolution.convolve_and_pool(x, w, b, jnp.float32, whose)

        results, pull_back = jax.vjp(both, images, kernel, bias)
        waves = [jnp.cos(jnp.arange(r.size, dtype=jnp.float32)).reshape(r.shape) for r in results]
        return tuple(pull_back(tuple(waves)))

    for ours, theirs in zip(gradients("vector"), gradients("xla"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(jnp.abs(theirs).max()))


def test_the_limit_chooses_the_instruction_set_and_a_wrong_one_is_refused() -> None:
    own = kernels.vector_instruction_set()
    if own in ("avx2", "avx512"):
        limited = run_limited("avx2")
        assert limited.stdout.startswith("avx2 "), limited.stderr
    refused = run_limited("mmx")
    assert refused.returncode != 0
    assert "BRAINFCN_MAX_ISA is 'mmx'" in refused.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
def test_one_thread_gives_the_bytes_of_several() -> None:
    processors = os.sched_getaffinity(0)
    several, one = run_limited(""), run_limited("", {min(processors)})
    assert several.returncode == one.returncode == 0, several.stderr + one.stderr
    assert one.stdout == several.stdout


def test_a_kernel_of_another_size_is_refused() -> None:
    images, bias = random_arrays((1, 8, 8, 16), (8,))
    with pytest.raises(jax.errors.JaxRuntimeError, match="packed for another processor"):
        jax.block_until_ready(vector_kernels.convolve(images, jnp.zeros(7), bias, True))
