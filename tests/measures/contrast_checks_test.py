"""Scans of another contrast than the model's are flagged, by name and by what they look like."""

import numpy as np
import pytest

from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.labels import COGM, CSF, VENT, WM
from brainfcn_jax.measures.contrast_checks import (
    Intensity,
    contrast_check,
    contrast_to_spread,
    looks_skull_stripped,
    substance_intensities,
)
from brainfcn_jax.measures.expectations import ADULTS, ANYONE, NEWBORNS, NOTHING, Expectations

ADULT_FLAIR = {COGM: 100, WM: 90, VENT: 20, CSF: 30}
ADULT_T1 = {COGM: 60, WM: 100, VENT: 20, CSF: 25}
ADULT_T2 = {COGM: 60, WM: 40, VENT: 120, CSF: 110}
NEWBORN_T2 = {COGM: 60, WM: 80, VENT: 120, CSF: 110}
NEWBORN_CONTRASTS = ("T2w", "T1w")


def labelled(intensities: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A noisy scan with these mean intensities, and its labels."""
    labels = np.repeat(np.array([0, *intensities], np.uint8), 200).reshape(-1, 10, 20)
    noise = np.random.default_rng(0).normal(0, 5, labels.shape)
    means = np.vectorize({0: 0, **intensities}.get)(labels)
    return (means + noise).astype(np.float32), labels


def reason(
    path: str,
    intensities: dict[int, int],
    known: tuple[str, ...],
    expected: Expectations = ADULTS,
    stated: str | None = None,
) -> str:
    """Why a scan of these intensities is flagged; empty where it is not."""
    found = substance_intensities(*labelled(intensities), expected)
    flag = contrast_check(path, found, known, expected, stated).flag
    return "" if flag is None else flag.reason


def test_another_name_is_flagged() -> None:
    assert reason("sub-01_FLAIR.nii", ADULT_T1, ("T1w",)) == (
        "its name says FLAIR, and the model is for T1w"
    )
    assert not reason("sub-01_T1w.nii", ADULT_T1, ("T1w",))


def test_what_is_stated_wins_over_the_name() -> None:
    assert not reason("ax_FLAIR.nii", ADULT_T1, ("T1w",), stated="T1w")
    said = reason("a_T1w.nii", ADULT_T1, KNOWN, stated="FLAIR")
    assert "does not look like a FLAIR scan, which you say it is" in said


def test_a_contrast_agent_is_flagged() -> None:
    said = reason("sub-01_ce-gadolinium_T1w.nii.gz", ADULT_T1, ("T1w",))
    assert said.startswith("its name says that a contrast agent was given")


def test_a_model_of_several_contrasts_is_held_to_what_the_name_says() -> None:
    assert not reason("sub-01_FLAIR.nii", ADULT_FLAIR, KNOWN)
    said = reason("sub-01_FLAIR.nii", ADULT_T2, KNOWN)
    assert "does not look like a FLAIR scan, which its name says" in said
    newborn_t1 = {COGM: 90, WM: 70, VENT: 20}
    assert not reason("a_T1w.nii", newborn_t1, NEWBORN_CONTRASTS, NEWBORNS)
    said = reason("a_T1w.nii", NEWBORN_T2, NEWBORN_CONTRASTS, NEWBORNS)
    assert "does not look like a T1w scan" in said
    said = reason("sub-01_CT.nii", ADULT_T1, KNOWN)
    assert said == "its name says CT, and the model is for T1w, T2w, FLAIR or PDw"


@pytest.mark.parametrize("named", ["T2w", "FLAIR", "PDw"])
def test_an_adults_t1w_scan_is_no_other_contrast(named: str) -> None:
    assert "does not look like" in reason(f"a_{named}.nii", ADULT_T1, KNOWN)
    assert "does not look like" in reason("a.nii", ADULT_T1, KNOWN, stated=named)


def test_scaled_and_shifted_intensities_say_the_same() -> None:
    data, labels = labelled(ADULT_T1)
    for changed in (data, data * 1e-3, data - 200):
        found = substance_intensities(changed.astype(np.float32), labels, ADULTS)
        assert contrast_check("a_T1w.nii", found, ("T1w",), ADULTS).flag is None
        assert contrast_check("a_T2w.nii", found, KNOWN, ADULTS).flag is not None


def test_tissues_that_are_hardly_apart_are_flagged() -> None:
    said = reason("a_T1w.nii", {**ADULT_T1, COGM: 98}, ("T1w",))
    assert "grey matter (97.03) is not clearly darker than white matter (99.91)" in said


@pytest.mark.parametrize(
    ("away", "spread", "expected"),
    [(10, 5, 2.0), (-10, 5, -2.0), (10, 0, np.inf), (-10, 0, -np.inf), (0, 0, 0.0)],
)
def test_contrast_is_counted_in_standard_deviations(
    away: float, spread: float, expected: float
) -> None:
    found = contrast_to_spread(Intensity(50, spread), Intensity(50 + away, spread))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("intensities", "known", "expected", "flagged"),
    [
        (ADULT_T1, ("T1w",), ADULTS, False),
        (ADULT_T1, ("T2w",), NEWBORNS, True),
        (ADULT_T2, ("T1w",), ADULTS, True),
        (ADULT_T2, ("T2w",), NEWBORNS, False),
        (NEWBORN_T2, ("T2w",), NEWBORNS, False),
        (NEWBORN_T2, ("T1w",), ADULTS, True),
        (ADULT_T2, ("PDw",), ANYONE, False),
        (ADULT_FLAIR, ("FLAIR",), ANYONE, False),
        (ADULT_T2, ("FLAIR",), ANYONE, True),
        (ADULT_T2, KNOWN, ADULTS, False),
        (ADULT_T2, ("T1w",), NOTHING, False),
    ],
)
def test_another_contrast_is_flagged(
    intensities: dict[int, int], known: tuple[str, ...], expected: Expectations, flagged: bool
) -> None:
    said = reason("scan.nii", intensities, known, expected)
    assert bool(said) == flagged
    assert "does not look like" in said or not flagged


def test_tissues_with_few_voxels_have_no_say() -> None:
    data, labels = labelled(ADULT_T2)
    labels[labels == WM] = 0
    labels[labels == VENT] = 0
    found = substance_intensities(data, labels, ADULTS)
    assert set(found) == {"grey matter", "fluid"}
    assert found["fluid"].median == pytest.approx(110, abs=2)
    assert found["fluid"].spread == pytest.approx(5, rel=0.25)
    assert not substance_intensities(data, np.zeros_like(labels), ADULTS)
    assert not substance_intensities(data, labels, NOTHING)


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
