"""How much of a labelled head lies outside the brain, for the benchmarks of whole heads."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from brainfcn_jax.labels import BACKGROUND, CSF

FAR_MM = 4.0


class Outside(NamedTuple):
    """What is wrong about a head's labels, as shares of the brain mask's volume; z points upwards.

    Attributes:
        tissue: tissues other than extracerebral fluid more than 4 mm outside the mask.
        labelled: any label there.
        missing: brain without a label.
        tissue_below: the part of `tissue` in slices below the mask's lowest one.
        labelled_below: the part of `labelled` there.
        below_mm: how far any label reaches below the mask's lowest slice, in mm.
    """

    tissue: float
    labelled: float
    missing: float
    tissue_below: float
    labelled_below: float
    below_mm: float


def outside_brain(
    labels: UInt8[np.ndarray, "x y z"],
    mask: Bool[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> Outside:
    """What lies outside the brain, and what of it has no label."""
    far = ndimage.distance_transform_edt(~mask, spacing_mm) > FAR_MM
    labelled = labels != BACKGROUND
    tissue = labelled & (labels != CSF)
    lowest, lowest_labelled = (np.flatnonzero(m.any(axis=(0, 1)))[0] for m in (mask, labelled))

    def share(found: Bool[np.ndarray, "x y _"]) -> float:
        return float(found.sum() / mask.sum())

    return Outside(
        tissue=share(tissue & far),
        labelled=share(labelled & far),
        missing=share(mask & ~labelled),
        tissue_below=share((tissue & far)[:, :, :lowest]),
        labelled_below=share((labelled & far)[:, :, :lowest]),
        below_mm=max(0.0, float(lowest - lowest_labelled) * spacing_mm[2]),
    )
