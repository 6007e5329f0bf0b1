"""Scans of another modality than the model's are flagged, by name and by contrast."""

import numpy as np
import pytest

from brainfcn_jax.imaging.contrasts import ANY, ANY_NEWBORN
from brainfcn_jax.labels import COGM, CSF, VENT, WM
from brainfcn_jax.measures.modality import (
    looks_skull_stripped,
    modality_warnings,
    tissue_medians,
)

ADULT_FLAIR = {COGM: 100, WM: 90, VENT: 20, CSF: 30}
ADULT_T1 = {COGM: 60, WM: 100, VENT: 20, CSF: 25}
ADULT_T2 = {COGM: 60, WM: 40, VENT: 120, CSF: 110}
NEWBORN_T2 = {COGM: 60, WM: 80, VENT: 120, CSF: 110}


def labelled(intensities: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A noisy scan with these mean intensities, and its labels."""
    labels = np.repeat(np.array([0, *intensities], np.uint8), 200).reshape(-1, 10, 20)
    noise = np.random.default_rng(0).normal(0, 5, labels.shape)
    means = np.vectorize({0: 0, **intensities}.get)(labels)
    return (means + noise).astype(np.float32), labels


def test_another_name_is_flagged() -> None:
    (warning,) = modality_warnings("sub-01_FLAIR.nii", *labelled(ADULT_T1), "T1w")
    assert "FLAIR" in warning
    assert "T1w" in warning
    assert not modality_warnings("sub-01_T1w.nii", *labelled(ADULT_T1), "T1w")


def test_a_model_of_any_contrast_is_held_to_what_the_name_says() -> None:
    assert not modality_warnings("sub-01_FLAIR.nii", *labelled(ADULT_FLAIR), ANY)
    (warning,) = modality_warnings("sub-01_FLAIR.nii", *labelled(ADULT_T2), ANY)
    assert "does not look like a FLAIR scan, which its name says" in warning
    assert not modality_warnings("a_T1w.nii", *labelled({COGM: 90, WM: 70, VENT: 20}), ANY_NEWBORN)
    (warning,) = modality_warnings("scan.nii", *labelled(ADULT_T2), ANY, "FLAIR")
    assert "does not look like a FLAIR scan, which you say it is" in warning
    (warning,) = modality_warnings("a_T1w.nii", *labelled(NEWBORN_T2), ANY_NEWBORN)
    assert "does not look like a T1w scan" in warning
    (warning,) = modality_warnings("sub-01_CT.nii", *labelled(ADULT_T1), ANY)
    assert "its name says CT, and the model is for T1w, T2w, FLAIR, PDw" in warning


@pytest.mark.parametrize(
    ("intensities", "modality", "flagged"),
    [
        (ADULT_T1, "T1w", False),
        (ADULT_T1, "T2w", True),
        (ADULT_T2, "T1w", True),
        (ADULT_T2, "T2w", False),
        (NEWBORN_T2, "T2w", False),
        (NEWBORN_T2, "T1w", True),
        (ADULT_T2, "PDw", False),
        (ADULT_FLAIR, "FLAIR", False),
        (ADULT_T2, "FLAIR", True),
        (ADULT_T2, ANY, False),
    ],
)
def test_another_contrast_is_flagged(
    intensities: dict[int, int], modality: str, flagged: bool
) -> None:
    warnings = modality_warnings("scan.nii", *labelled(intensities), modality)
    assert bool(warnings) == flagged
    assert all("does not look like" in warning for warning in warnings)


def test_tissues_with_few_voxels_have_no_say() -> None:
    data, labels = labelled(ADULT_T2)
    labels[labels == WM] = 0
    labels[labels == VENT] = 0
    medians = tissue_medians(data, labels)
    assert set(medians) == {"grey matter", "fluid"}
    assert medians["fluid"] == pytest.approx(110, abs=2)
    assert not tissue_medians(data, np.zeros_like(labels))


def test_a_scan_without_skull_shows_hardly_more_than_its_labels() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = WM
    stripped = np.where(labels, 80, -3).astype(np.float32)
    stripped[4, 5:15, 5:15] = 30
    with_skull = np.full(labels.shape, 40, np.float32)
    with_skull[0] = 0
    noisy = stripped + np.random.default_rng(0).normal(0, 1, labels.shape).astype(np.float32)
    assert looks_skull_stripped(stripped, labels)
    assert not looks_skull_stripped(with_skull, labels)
    assert not looks_skull_stripped(noisy, labels)
    assert not looks_skull_stripped(stripped, np.zeros_like(labels))
