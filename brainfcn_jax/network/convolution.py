"""3x3 convolution with its gradients, and pooling, as the network uses them (pure JAX)."""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from brainfcn_jax.network import kernels, winograd

Images = Float[Array, "slice height width cin"]
Results = Float[Array, "slice height width cout"]
Kernel = Float[Array, "3 3 cin cout"]
Bias = Float[Array, " cout"]
Blocks = Float[Array, "slice rows columns channel"]
Pooled = Float[Array, "slice half_rows half_columns channel"]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def convolve(images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike) -> Results:
    """Zero-padded 3x3 cross-correlation plus bias, then the larger of it and 0 if `relu`.

    Args:
        images: (slice, height, width, cin), float32 or bfloat16: the precision of the products.
        kernel: (3, 3, cin, cout), float32.
        bias: (cout,), float32.
        relu: whether negative results become 0.
        dtype: of the result. Products are summed in float32.
    """
    on_cpu = _convolve_on_tiles if kernels.available() else _convolve_by_products
    return lax.platform_dependent(
        images,
        kernel,
        bias,
        cpu=functools.partial(on_cpu, relu=relu, dtype=dtype),
        default=functools.partial(_convolve_by_library, relu=relu, dtype=dtype),
    )


def _forward(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike
) -> tuple[Results, tuple[Images, Kernel, Results | None]]:
    result = convolve(images, kernel, bias, relu, dtype)
    return result, (images, kernel, result if relu else None)


def _backward(
    relu: bool,
    dtype: DTypeLike,
    residuals: tuple[Images, Kernel, Results | None],
    gradient: Results,
) -> tuple[Images, Kernel, Bias]:
    images, kernel, result = residuals
    gate = jnp.ones((0,), images.dtype) if result is None else result.astype(images.dtype)
    gradient = gradient.astype(images.dtype)
    on_cpu = _gradients_on_tiles if kernels.available() else _gradients_by_products
    return lax.platform_dependent(
        images, kernel, gate, gradient, cpu=on_cpu, default=_gradients_by_library
    )


convolve.defvjp(_forward, _backward)


def _correlate(images: Images, kernel: Kernel, dtype: DTypeLike) -> Results:
    return lax.conv_general_dilated(
        images,
        kernel.astype(images.dtype),
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        preferred_element_type=dtype,
    )


def _convolve_by_library(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike
) -> Results:
    return _activated(_correlate(images, kernel, dtype), bias, relu)


def _convolve_by_products(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike
) -> Results:
    return _activated(_fastest_correlate(images, kernel, dtype), bias, relu)


def _fastest_correlate(images: Images, kernel: Kernel, dtype: DTypeLike) -> Results:
    if images.dtype == jnp.float32 and winograd.correlation_pays(*kernel.shape[2:]):
        return winograd.correlate(images, kernel).astype(dtype)
    return _correlate(images, kernel, dtype)


def _activated(sums: Results, bias: Bias, relu: bool) -> Results:
    sums = sums + bias.astype(sums.dtype).reshape(1, 1, 1, -1)
    return jnp.maximum(sums, 0) if relu else sums


def _gated(gradient: Results, gate: Array) -> Results:
    return jnp.where(gate > 0, gradient, 0) if gate.size else gradient


def _gradients_by_library(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    gradient = _gated(gradient, gate)
    correlate = functools.partial(_correlate, dtype=images.dtype)
    _, pull_back = jax.vjp(correlate, images, kernel)
    by_images, by_kernel = pull_back(gradient)
    return by_images, by_kernel, jnp.sum(gradient, (0, 1, 2), dtype=jnp.float32)


def _gradients_by_products(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    if images.dtype != jnp.float32 or not winograd.kernel_gradient_pays(kernel.shape[3]):
        return _gradients_by_library(images, kernel, gate, gradient)
    gradient = _gated(gradient, gate)
    turned = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    by_images = _fastest_correlate(gradient, turned, images.dtype)
    return by_images, winograd.kernel_gradient(images, gradient), jnp.sum(gradient, (0, 1, 2))


def _convolve_on_tiles(
    images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike
) -> Results:
    result = jax.ShapeDtypeStruct((*images.shape[:3], kernel.shape[3]), dtype)
    no_gate = jnp.zeros((0,), jnp.bfloat16)
    call = jax.ffi.ffi_call("brainfcn_convolve", result)
    return call(images, no_gate, kernel, bias, relu=relu, transposed=False)


def _gradients_on_tiles(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    no_gate = jnp.zeros((0,), jnp.bfloat16)
    if images.dtype == jnp.float32:
        gradient = _gated(gradient, gate)
        gate = no_gate
    by_images = jax.ffi.ffi_call(
        "brainfcn_convolve", jax.ShapeDtypeStruct(images.shape, images.dtype)
    )(gradient, gate, kernel, jnp.zeros((0,), jnp.float32), relu=False, transposed=True)
    if images.dtype == jnp.bfloat16:
        return (by_images, *_kernel_gradient_on_tiles(images, gate, gradient))
    high, low = _split(images)
    gradient_high, gradient_low = _split(gradient)
    products = ((high, gradient_high), (high, gradient_low), (low, gradient_high))
    shares = [_kernel_gradient_on_tiles(x, no_gate, y)[0] for x, y in products]
    return by_images, shares[0] + shares[1] + shares[2], jnp.sum(gradient, (0, 1, 2))


def _kernel_gradient_on_tiles(
    images: Images, gate: Array, gradient: Results
) -> tuple[Kernel, Bias]:
    channels_in, channels_out = images.shape[3], gradient.shape[3]
    results = (
        jax.ShapeDtypeStruct((3, 3, channels_in, channels_out), jnp.float32),
        jax.ShapeDtypeStruct((channels_out,), jnp.float32),
    )
    by_kernel, by_bias = jax.ffi.ffi_call("brainfcn_kernel_gradient", results)(
        images, gradient, gate
    )
    return by_kernel, by_bias


def _split(x: Array) -> tuple[Array, Array]:
    """Two bfloat16 parts whose sum is x to about 16 bits of mantissa."""
    high = lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
    return high.astype(jnp.bfloat16), (x - high).astype(jnp.bfloat16)


@jax.custom_vjp
def max_pool(images: Blocks) -> Pooled:
    """Largest of each 2x2 block; its gradient goes to the first largest of the block."""
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
