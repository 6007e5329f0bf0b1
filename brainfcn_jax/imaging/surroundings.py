"""What was cut away around a head or brain, wherever its value lies in a scan's range (scipy).

Programs that strip skulls, mask or pad leave one value all around. Where that is the lowest
intensity, as in most scans, nothing is to be done. Where it is not, z-scores lie on both sides of
it, or interpolation has left a few voxels below it.
"""

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from brainfcn_jax.text import number, voxels

LEAST_OF_FACES = 0.5
"""How much of the volume's six faces must hold one value."""

MOST_BELOW = 0.05
"""Of what is not empty, what may lie below the surroundings and be a trace of interpolation."""


def with_lowest_surroundings(
    scan: Float32[np.ndarray, "x y z"],
) -> tuple[Float32[np.ndarray, "x y z"], tuple[str, ...]]:
    """Return a scan in which what fills its surroundings is the lowest intensity, and a note.

    The surroundings are the voxels of the value that `LEAST_OF_FACES` of the faces' voxels have,
    joined to a face. If no more than `MOST_BELOW` of all others are lower, those are raised to
    it; else the surroundings are lowered to the lowest of them. A scan whose surroundings are the
    lowest already, or not of one value, comes back as it is.
    """
    ends = (slice(0, 1), slice(-1, None))
    faces = [part.ravel() for end in ends for part in (scan[end], scan[:, end], scan[:, :, end])]
    value = commonest(np.concatenate(faces))
    lowest = scan.min()
    if value is None or value == lowest:
        return scan, ()
    empty, shown = joined_to_faces(scan == value), number(float(value))
    below = int(np.count_nonzero(scan < value))
    if below <= MOST_BELOW * max(1, scan.size - int(np.count_nonzero(empty))):
        note = f"{voxels(below)} below {shown}, which fills the surroundings, taken as that"
        return np.maximum(scan, value), (note,)
    note = f"the surroundings hold {shown}, which is not the lowest intensity, and are empty"
    return np.where(empty, lowest, scan), (note,)


def commonest(values: Float32[np.ndarray, " voxel"]) -> np.float32 | None:
    """Return the value that `LEAST_OF_FACES` or more of all have; None where there is none."""
    middle = np.partition(values, values.size // 2)[values.size // 2]  # what half have is there
    return middle if np.mean(values == middle) >= LEAST_OF_FACES else None


def joined_to_faces(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Return what of a mask is connected by faces of voxels to the volume's edge."""
    pieces, _ = ndimage.label(np.pad(mask, 1, constant_values=True))
    around: Bool[np.ndarray, "x y z"] = (pieces == pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return around
