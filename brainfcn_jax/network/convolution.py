"""3x3 convolution with its gradients, and pooling, as the network uses them (pure JAX)."""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from brainfcn_jax.network import tile_kernels, vector_kernels

Images = Float[Array, "slice height width cin"]
Results = Float[Array, "slice height width cout"]
Kernel = Float[Array, "3 3 cin cout"]
Bias = Float[Array, " cout"]
Blocks = Float[Array, "slice rows columns channel"]
Pooled = Float[Array, "slice half_rows half_columns channel"]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def convolve(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike, kernels: str = "xla"
) -> Results:
    """Return zero-padded 3x3 cross-correlation plus bias, then the larger of it and 0 if `relu`.

    Args:
        images: (slice, height, width, cin), float32 or bfloat16: the precision of the products.
        kernel: (3, 3, cin, cout), float32.
        bias: (cout,), float32.
        relu: whether negative results become 0.
        dtype: of the result. Products are summed in float32.
        kernels: "xla"; or "vector" (float32 only) or "tiles", on processors that have them
            (`kernels.usable`).
    """
    if kernels == "vector":
        assert images.dtype == dtype == jnp.float32, (images.dtype, dtype)
        return vector_kernels.convolve(images, vector_kernels.pack(kernel), bias, relu)
    if kernels == "tiles":
        return tile_kernels.convolve(images, kernel, bias, relu, dtype)
    assert kernels == "xla", kernels
    sums = _correlate(images, kernel) + bias.reshape(1, 1, 1, -1)
    return (jnp.maximum(sums, 0) if relu else sums).astype(dtype)


def _forward(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike, kernels: str
) -> tuple[Results, tuple[Images, Kernel, Results | None]]:
    result = convolve(images, kernel, bias, relu, dtype, kernels)
    return result, (images, kernel, result if relu else None)


def _backward(
    relu: bool,
    dtype: DTypeLike,
    kernels: str,
    residuals: tuple[Images, Kernel, Results | None],
    gradient: Results,
) -> tuple[Images, Kernel, Bias]:
    images, kernel, result = residuals
    gate = jnp.ones((0,), images.dtype) if result is None else result.astype(images.dtype)
    gradient = gradient.astype(images.dtype)
    gradients = {
        "xla": _gradients_by_xla,
        "vector": _gradients_by_vectors,
        "tiles": tile_kernels.gradients,
    }
    return gradients[kernels](images, kernel, gate, gradient)


convolve.defvjp(_forward, _backward)


def _correlate(images: Images, kernel: Kernel) -> Results:
    """Return zero-padded cross-correlation in the images' precision, its sums in float32."""
    return lax.conv_general_dilated(
        images,
        kernel.astype(images.dtype),
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        preferred_element_type=jnp.float32,
    )


def _gated(gradient: Results, gate: Array) -> Results:
    return jnp.where(gate > 0, gradient, 0) if gate.size else gradient


def _gradients_by_xla(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    gradient = _gated(gradient, gate)
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    by_images = _correlate(gradient, turned).astype(images.dtype)
    by_kernel = lax.conv_general_dilated(
        images,
        gradient,
        (1, 1),
        ((1, 1), (1, 1)),
        dimension_numbers=("CHWN", "IHWO", "HWNC"),
        preferred_element_type=jnp.float32,
    )
    return by_images, by_kernel, jnp.sum(gradient, (0, 1, 2), dtype=jnp.float32)


def _gradients_by_vectors(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    by_images = vector_kernels.image_gradient(gradient, gate, kernel)
    return by_images, *vector_kernels.kernel_gradient(images, gradient, gate)


def convolve_and_pool(
    images: Images, kernel: Kernel, bias: Bias, dtype: DTypeLike, kernels: str = "xla"
) -> tuple[Results, Pooled]:
    """Return `convolve` with ReLU, and `max_pool` of its result."""
    if kernels == "vector":
        return _convolve_and_pool_by_vectors(images, kernel, bias)
    result = convolve(images, kernel, bias, True, dtype, kernels)
    return result, max_pool(result)


@jax.custom_vjp
def _convolve_and_pool_by_vectors(
    images: Images, kernel: Kernel, bias: Bias
) -> tuple[Results, Pooled]:
    return vector_kernels.convolve_and_pool(images, vector_kernels.pack(kernel), bias)


def _convolve_and_pool_forward(
    images: Images, kernel: Kernel, bias: Bias
) -> tuple[tuple[Results, Pooled], tuple[Images, Kernel, Results, Pooled]]:
    result, pooled = _convolve_and_pool_by_vectors(images, kernel, bias)
    return (result, pooled), (images, kernel, result, pooled)


def _convolve_and_pool_backward(
    residuals: tuple[Images, Kernel, Results, Pooled], gradients: tuple[Results, Pooled]
) -> tuple[Images, Kernel, Bias]:
    images, kernel, result, pooled = residuals
    (by_pooling,) = _pool_backward((result, pooled), gradients[1])
    return _gradients_by_vectors(images, kernel, result, gradients[0] + by_pooling)


_convolve_and_pool_by_vectors.defvjp(_convolve_and_pool_forward, _convolve_and_pool_backward)


@jax.custom_vjp
def max_pool(images: Blocks) -> Pooled:
    """Return largest of each 2x2 block; its gradient goes to the first largest of the block."""
    return functools.reduce(jnp.maximum, _quarters(images))


def _quarters(images: Blocks) -> tuple[Pooled, Pooled, Pooled, Pooled]:
    return (
        images[:, ::2, ::2],
        images[:, ::2, 1::2],
        images[:, 1::2, ::2],
        images[:, 1::2, 1::2],
    )


def _pool_forward(images: Blocks) -> tuple[Pooled, tuple[Blocks, Pooled]]:
    pooled = max_pool(images)
    return pooled, (images, pooled)


def _pool_backward(residuals: tuple[Blocks, Pooled], gradient: Pooled) -> tuple[Blocks]:
    images, pooled = residuals
    slices, height, width, channels = images.shape
    free = jnp.ones(pooled.shape, bool)
    shares = []
    for quarter in _quarters(images):
        largest = free & (quarter == pooled)
        shares.append(jnp.where(largest, gradient, 0))
        free = free & ~largest
    upper = jnp.stack(shares[:2], axis=3)  # slice, height / 2, width / 2, 2, channel
    lower = jnp.stack(shares[2:], axis=3)
    whole = jnp.stack([upper, lower], axis=2)
    return (whole.reshape(slices, height, width, channels),)


max_pool.defvjp(_pool_forward, _pool_backward)
