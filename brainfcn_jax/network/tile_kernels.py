"""The compiled convolutions for AMX tiles, as JAX calls (pure JAX).

Float32 images are multiplied as two bfloat16 parts, which keeps about 16 bits of mantissa.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

Images = Float[Array, "slice height width cin"]
Results = Float[Array, "slice height width cout"]
Kernel = Float[Array, "3 3 cin cout"]
Bias = Float[Array, " cout"]


def convolve(images: Images, kernel: Kernel, bias: Bias, relu: bool, dtype: DTypeLike) -> Results:
    """Convolve as `convolution.convolve` does."""
    result = jax.ShapeDtypeStruct((*images.shape[:3], kernel.shape[3]), dtype)
    no_gate = jnp.zeros((0,), jnp.bfloat16)
    call = jax.ffi.ffi_call("brainfcn_convolve", result)
    return call(images, no_gate, kernel, bias, relu=relu, transposed=False)


def gradients(
    images: Images, kernel: Kernel, gate: Array, gradient: Results
) -> tuple[Images, Kernel, Bias]:
    """Convolve images by kernel and bias; only where `gate` is above 0, if it is not empty."""
    no_gate = jnp.zeros((0,), jnp.bfloat16)
    if images.dtype == jnp.float32:
        gradient = jnp.where(gate > 0, gradient, 0) if gate.size else gradient
        gate = no_gate
    by_images = jax.ffi.ffi_call(
        "brainfcn_convolve", jax.ShapeDtypeStruct(images.shape, images.dtype)
    )(gradient, gate, kernel, jnp.zeros((0,), jnp.float32), relu=False, transposed=True)
    if images.dtype == jnp.bfloat16:
        return (by_images, *_kernel_gradient(images, gate, gradient))
    high, low = _split(images)
    gradient_high, gradient_low = _split(gradient)
    products = ((high, gradient_high), (high, gradient_low), (low, gradient_high))
    shares = [_kernel_gradient(x, no_gate, y)[0] for x, y in products]
    return by_images, shares[0] + shares[1] + shares[2], jnp.sum(gradient, (0, 1, 2))


def _kernel_gradient(images: Images, gate: Array, gradient: Results) -> tuple[Kernel, Bias]:
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
    """Return two bfloat16 parts whose sum is x to about 16 bits of mantissa."""
    high = lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
    return high.astype(jnp.bfloat16), (x - high).astype(jnp.bfloat16)
