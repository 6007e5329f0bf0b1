"""How bright a scan is where each label is (numpy)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.labels import BACKGROUND, LabelTable


@dataclass(frozen=True)
class LabelIntensities:
    """The intensities of one label, in the scan's own unit; all are None where it has no voxel.

    Attributes:
        index: its value in label maps.
        name: in words.
        abbreviation: in letters.
        mean: of its voxels.
        standard_deviation: of its voxels.
        percentile_5: what 5% of its voxels are below.
        median: what half of its voxels are below.
        percentile_95: what 95% of its voxels are below.
    """

    index: int
    name: str
    abbreviation: str
    mean: float | None = None
    standard_deviation: float | None = None
    percentile_5: float | None = None
    median: float | None = None
    percentile_95: float | None = None


def label_intensities(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"], table: LabelTable
) -> list[LabelIntensities]:
    """Measure the intensities of each label of a table, in the order of their values."""
    labelled = labels != BACKGROUND
    values, classes = data[labelled].astype(np.float64), labels[labelled]
    measured = []
    for label in table:
        own = values[classes == label.index]
        numbers = []
        if own.size:
            numbers = [own.mean(), own.std(), *np.percentile(own, (5, 50, 95))]
        named = (label.index, label.name, label.abbreviation)
        measured.append(LabelIntensities(*named, *map(float, numbers)))
    return measured
