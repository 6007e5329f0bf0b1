"""The convolution, its gradients and the pooling against float64 numpy, on every path there is."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.network import convolution, kernels

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

SHAPES = [
    (2, 8, 8, 3, 64),
    (1, 5, 7, 16, 16),
    (2, 17, 40, 33, 48),
    (3, 20, 24, 64, 96),
    (2, 7, 10, 256, 272),
]
TOLERANCE = {"float32": 2e-5, "bfloat16": 2e-2}
WINOGRAD_TOLERANCE = 4e-5
"""Of tiles of 8x8 pixels in float32, whose transforms add numbers up to 30 times as large."""


def shifted(images: np.ndarray) -> list[np.ndarray]:
    """The nine views of zero-padded images that a 3x3 kernel multiplies, in float64."""
    _, height, width, _ = images.shape
    padded = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]


def correlate(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    taps = kernel.reshape(9, *kernel.shape[2:]).astype(np.float64)
    return np.asarray(sum(view @ tap for view, tap in zip(shifted(images), taps, strict=True)))


def make_case(shape: tuple[int, int, int, int, int]) -> Case:
    slices, height, width, channels_in, channels_out = shape
    rng = np.random.default_rng(sum(shape))
    images = rng.normal(size=(slices, height, width, channels_in))
    kernel = rng.normal(size=(3, 3, channels_in, channels_out)) / np.sqrt(9 * channels_in)
    bias = rng.normal(size=channels_out)
    gradient = rng.normal(size=(slices, height, width, channels_out))
    images, kernel, bias, gradient = (
        np.asarray(jnp.asarray(x, jnp.bfloat16), np.float64)
        for x in (images, kernel, bias, gradient)
    )
    return images, kernel, bias, gradient


class Way(NamedTuple):
    """Whose convolutions, in which precision."""

    kernels: str
    dtype: str

    @property
    def tolerance(self) -> float:
        """Allowed error as a share of the largest result."""
        return WINOGRAD_TOLERANCE if self.kernels == "vector" else TOLERANCE[self.dtype]

    def compiled(self, relu: bool) -> Callable[..., jax.Array]:
        """`convolve` of an image, a kernel and a bias."""
        dtype = jnp.dtype(self.dtype)
        return jax.jit(lambda x, w, b: convolution.convolve(x, w, b, relu, dtype, self.kernels))


WAYS = [
    Way(of, dtype)
    for of in ("xla", "vector", "tiles")
    for dtype in ("float32", "bfloat16")
    if (of, dtype) != ("vector", "bfloat16")
]


@pytest.fixture(params=WAYS, ids=" ".join)
def way(request: pytest.FixtureRequest) -> Way:
    """Every way that this machine has."""
    way: Way = request.param
    if way.kernels not in kernels.usable(way.dtype):
        pytest.skip("this processor has no such kernels, or they are not built")
    return way


def assert_close(found: jax.Array, expected: np.ndarray, tolerance: float) -> None:
    error = np.abs(np.asarray(found, np.float64) - expected).max()
    assert error <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("relu", [False, True])
def test_convolution_equals_nine_shifted_products(
    way: Way, shape: tuple[int, int, int, int, int], relu: bool
) -> None:
    images, kernel, bias, _ = make_case(shape)
    expected = correlate(images, kernel) + bias
    expected = np.maximum(expected, 0) if relu else expected
    found = way.compiled(relu)(
        jnp.asarray(images, way.dtype), jnp.float32(kernel), jnp.float32(bias)
    )
    assert found.dtype == jnp.dtype(way.dtype)
    assert_close(found, expected, way.tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("relu", [False, True])
def test_gradients_equal_the_adjoint_products(
    way: Way, shape: tuple[int, int, int, int, int], relu: bool
) -> None:
    images, kernel, bias, gradient = make_case(shape)
    inputs = jnp.asarray(images, way.dtype), jnp.float32(kernel), jnp.float32(bias)
    result, pull_back = jax.vjp(way.compiled(relu), *inputs)
    by_images, by_kernel, by_bias = pull_back(jnp.asarray(gradient, way.dtype))

    gated = np.where(np.asarray(result, np.float32) > 0, gradient, 0) if relu else gradient
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    expected = [np.einsum("nhwc,nhwd->cd", view, gated) for view in shifted(images)]
    assert_close(by_images, correlate(gated, flipped), way.tolerance)
    assert_close(by_kernel, np.stack(expected).reshape(kernel.shape), way.tolerance)
    assert_close(by_bias, gated.sum((0, 1, 2)), way.tolerance)
    assert by_images.dtype == jnp.dtype(way.dtype)
    assert by_kernel.dtype == by_bias.dtype == jnp.float32


def test_no_pixel_sees_across_images(way: Way) -> None:
    images, kernel, bias, _ = (jnp.float32(x) for x in make_case((3, 20, 24, 64, 96)))
    images = images.astype(way.dtype)
    changed = images.at[1].add(1)
    run = way.compiled(True)
    before, after = run(images, kernel, bias), run(changed, kernel, bias)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[2], after[2])
    assert not np.array_equal(before[1], after[1])


def test_eight_devices_at_once_give_what_one_gives(way: Way, devices: list[jax.Device]) -> None:
    images, kernel, bias, gradient = (jnp.float32(x) for x in make_case((16, 20, 24, 64, 96)))

    def both(x: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        result, pull_back = jax.vjp(way.compiled(True), x.astype(way.dtype), kernel, bias)
        return (result, *pull_back(g.astype(way.dtype)))

    shares = [x.reshape(len(devices), -1, *x.shape[1:]) for x in (images, gradient)]
    found = jax.pmap(both)(*shares)
    for place, (x, g) in enumerate(zip(*shares, strict=True)):
        for together, alone in zip(found, jax.jit(both)(x, g), strict=True):
            np.testing.assert_array_equal(together[place], alone)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_never_hidden(way: Way, bad: float) -> None:
    images, kernel, bias, _ = (jnp.float32(x) for x in make_case((1, 5, 7, 16, 16)))
    images = images.at[0, 2, 3, 4].set(bad).astype(way.dtype)
    spoilt = way.compiled(True)(images, kernel, bias)
    assert not jnp.all(jnp.isfinite(spoilt))


def test_pooling_takes_the_largest_and_sends_the_gradient_to_the_first_of_equals() -> None:
    image = np.array([[1, 5, 2, 2], [3, 4, 2, 2], [0, 0, 9, 8], [0, 7, 9, 6]], np.float32)
    pooled, pull_back = jax.vjp(convolution.max_pool, jnp.asarray(image[None, :, :, None]))
    np.testing.assert_array_equal(pooled[0, :, :, 0], [[5, 2], [7, 9]])
    (gradient,) = pull_back(jnp.array([[10.0, 20.0], [30.0, 40.0]])[None, :, :, None])
    np.testing.assert_array_equal(
        gradient[0, :, :, 0],
        [[0, 10, 20, 0], [0, 0, 0, 0], [0, 0, 40, 0], [0, 30, 0, 0]],
    )


def test_kernels_ask_for_every_instruction_set_they_use() -> None:
    text = "processor : 0\nflags\t\t: fpu " + " ".join(kernels.TILE_CPU_FLAGS) + "\n"
    assert kernels.TILE_CPU_FLAGS <= kernels.cpu_flags(text)
    assert not kernels.TILE_CPU_FLAGS <= kernels.cpu_flags("flags : fpu avx2\n")
    assert kernels.cpu_flags("") == frozenset()
