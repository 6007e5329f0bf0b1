"""Labels as people draw them: smoother than what scans are made from (pure JAX).

Label maps of the generator follow every voxel. Whoever labels a scan draws surfaces that are as
smooth as the scan shows them: smoothed by 1 mm, a sulcus or a blade of white matter narrower than
about 1.4 mm has the tissue around it.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, UInt8

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.synthesis.deformation import along_axes

_REACH = 3.0  # standard deviations that the bell reaches


def drawn(
    tissues: UInt8[Array, "slice height width"], smoothing_mm: float, spacing_mm: float
) -> UInt8[Array, "slice height width"]:
    """Return the tissue that is most of what lies around each voxel that has any; background stays.

    Args:
      tissues: 0..7.
      smoothing_mm: standard deviation of the bell that weighs what is around; 0: as they are.
      spacing_mm: size of the voxels.
    """
    if smoothing_mm == 0:
        return tissues
    first, second, third = (
        jnp.asarray(bell_matrix(size, smoothing_mm / spacing_mm)) for size in tissues.shape
    )
    most = jnp.zeros(tissues.shape, jnp.float32)
    found = tissues
    for tissue in range(1, TISSUES.classes):
        share = along_axes((tissues == tissue).astype(jnp.float32), (first, second, third))
        found = jnp.where(share > most, jnp.uint8(tissue), found)
        most = jnp.maximum(share, most)
    return jnp.where(tissues > 0, found, jnp.uint8(0))


def bell_matrix(size: int, deviation: float) -> Float32[np.ndarray, "size size"]:
    """Return rows that sum to 1: row i weighs `size` places by a normal density about place i.

    Beyond `_REACH` standard deviations, and outside of the line, there is nothing.
    """
    away = np.abs(np.arange(size)[:, None] - np.arange(size)[None, :]) / deviation
    weights = np.where(away <= _REACH, np.exp(-0.5 * away**2), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
