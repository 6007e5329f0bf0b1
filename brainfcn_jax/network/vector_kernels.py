"""The compiled float32 convolutions for vector instructions, as JAX calls (pure JAX).

3x3 convolutions by Winograd's F(6x6, 3x3) (Lavin and Gray, "Fast algorithms for convolutional
neural networks", CVPR 2016), but for fewer than eight input channels, which are summed directly.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32

from brainfcn_jax.network import kernels

Packed = Float32[Array, " values"]
Images = Float32[Array, "slice height width cin"]
Results = Float32[Array, "slice height width cout"]
Pooled = Float32[Array, "slice half_rows half_columns cout"]

PACK, CONVOLVE = "brainfcn_pack_vector", "brainfcn_convolve_vector"
KERNEL_GRADIENT = "brainfcn_kernel_gradient_vector"


def pack(kernel: Float32[Array, "3 3 cin cout"], *, transposed: bool = False) -> Packed:
    """Return a kernel transformed and laid out as `convolve` reads it on this processor.

    Transposed (taps turned, channels exchanged) it is the kernel that takes a gradient by the
    results to the gradient by the images.
    """
    channels_in, channels_out = kernel.shape[2:]
    shape = (channels_out, channels_in) if transposed else (channels_in, channels_out)
    result = jax.ShapeDtypeStruct((kernels.packed_size(*shape),), jnp.float32)
    packed: Packed = jax.ffi.ffi_call(PACK, result)(kernel, transposed=transposed)
    return packed


def convolve(images: Images, packed: Packed, bias: Float32[Array, " cout"], relu: bool) -> Results:
    """Return zero-padded 3x3 cross-correlation plus bias, then the larger of it and 0 if `relu`."""
    results, _ = _call(images, _nothing(), packed, bias, len(bias), relu, (0,))
    return results


def convolve_and_pool(
    images: Images, packed: Packed, bias: Float32[Array, " cout"]
) -> tuple[Results, Pooled]:
    """Return `convolve` with ReLU, and the largest of each whole 2x2 block of its results."""
    slices, height, width, _ = images.shape
    pooled = (slices, height // 2, width // 2, len(bias))
    return _call(images, _nothing(), packed, bias, len(bias), True, pooled)


def image_gradient(
    gradient: Results, gate: Array, kernel: Float32[Array, "3 3 cin cout"]
) -> Images:
    """Return the gradient by the images, from the gradient by the results where `gate` is above 0.

    `gate` has the gradient's shape, or is empty: then all of the gradient counts.
    """
    packed = pack(kernel, transposed=True)
    images, _ = _call(gradient, gate, packed, _nothing(), kernel.shape[2], False, (0,))
    return images


def kernel_gradient(
    images: Images, gradient: Results, gate: Array
) -> tuple[Float32[Array, "3 3 cin cout"], Float32[Array, " cout"]]:
    """Return the gradients by the kernel and by the bias, from the gradient by the results.

    `gate` is as `image_gradient` has it. Products are summed tile by tile in Winograd's transforms,
    so that they are as few as the convolution's, and in the same order with any number of threads.
    """
    channels_in, channels_out = images.shape[3], gradient.shape[3]
    results = (
        jax.ShapeDtypeStruct((3, 3, channels_in, channels_out), jnp.float32),
        jax.ShapeDtypeStruct((channels_out,), jnp.float32),
    )
    by_kernel, by_bias = jax.ffi.ffi_call(KERNEL_GRADIENT, results)(images, gradient, gate)
    return by_kernel, by_bias


def _nothing() -> Float32[Array, "0"]:
    return jnp.zeros((0,), jnp.float32)


def _call(
    images: Images,
    gate: Array,
    packed: Packed,
    bias: Array,
    channels_out: int,
    relu: bool,
    pooled_shape: tuple[int, ...],
) -> tuple[Results, Array]:
    shapes = ((*images.shape[:3], channels_out), pooled_shape)
    results = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    found, pooled = jax.ffi.ffi_call(CONVOLVE, results)(images, gate, packed, bias, relu=relu)
    return found, pooled
