"""How well a model segments whole scans that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.training.label_choice import scheme_of
from brainfcn_jax.training.settings import DataSettings
from brainfcn_jax.training.subjects import Subject, find_subjects, load_subject


@dataclass(frozen=True)
class ValidationCase:
    """A whole labelled scan that is not trained on."""

    name: str
    scan: Scan
    labels: UInt8[np.ndarray, "x y z"]


def validation_dice(
    model: Model, cases: Sequence[ValidationCase], views: int = 1
) -> dict[str, float]:
    """Return the mean Dice of each label over the cases, by abbreviation, as scans are labelled.

    A case with none of a label, in neither labels nor prediction, has no say in it; one that no
    case has is left out.
    """
    segmenter = Segmenter(model)
    found = [
        (segmenter.segment(case.scan, views=views).canonical_labels, case.labels) for case in cases
    ]
    means: dict[str, float] = {}
    for label in model.description.labels:
        values = [
            dice(predicted == label.index, labels == label.index) for predicted, labels in found
        ]
        defined = [value for value in values if not np.isnan(value)]
        if defined:
            means[label.abbreviation] = float(np.mean(defined))
    return means


def validation_subjects(settings: DataSettings) -> list[Subject]:
    """Return the subjects held out to follow the training; none when the settings name none.

    Raises:
        InputError: a subject is missing.
    """
    if not settings.validation:
        return []
    return find_subjects(
        settings.validation_root or settings.root,
        settings.scan_pattern,
        settings.labels_pattern,
        settings.validation,
    )


def load_validation_cases(settings: DataSettings) -> tuple[ValidationCase, ...]:
    """Load the subjects held out of the training; none when the settings name none.

    Raises:
        InputError: a subject is missing or cannot be used.
    """
    return tuple(
        ValidationCase(subject.called, *load_subject(subject, scheme_of(settings)))
        for subject in validation_subjects(settings)
    )
