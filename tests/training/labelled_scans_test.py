"""The scans of an experiment: who is trained on, what is cut, what is asked for in vain."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.tiny_scans import SHAPE, SPACING_MM, tiny_scan, tiny_settings, write_pairs

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.inference.network_input import HEAD_MARGIN_VOXELS
from brainfcn_jax.training.labelled_scans import load_training_data, training_subjects
from brainfcn_jax.training.settings import DataSettings
from brainfcn_jax.training.validation import load_validation_cases

NAMES = ("sub-01", "sub-02", "sub-03", "sub-04")


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    """Four subjects, of which the third is held out."""
    return tiny_settings(write_pairs(tmp_path / "scans", NAMES)).data


def names_of(settings: DataSettings) -> list[str]:
    """Who is trained on."""
    return [subject.name for subject in training_subjects(settings)]


def test_who_is_trained_on(settings: DataSettings) -> None:
    assert names_of(settings) == ["sub-01", "sub-02", "sub-04"]
    assert names_of(dataclasses.replace(settings, train_subjects=1)) == ["sub-01"]
    assert names_of(dataclasses.replace(settings, train=("sub-04", "sub-01"))) == [
        "sub-04",
        "sub-01",
    ]


def test_a_subject_held_out_is_so_in_all_contrasts(settings: DataSettings) -> None:
    root = Path(settings.root)
    for name in NAMES[1:3]:
        (root / f"{name}_T2w.nii.gz").write_bytes((root / f"{name}_T1w.nii.gz").read_bytes())
    both = dataclasses.replace(settings, scan_pattern="{subject}_{contrast}.nii.gz")
    called = [subject.called for subject in training_subjects(both)]
    assert called == ["sub-01 T1w", "sub-02 T1w", "sub-02 T2w", "sub-04 T1w"]
    assert [case.name for case in load_validation_cases(both)] == ["sub-03 T1w", "sub-03 T2w"]
    fewer = training_subjects(dataclasses.replace(both, train_subjects=2))
    assert [subject.called for subject in fewer] == called[:3]


def test_more_subjects_than_there_are(settings: DataSettings) -> None:
    with pytest.raises(UsageError, match=r"asks for 4 subjects, and .* has 3"):
        training_subjects(dataclasses.replace(settings, train_subjects=4))
    with pytest.raises(UsageError, match=r"all 4 subjects .* leave some"):
        training_subjects(dataclasses.replace(settings, validation=NAMES))


def test_a_volume_as_it_is_trained_on(settings: DataSettings) -> None:
    data = load_training_data(dataclasses.replace(settings, train=("sub-02",)))
    assert data.spacing_mm == SPACING_MM
    (volume,) = data.volumes
    scan, labels = tiny_scan(1)
    np.testing.assert_array_equal(volume.labels, np.moveaxis(labels, 2, 0))
    np.testing.assert_array_equal(volume.has_head, scan.any(axis=(0, 1)))
    np.testing.assert_array_equal(volume.stacks[2, ..., 0], volume.stacks[1, ..., 1])
    np.testing.assert_array_equal(volume.stacks[2, ..., 2], volume.stacks[3, ..., 1])
    np.testing.assert_array_equal(volume.stacks[..., 1] > 0, np.moveaxis(scan, 2, 0) > 0)


def test_each_subject_has_its_slice_axis(settings: DataSettings) -> None:
    mixed = dataclasses.replace(
        settings, train=("sub-01", "sub-02"), train_slice_axes=("axial", "coronal")
    )
    first, second = load_training_data(mixed).volumes
    assert first.labels.shape == (SHAPE[2], SHAPE[0], SHAPE[1])
    assert second.labels.shape == (SHAPE[1], SHAPE[0], SHAPE[2])


def test_all_directions_of_a_scan(settings: DataSettings, tmp_path: Path) -> None:
    _, labels = tiny_scan(0)
    write_pairs(tmp_path / "scans", ("fine",), (1.0, 1.25, 1.5))
    every = dataclasses.replace(settings, train=("fine",), slice_axis="all")
    data = load_training_data(every)
    assert data.spacing_mm == (1.0, 1.25, 1.5)
    for volume, axis in zip(data.volumes, (2, 1, 0), strict=True):
        np.testing.assert_array_equal(volume.labels, np.moveaxis(labels, axis, 0))
        np.testing.assert_array_equal(volume.stacks[1:, ..., 0], volume.stacks[:-1, ..., 1])
    with pytest.raises(
        InputError, match=r"sub-01_T1w\.nii\.gz' has voxels of 1 x 1 x 3 mm: .*slice_axis=axial"
    ):
        load_training_data(dataclasses.replace(settings, train=("sub-01",), slice_axis="all"))


def test_only_the_plane_is_cut_to_the_head(tmp_path: Path, settings: DataSettings) -> None:
    import nibabel

    scan, labels = (np.pad(part, ((30, 20), (0, 40), (4, 0))) for part in tiny_scan(0))
    for part, kind in ((scan, "T1w"), (labels, "dseg")):
        image = nibabel.Nifti1Image(part, np.eye(4))
        nibabel.save(image, tmp_path / "scans" / f"large_{kind}.nii.gz")
    cut = dataclasses.replace(settings, train=("large",), crop_to_head=True)
    (volume,) = load_training_data(cut).volumes
    occupied = np.argwhere(scan)
    low, high = occupied.min(axis=0), occupied.max(axis=0) + 1
    rows = slice(low[0] - HEAD_MARGIN_VOXELS, high[0] + HEAD_MARGIN_VOXELS)
    columns = slice(max(low[1] - HEAD_MARGIN_VOXELS, 0), high[1] + HEAD_MARGIN_VOXELS)
    np.testing.assert_array_equal(volume.labels, np.moveaxis(labels, 2, 0)[:, rows, columns])


def test_validation_cases_are_whole_scans(settings: DataSettings) -> None:
    (case,) = load_validation_cases(settings)
    assert case.name == "sub-03"
    assert case.scan.data.shape == case.labels.shape == SHAPE
    assert load_validation_cases(dataclasses.replace(settings, validation=())) == ()


def test_validation_may_have_a_folder_of_its_own(settings: DataSettings, tmp_path: Path) -> None:
    other = write_pairs(tmp_path / "others", ("sub-07",))
    apart = dataclasses.replace(settings, validation=("sub-07",), validation_root=str(other))
    assert [case.name for case in load_validation_cases(apart)] == ["sub-07"]
    assert names_of(apart) == list(NAMES)


def test_scans_of_held_out_maps_are_not_trained_on(settings: DataSettings) -> None:
    trained = training_subjects(settings, ("sub-02_dseg", "sub-03_dseg"))
    assert [subject.name for subject in trained] == ["sub-01", "sub-04"]


def test_a_held_out_subject_that_is_missing(settings: DataSettings) -> None:
    with pytest.raises(InputError, match="sub-09"):
        load_validation_cases(dataclasses.replace(settings, validation=("sub-09",)))
