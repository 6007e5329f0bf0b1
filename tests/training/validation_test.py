"""Validation: mean Dice over whole scans; what is nowhere has no say."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.threshold_model import DESCRIPTION
from support.tiny_scans import tiny_settings, write_pairs

from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.training import validation
from brainfcn_jax.training.validation import load_validation_cases, validation_dice

MODEL = Model({}, DESCRIPTION)


def always(answers: Iterator[np.ndarray]) -> Callable[[Model], SimpleNamespace]:
    """What stands for `Segmenter`: of one scan after another it finds these labels."""

    def segment(scan: Scan, views: int) -> SimpleNamespace:
        return SimpleNamespace(canonical_labels=next(answers))

    return lambda model: SimpleNamespace(segment=segment)


def test_the_mean_over_scans_of_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_pairs(tmp_path, ("sub-01", "sub-02", "sub-03"))
    settings = tiny_settings(root, data__validation=("sub-02", "sub-03"))
    first, second = load_validation_cases(settings.data)
    without_csf = np.where(first.labels == 7, 0, first.labels).astype(np.uint8)
    answers = iter([without_csf, np.full_like(second.labels, 1)])
    monkeypatch.setattr(validation, "Segmenter", always(answers))

    found = validation_dice(MODEL, (first, second))

    ones = int((second.labels == 1).sum())
    assert found["CoGM"] == pytest.approx((1 + 2 * ones / (ones + second.labels.size)) / 2)
    assert found["WM"] == pytest.approx((1 + 0) / 2)
    assert (first.labels == 7).any()
    assert found["CSF"] == 0


def test_a_tissue_that_no_scan_and_no_prediction_has_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_pairs(tmp_path, ("sub-01", "sub-02"))
    (case,) = load_validation_cases(tiny_settings(root, data__validation=("sub-02",)).data)
    labels = np.where(case.labels == 7, 0, case.labels).astype(np.uint8)
    monkeypatch.setattr(validation, "Segmenter", always(iter([labels])))
    found = validation_dice(MODEL, (dataclasses.replace(case, labels=labels),))
    assert set(found.values()) == {1.0}
    assert "WM" in found
    assert "CSF" not in found
