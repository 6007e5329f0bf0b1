"""The compiled gradient by the kernel against float64 numpy: sizes, gates, NaN, threads."""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from brainfcn_jax.network import kernels, vector_kernels

ROOT = Path(__file__).parents[2]
NO_GATE = np.zeros((0,), np.float32)

pytestmark = pytest.mark.skipif(
    "vector" not in kernels.usable("float32"),
    reason="this processor has no vector kernels, or they are not built",
)

Case = tuple[np.ndarray, np.ndarray, np.ndarray]

SHAPES = [
    (1, 1, 1, 1, 1),
    (1, 6, 6, 8, 8),
    (2, 7, 13, 3, 64),  # few input channels: no tiles
    (1, 3, 300, 7, 9),
    (1, 5, 4, 9, 130),
    (2, 13, 1, 16, 7),
    (1, 1, 14, 65, 8),
    (3, 24, 36, 64, 64),
    (1, 19, 23, 150, 72),
    (1, 104, 110, 17, 40),  # more tiles than one block
]


def make_case(shape: tuple[int, int, int, int, int]) -> Case:
    """Images, the gradient by the results, and a gate."""
    *pixels, channels_in, channels_out = shape
    rng = np.random.default_rng(sum(shape))
    images = rng.normal(size=(*pixels, channels_in)).astype(np.float32)
    gradient, gate = rng.normal(size=(2, *pixels, channels_out)).astype(np.float32)
    return images, gradient, gate


def expected(images: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums over all pixels, in float64."""
    _, height, width, channels_in = images.shape
    padded = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    flat = gradient.astype(np.float64).reshape(-1, gradient.shape[3])
    taps = [
        padded[:, i : i + height, j : j + width].reshape(-1, channels_in).T @ flat
        for i in range(3)
        for j in range(3)
    ]
    return np.stack(taps).reshape(3, 3, channels_in, -1), flat.sum(0)


def found(case: Case) -> tuple[np.ndarray, np.ndarray]:
    by_kernel, by_bias = jax.jit(vector_kernels.kernel_gradient)(*case)
    return np.asarray(by_kernel), np.asarray(by_bias)


def assert_close(actual: np.ndarray, exact: np.ndarray) -> None:
    error = np.abs(actual - exact).max()
    assert error <= 2e-5 * max(1, np.abs(exact).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gated", [False, True])
def test_gradient_equals_the_sums_over_pixels(
    shape: tuple[int, int, int, int, int], gated: bool
) -> None:
    images, gradient, gate = make_case(shape)
    counted = np.where(gate > 0, gradient, 0) if gated else gradient
    by_kernel, by_bias = found((images, gradient, gate if gated else NO_GATE))
    exact_kernel, exact_bias = expected(images, counted)
    assert_close(by_kernel, exact_kernel)
    assert_close(by_bias, exact_bias)


@pytest.mark.parametrize("channels_in", [3, 16])
def test_nan_shows_where_the_gate_is_open_and_only_there(channels_in: int) -> None:
    images, gradient, gate = make_case((1, 9, 12, channels_in, 16))
    gradient[0, 4, 5, 6] = np.nan
    gate[0, 4, 5, 6] = 1
    by_kernel, by_bias = found((images, gradient, gate))
    assert np.isnan(by_kernel[..., 6]).all() and np.isnan(by_bias[6])
    others = np.arange(16) != 6
    assert np.isfinite(by_kernel[..., others]).all() and np.isfinite(by_bias[others]).all()

    for closed in (0, -1, np.nan):
        gate[0, 4, 5, 6] = closed
        assert all(np.isfinite(part).all() for part in found((images, gradient, gate)))


def test_nothing_to_sum_gives_zeros() -> None:
    images, gradient = np.ones((0, 8, 8, 16), np.float32), np.ones((0, 8, 8, 24), np.float32)
    by_kernel, by_bias = found((images, gradient, NO_GATE))
    assert not by_kernel.any() and not by_bias.any()


def digest() -> str:
    """Of the gradients of some shapes."""
    hashed = hashlib.sha256()
    for shape in SHAPES:
        for part in found(make_case(shape)):
            hashed.update(part.tobytes())
    return hashed.hexdigest()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
def test_one_thread_gives_the_bytes_of_several() -> None:
    program = "import sys; sys.path.insert(0, 'tests/network'); import kernel_gradient_test as t"
    one = subprocess.run(
        [sys.executable, "-c", program + "; print(t.digest())"],
        cwd=ROOT,
        preexec_fn=functools.partial(os.sched_setaffinity, 0, [min(os.sched_getaffinity(0))]),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert one.stdout.split() == [digest()]
