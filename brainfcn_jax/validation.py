"""How well a model segments whole scans that it was not trained on."""

from collections.abc import Sequence

import numpy as np

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.metrics import dice
from brainfcn_jax.segmentation import segment_scan
from brainfcn_jax.training_data import ValidationCase
from brainfcn_jax.weights import Model


def validation_dice(model: Model, cases: Sequence[ValidationCase]) -> dict[str, float]:
    """Mean Dice of each tissue over the cases, by abbreviation, through the inference path.

    A case with none of a tissue, in neither labels nor prediction, has no say in that tissue; a
    tissue that no case has is left out.
    """
    found = [(segment_scan(model, case.scan).labels, case.labels) for case in cases]
    means: dict[str, float] = {}
    for tissue in TISSUES:
        values = [
            dice(predicted == tissue.index, labels == tissue.index) for predicted, labels in found
        ]
        defined = [value for value in values if not np.isnan(value)]
        if defined:
            means[tissue.abbreviation] = float(np.mean(defined))
    return means
