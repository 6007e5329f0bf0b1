"""3D-like stacks: a slice and its two neighbours as the channels of a colour image. Pure JAX."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

CHANNELS = 3


def volume_to_stacks(
    volume: Num[Array, "slice height width"],
) -> Num[Array, "slice height width 3"]:
    """Makes slice n the image red = slice n-1, green = n, blue = n+1 (Xu et al. 2017, section 3).

    A neighbour outside the volume is constant 0, put in after the equalisation and before the
    mean is subtracted. The dtype is kept: an equalised uint8 volume gives uint8 stacks.
    """
    padded = jnp.pad(volume, ((1, 1), (0, 0), (0, 0)))  # (slice + 2, height, width)

    def stack(index: Num[Array, ""]) -> Num[Array, "height width 3"]:
        slab = jax.lax.dynamic_slice_in_dim(padded, index, CHANNELS)  # (3, height, width)
        return jnp.moveaxis(slab, 0, -1)

    return jax.vmap(stack)(jnp.arange(volume.shape[0]))


def subtract_mean(
    stacks: Num[Array, "*batch height width 3"], channel_means: Float[Array, "3"]
) -> Float[Array, "*batch height width 3"]:
    """Subtracts the training set's mean of each channel; the result is float32."""
    means = channel_means.astype(jnp.float32)
    shape = (1,) * (stacks.ndim - 1) + (CHANNELS,)
    return stacks.astype(jnp.float32) - means.reshape(shape)
