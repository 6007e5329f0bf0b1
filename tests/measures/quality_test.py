"""Quality control: each check by hand, on a brain of ellipsoids, and on real label maps."""

import os
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float32, UInt8
from support.labelled_brain import (
    SPACING_MM,
    entropies,
    intensities,
    labelled_brain,
    volumes,
)

from brainfcn_jax.imaging.nifti import load_labels, load_scan
from brainfcn_jax.labels import BACKGROUND, BS, CB, COGM, CSF, TISSUES, VENT, WM
from brainfcn_jax.measures.expectations import ADULTS, ANYONE, NEWBORNS, Expectations
from brainfcn_jax.measures.quality import (
    Quality,
    asymmetry,
    brain_left_out,
    cut_by_field_of_view,
    high_uncertainty,
    implausible_volumes,
    many_removed_regions,
    missing_labels,
    verdict_of,
)
from brainfcn_jax.measures.symmetry import halves

DATA = Path(os.environ.get("BRAINFCN_DATA", "nowhere"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="BRAINFCN_DATA is not set")

Labels = UInt8[np.ndarray, "x y z"]


def assessed(
    labels: Labels,
    image: Float32[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    expected: Expectations = ADULTS,
) -> Quality:
    """What the checks that need no network come to together."""
    rows = volumes(labels, spacing_mm)
    return verdict_of(
        (
            missing_labels(rows, TISSUES),
            implausible_volumes(rows, expected),
            asymmetry(labels, spacing_mm, TISSUES, expected),
            cut_by_field_of_view(labels, image, spacing_mm, TISSUES, expected),
            many_removed_regions(labels, 0),
            high_uncertainty(labels, entropies(labels), TISSUES),
        )
    )


def names(quality: Quality) -> set[str]:
    return {flag.name for flag in quality.flags}


def test_a_whole_brain_passes_and_everything_is_measured() -> None:
    labels = labelled_brain()
    quality = assessed(labels, intensities(labels))
    assert (quality.verdict, quality.flags) == ("PASS", ())
    assert all(
        type(value) is float and np.isfinite(value) for value in quality.measurements.values()
    )
    assert quality.measurements["mean_entropy"] == pytest.approx(0.2, abs=1e-4)
    assert quality.measurements["section_at_top_mm2"] == 0


def test_nothing_labelled_is_said_and_breaks_nothing() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    quality = assessed(labels, intensities(labels))
    assert quality.verdict == "CHECK"
    assert [flag.reason for flag in quality.flags] == ["no tissue was found"]
    assert "mean_entropy" not in quality.measurements


def test_a_tissue_without_a_voxel_is_missing() -> None:
    labels = labelled_brain()
    labels[labels == CB] = WM
    finding = missing_labels(volumes(labels), TISSUES)
    assert finding.flag is not None
    assert finding.flag.reason == "not found: cerebellum"


def test_the_limits_belong_to_the_people() -> None:
    rows = volumes(labelled_brain())
    assert implausible_volumes(rows, ADULTS).flag is None
    assert implausible_volumes(rows, ANYONE).flag is None
    flag = implausible_volumes(rows, NEWBORNS).flag
    assert flag is not None
    assert flag.reason.startswith("for newborns of 28 to 45 weeks, cortical grey matter")
    assert "(plausible: 18 to 330)" in flag.reason


def test_a_tissue_that_is_too_small_is_named_with_its_limits() -> None:
    labels = labelled_brain()
    first = np.argwhere(labels == BS)[100:]  # leaves 100 voxels of 27 mm3
    labels[tuple(first.T)] = WM
    flag = implausible_volumes(volumes(labels), ADULTS).flag
    assert flag is not None
    assert flag.reason == "for adults, brainstem 2.7 ml (plausible: 8 to 35)"


def test_limits_are_known_for_rows_of_the_table() -> None:
    rows = {row.abbreviation for row in volumes(labelled_brain())}
    for known in (ADULTS, NEWBORNS):
        assert set(known.limits_ml) == rows - {"BG", "CSF"}
        assert all(0 < low < high for low, high in known.limits_ml.values())
    for tissue in {label.abbreviation for label in TISSUES} - {"CSF"}:
        assert ADULTS.limits_ml[tissue][0] >= NEWBORNS.limits_ml[tissue][0]


@pytest.mark.parametrize(("turn", "tilt"), [(0.0, 0.0), (15.0, 0.0), (0.0, -12.0), (-10.0, 8.0)])
def test_a_turned_head_stays_symmetric(turn: float, tilt: float) -> None:
    labels = labelled_brain(turn_degrees=turn, tilt_degrees=tilt)
    found = halves(labels, SPACING_MM, TISSUES)
    assert found is not None
    index = (found.right_mm3 - found.left_mm3)[1:6] / (found.right_mm3 + found.left_mm3)[1:6]
    assert np.abs(index[[0, 1, 2, 4]]).max() < 0.04
    assert found.mismatch < 0.2
    turned, tilted = np.radians([turn, tilt])
    across = (np.cos(tilted) * np.cos(turned), np.cos(tilted) * np.sin(turned), np.sin(tilted))
    assert np.degrees(np.arccos(np.dot(found.normal, across))) < 3


def test_halves_leave_fluid_out_and_add_up() -> None:
    labels = labelled_brain()
    found = halves(labels, SPACING_MM, TISSUES)
    assert found is not None
    counted = np.bincount(labels.ravel(), minlength=8) * 27.0
    np.testing.assert_allclose((found.left_mm3 + found.right_mm3)[1:CSF], counted[1:CSF])
    assert found.left_mm3[CSF] == found.right_mm3[CSF] == 0


def test_voxels_may_be_flat() -> None:
    found = halves(labelled_brain((90, 105, 50), (2.0, 2.0, 4.0), 8.0), (2.0, 2.0, 4.0), TISSUES)
    assert found is not None
    assert found.mismatch < 0.25


def test_too_little_brain_has_no_halves() -> None:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[:5, :5, :7] = WM
    assert halves(labels, SPACING_MM, TISSUES) is None
    assert asymmetry(labels, SPACING_MM, TISSUES, ADULTS).flag is None


def test_a_side_that_is_larger_is_named() -> None:
    labels = labelled_brain()
    right_cerebellum = labels == CB
    right_cerebellum[:33] = False
    labels[right_cerebellum] = 0
    finding = asymmetry(labels, SPACING_MM, TISSUES, ADULTS)
    assert finding.flag is not None
    assert "of the cerebellum is on the left" in finding.flag.reason
    assert finding.measurements["asymmetry_CB"] < -0.1
    mirrored = asymmetry(labels[::-1], SPACING_MM, TISSUES, ADULTS)
    assert mirrored.flag is not None
    assert "of the cerebellum is on the right" in mirrored.flag.reason


def test_a_missing_half_is_flagged() -> None:
    labels = labelled_brain()
    labels[:30] = 0
    assert {"asymmetry", "implausible_volume"} <= names(assessed(labels, intensities(labels)))


@pytest.mark.parametrize(
    ("axis", "name", "kept"),
    [
        (0, "left", slice(20, None)),
        (0, "right", slice(None, -20)),
        (1, "back", slice(22, None)),
        (1, "front", slice(None, -22)),
        (2, "bottom", slice(33, None)),
        (2, "top", slice(None, -22)),
    ],
)
@pytest.mark.parametrize("padding", [0, 3])
def test_a_brain_cut_by_the_field_of_view_is_flagged(
    axis: int, name: str, kept: slice, padding: int
) -> None:
    index = [slice(None)] * 3
    index[axis] = kept
    labels = labelled_brain()[tuple(index)]
    image = intensities(labels) + 1 + np.random.default_rng(0).random(labels.shape, np.float32)
    labels, image = (np.pad(volume, padding) for volume in (labels, image))
    finding = cut_by_field_of_view(labels, image, SPACING_MM, TISSUES, ADULTS)
    assert finding.flag is not None
    assert f"of brain lie on its {name} edge" in finding.flag.reason
    cut = {key for key, amount in finding.measurements.items() if amount > 0}
    assert cut == {f"section_at_{name}_mm2", "share_cut_off"}


def test_a_section_is_measured_in_square_millimetres() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:7, 3:9, 9] = WM
    labels[2, 3, 9] = CSF
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    finding = cut_by_field_of_view(labels, image, (2.0, 3.0, 5.0), TISSUES, ADULTS)
    assert finding.measurements["section_at_top_mm2"] == (5 * 6 - 1) * 6.0
    assert finding.flag is not None
    assert "1.74 cm2" in finding.flag.reason


@pytest.mark.parametrize(("cut_mm", "flagged"), [(3, False), (7, False), (10, True), (20, True)])
def test_what_is_cut_off_is_estimated_from_the_section(cut_mm: int, flagged: bool) -> None:
    radius_mm = 60
    places = np.arange(-70, 71)
    ball = places[:, None, None] ** 2 + places[:, None] ** 2 + places**2 <= radius_mm**2
    labels = np.where(ball, np.uint8(WM), np.uint8(0))[:, :, : 70 + radius_mm - cut_mm + 1]
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    finding = cut_by_field_of_view(labels, image, (1.0, 1.0, 1.0), TISSUES, ADULTS)
    beyond = 1 - labels.sum() / (WM * ball.sum())
    assert finding.measurements["share_cut_off"] == pytest.approx(beyond, rel=0.25, abs=1e-3)
    assert (finding.flag is not None) == flagged == (beyond > 0.01)


def test_the_brainstem_may_leave_at_the_bottom_only() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[3:9, 3:9, :] = BS
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    finding = cut_by_field_of_view(labels, image, SPACING_MM, TISSUES, ADULTS)
    assert finding.measurements["section_at_bottom_mm2"] == 0
    assert finding.measurements["section_at_top_mm2"] == 36 * 9


def test_a_masked_brain_is_not_cut_by_its_mask() -> None:
    labels = labelled_brain((60, 70, 30), (3.0, 3.0, 6.0))  # the last slice with brain is large
    spacing_mm, image = (3.0, 3.0, 6.0), intensities(labels)
    assert cut_by_field_of_view(labels, image, spacing_mm, TISSUES, ADULTS).flag is None


def test_removed_regions_count_against_slices() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:, 2:4, 2:4] = WM
    assert many_removed_regions(labels, 24).flag is None
    finding = many_removed_regions(labels, 25)
    assert finding.measurements == {"removed_regions": 25.0, "removed_per_slice": 25 / 8}
    assert finding.flag is not None


def test_the_mean_entropy_is_that_of_labelled_voxels() -> None:
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[1, 3, 2:4], labels[2, 4, 2:4] = COGM, (WM, VENT)
    entropy = np.full(labels.shape, 1, np.float16)
    entropy[1, 3, 2:4], entropy[2, 4, 2:4] = 0.5, (0.25, 0.75)
    finding = high_uncertainty(labels, entropy, TISSUES)
    assert finding.measurements == {
        "mean_entropy": 0.5,
        "mean_entropy_CoGM": 0.5,
        "mean_entropy_WM": 0.25,
        "mean_entropy_Vent": 0.75,
    }
    assert finding.flag is not None
    assert "0.50" in finding.flag.reason


@needs_data
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("oasis_malf/train/1007_dseg.nii.gz", ADULTS),
        ("oasis_malf/train/1036_dseg.nii.gz", ADULTS),
        ("neonatal/dhcp_40w/dhcp40w_dseg.nii.gz", NEWBORNS),
    ],
)
def test_real_label_maps_pass(path: str, expected: Expectations) -> None:
    labels = load_labels(DATA / path)
    spacing_mm = load_scan(DATA / path).spacing_mm
    quality = assessed(labels, labels.astype(np.float32), spacing_mm, expected)
    assert quality.flags == ()


def test_a_brain_that_was_not_found_or_not_labelled_is_flagged() -> None:
    labels = np.full((10, 10, 10), WM, np.uint8)
    in_brain = np.zeros(labels.shape, bool)
    in_brain[:5] = True
    assert brain_left_out(None, labels, None).flag is None
    assert brain_left_out(True, labels, None).flag is None
    missing = brain_left_out(False, labels, None).flag
    assert missing is not None
    assert (missing.name, "no brain was found" in missing.reason) == ("brain_not_found", True)
    labels[5:] = BACKGROUND
    labels[:5, 0] = BACKGROUND
    assert brain_left_out(True, labels, in_brain).flag is None
    labels[:5, 1] = BACKGROUND
    labels[:5, 2, :5] = BACKGROUND
    left_out = brain_left_out(True, labels, in_brain)
    assert left_out.measurements == {"unlabelled_brain": 0.25}
    assert left_out.flag is not None
    assert "25% of the brain that was found has no label" in left_out.flag.reason
