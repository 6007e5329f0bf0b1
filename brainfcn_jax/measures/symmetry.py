"""The two halves of a brain, on both sides of the plane that mirrors it best (numpy).

Heads are tilted and turned in the field of view, so that halves along the array's own axis would
differ in a symmetric brain: one turned by 10 degrees has its cerebellum on one side.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, UInt8

from brainfcn_jax.labels import BACKGROUND, LabelTable
from brainfcn_jax.measures.simplex_search import minimise

SAMPLE_MM = 3.0
"""About the distance between the voxels that are looked at."""

MOST_MIRRORED = 6000
"""How many of them are mirrored to find the plane, at most."""

FEWEST_SAMPLES = 200
"""With fewer there is too little brain to have two halves."""

_FIRST_TILT = 0.15
_FIRST_SHIFT_MM = 8.0


@dataclass(frozen=True, eq=False)
class Halves:
    """What lies on both sides of the plane.

    Attributes:
        left_mm3: volume of each label value on the left, background and fluid left out.
        right_mm3: the same on the right.
        normal: unit vector of the plane that points to the right.
        mismatch: fraction of the brain whose mirror image is another tissue, or none.
    """

    left_mm3: Float64[np.ndarray, " classes"]
    right_mm3: Float64[np.ndarray, " classes"]
    normal: tuple[float, float, float]
    mismatch: float


def halves(
    labels: UInt8[np.ndarray, "x y z"], spacing_mm: tuple[float, float, float], table: LabelTable
) -> Halves | None:
    """Find the halves of a brain; return None when there is too little of it.

    The plane maps as much tissue as it can onto its own kind; two tilts and a shift are searched
    for (Nelder and Mead), from a plane across x through the brain's centre. Extracerebral fluid
    takes no part: in masked scans its outline is that of the mask. Everything is measured on
    voxels about `SAMPLE_MM` apart.
    """
    steps = [max(1, round(SAMPLE_MM / mm)) for mm in spacing_mm]
    samples = labels[:: steps[0], :: steps[1], :: steps[2]]
    around = np.isin(samples, table.indices_where("around_brain"))
    samples = np.where(around, np.uint8(BACKGROUND), samples)
    sizes_mm = np.array(spacing_mm) * steps
    places = np.argwhere(samples)
    if len(places) < FEWEST_SAMPLES:
        return None
    tissues = samples[tuple(places.T)]
    centre_mm = places.mean(axis=0) * sizes_mm
    points_mm = places * sizes_mm - centre_mm
    some = slice(None, None, 1 + len(places) // MOST_MIRRORED)

    def mismatch(search: Float[np.ndarray, " 3"]) -> float:
        normal, shift_mm = _plane(search)
        away_mm = points_mm[some] @ normal - shift_mm
        mirrored_mm = points_mm[some] - 2 * away_mm[:, None] * normal + centre_mm
        found = _at(samples, np.rint(mirrored_mm / sizes_mm).astype(np.int64))
        return float(np.mean(found != tissues[some]))

    first_simplex = np.vstack([np.zeros(3), np.eye(3)])
    best, least = minimise(mismatch, first_simplex, point_tolerance=1e-2, value_tolerance=1e-5)
    normal, shift_mm = _plane(best)
    on_right = points_mm @ normal > shift_mm
    left, right = (
        np.bincount(tissues[side], minlength=table.classes) for side in (~on_right, on_right)
    )
    x, y, z = normal.tolist()
    return Halves(left * sizes_mm.prod(), right * sizes_mm.prod(), (x, y, z), mismatch=least)


def _plane(search: Float[np.ndarray, " 3"]) -> tuple[Float[np.ndarray, " 3"], float]:
    """Return normal and distance from the centre of a plane; 1 is the first step of each."""
    normal = np.array([1.0, search[0] * _FIRST_TILT, search[1] * _FIRST_TILT])
    return normal / np.linalg.norm(normal), float(search[2]) * _FIRST_SHIFT_MM


def _at(
    labels: UInt8[np.ndarray, "x y z"], places: Int[np.ndarray, "point 3"]
) -> UInt8[np.ndarray, " point"]:
    """Return label values at places; background outside the array."""
    inside: Bool[np.ndarray, " point"] = np.all((places >= 0) & (places < labels.shape), axis=1)
    found = labels[tuple(np.where(inside[:, None], places, 0).T)]
    return np.where(inside, found, np.uint8(BACKGROUND))
