"""3x3 convolution and its gradient by the kernel as matrix products, for processors (pure JAX).

XLA's own convolutions are slower there: by a third where there are many channels, and the gradient
by the kernel by a half or more.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

Matrix = tuple[tuple[int | float, ...], ...]

PIXELS: Matrix = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
"""Transforms four pixels in a row (or column)."""

KERNEL: Matrix = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
"""Transforms three weights in a row."""

RESULTS: Matrix = ((1, 1, 1, 0), (0, 1, -1, -1))
"""Gives two results in a row from four products."""

FEWEST_CHANNELS = 256
"""With fewer channels the transforms take longer than the products they save (measured)."""

FEWEST_RESULTS = 64
"""With fewer results a pixel XLA's gradient by the kernel is the faster one (measured)."""


def correlation_pays(channels_in: int, channels_out: int) -> bool:
    """Whether `correlate` is faster than XLA's convolution."""
    return min(channels_in, channels_out) >= FEWEST_CHANNELS


def kernel_gradient_pays(channels_out: int) -> bool:
    """Whether `kernel_gradient` is faster than XLA's."""
    return channels_out >= FEWEST_RESULTS


def correlate(
    images: Float[Array, "slice height width cin"], kernel: Float[Array, "3 3 cin cout"]
) -> Float[Array, "slice height width cout"]:
    """Zero-padded 3x3 cross-correlation by Winograd's F(2x2, 3x3), in the images' precision.

    Every 2x2 block of results comes from 16 products instead of 36, of 4x4 pixels and of a kernel
    that are both transformed first.

    Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016,
    section 4.1.
    """
    slices, height, width, channels_in = images.shape
    channels_out = kernel.shape[3]
    rows, columns = -(-height // 2), -(-width // 2)  # of blocks
    padding = ((0, 0), (1, 2 * rows + 1 - height), (1, 2 * columns + 1 - width), (0, 0))
    padded = jnp.pad(images, padding)
    weights = [_combined(KERNEL, list(line)) for line in _combined(KERNEL, list(kernel))]
    lines = _combined(PIXELS, [padded[:, i : i + 2 * rows - 1 : 2] for i in range(4)])
    products = []
    for line, line_weights in zip(lines, weights, strict=True):
        pixels = _combined(PIXELS, [line[:, :, j : j + 2 * columns - 1 : 2] for j in range(4)])
        flat = [block.reshape(-1, channels_in) for block in pixels]
        products.append([x @ w for x, w in zip(flat, line_weights, strict=True)])
    halves = [_combined(RESULTS, line) for line in products]
    blocks = [_combined(RESULTS, list(column)) for column in zip(*halves, strict=True)]
    # (column of the block, row of the block, slice rows columns, cout), to images
    stacked = jnp.stack([jnp.stack(column) for column in blocks])
    stacked = stacked.reshape(2, 2, slices, rows, columns, channels_out)
    whole = stacked.transpose(2, 3, 1, 4, 0, 5).reshape(slices, 2 * rows, 2 * columns, channels_out)
    return whole[:, :height, :width]


def kernel_gradient(
    images: Float[Array, "slice height width cin"],
    gradient: Float[Array, "slice height width cout"],
) -> Float[Array, "3 3 cin cout"]:
    """The gradient of `correlate` by the kernel: nine products of whole images."""
    _, height, width, channels_in = images.shape
    channels_out = gradient.shape[3]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    flat = gradient.reshape(-1, channels_out)
    taps = [
        padded[:, i : i + height, j : j + width].reshape(-1, channels_in).T @ flat
        for i in range(3)
        for j in range(3)
    ]
    return jnp.stack(taps).reshape(3, 3, channels_in, channels_out)


def _combined(matrix: Matrix, terms: Sequence[Array]) -> list[Array]:
    """The product of a matrix with terms; what is 0 or 1 in the matrix costs nothing."""
    sums = []
    for row in matrix:
        parts = [
            term if factor == 1 else factor * term
            for factor, term in zip(row, terms, strict=True)
            if factor
        ]
        sums.append(sum(parts[1:], start=parts[0]))
    return sums
