"""How much of a labelled head lies outside the brain, for the benchmarks of whole heads."""

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from brainfcn_jax.labels import BACKGROUND, CSF

FAR_MM = 4.0


def shares(
    labels: UInt8[np.ndarray, "x y z"],
    mask: Bool[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> tuple[float, float, float, float]:
    """Tissue and any label far outside, and brain without a label, over the brain; mm below it."""
    far = ndimage.distance_transform_edt(~mask, spacing_mm) > FAR_MM
    labelled = labels != BACKGROUND
    tissue = labelled & (labels != CSF)
    brain = mask.sum()
    lowest, lowest_labelled = (np.flatnonzero(m.any(axis=(0, 1)))[0] for m in (mask, labelled))
    below_mm = max(0.0, float(lowest - lowest_labelled) * spacing_mm[2])
    outside = (float((part & far).sum() / brain) for part in (tissue, labelled))
    return *outside, float((mask & ~labelled).sum() / brain), below_mm
