"""Copies of volumes whose axes were turned, in the order in which they are read next (numpy)."""

from typing import Literal

import numpy as np
from jaxtyping import Shaped

_BLOCK = 16


def laid_out(
    volume: Shaped[np.ndarray, "i j k *channels"], order: Literal["C", "F"]
) -> Shaped[np.ndarray, "i j k *channels"]:
    """Return the same volume with its last axis ("C") or its first ("F", as in files) contiguous.

    A copy in blocks, which stay in the cache while one side is read across the grain; numpy's own
    misses it. What is in that order already is not copied.
    """
    if volume.flags[order]:
        return volume
    copy = np.empty(volume.shape, volume.dtype, order)
    for i in range(0, volume.shape[0], _BLOCK):
        for k in range(0, volume.shape[2], _BLOCK):
            block = (slice(i, i + _BLOCK), slice(None), slice(k, k + _BLOCK))
            copy[block] = volume[block]
    return copy
