"""Volumes (x, y, z) as slices along an axis, and back, as views (numpy).

Axes are turned nowhere else, but between a scan's file and the canonical frame (`grid`).
"""

from typing import TypeVar

import numpy as np
from jaxtyping import Shaped

T = TypeVar("T")


def slices_along(
    volume: Shaped[np.ndarray, "*channels x y z"], axis: int
) -> Shaped[np.ndarray, "*channels slice height width"]:
    """Return a volume's slices along one of its last three axes; the others keep their order."""
    return np.moveaxis(volume, axis - 3, -3)


def volume_of(
    slices: Shaped[np.ndarray, "*channels slice height width"], axis: int
) -> Shaped[np.ndarray, "*channels x y z"]:
    """Return the volume of slices along an axis: the inverse of `slices_along`."""
    return np.moveaxis(slices, -3, axis - 3)


def slices_first(canonical: tuple[T, T, T], axis: int) -> tuple[T, T, T]:
    """Return what belongs to x, y and z in the order of the axes of `slices_along`."""
    first, *others = (axis, *(place for place in range(3) if place != axis))
    second, third = others
    return canonical[first], canonical[second], canonical[third]


def channels_last(
    volumes: Shaped[np.ndarray, "channel x y z"],
) -> Shaped[np.ndarray, "x y z channel"]:
    """Return volumes, one for each channel, as one volume of channels."""
    return np.moveaxis(volumes, 0, -1)
