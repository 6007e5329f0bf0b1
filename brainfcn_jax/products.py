"""The gradient of a 3x3 convolution by its kernel as matrix products, for processors (pure JAX).

XLA's own is slower there, by a half or more.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def kernel_gradient(
    images: Float[Array, "slice height width cin"],
    gradient: Float[Array, "slice height width cout"],
) -> Float[Array, "3 3 cin cout"]:
    """The gradient of a zero-padded correlation by its kernel: nine products of whole images."""
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
