"""Scans of a BIDS data set."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from brainfcn_jax.cohort.bids_dataset import find_bids_scans
from brainfcn_jax.errors import InputError

FILES = (
    "dataset_description.json",
    "participants.tsv",
    "sub-10/anat/sub-10_T1w.nii.gz",
    "sub-2/ses-b/anat/sub-2_ses-b_T1w.nii",
    "sub-2/ses-a/anat/sub-2_ses-a_run-2_T1w.nii.gz",
    "sub-2/ses-a/anat/sub-2_ses-a_run-10_T1w.nii.gz",
    "sub-2/ses-a/anat/sub-2_ses-a_T2w.nii.gz",
    "sub-2/ses-a/anat/sub-2_ses-a_run-2_T1w.json",
    "sub-2/ses-a/func/sub-2_ses-a_task-rest_bold.nii.gz",
    "derivatives/other/sub-2/anat/sub-2_T1w.nii.gz",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "bids" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "bids"


def found(root: Path, modality: str = "T1w", *labels: Sequence[str]) -> list[str]:
    """The scans' paths below the data set."""
    scans, _ = find_bids_scans(root, (modality,), *labels)
    return [scan.path.relative_to(root).as_posix() for scan in scans]


def test_all_scans_of_the_modality_are_found_in_natural_order(root: Path) -> None:
    assert found(root) == [
        "sub-2/ses-a/anat/sub-2_ses-a_run-2_T1w.nii.gz",
        "sub-2/ses-a/anat/sub-2_ses-a_run-10_T1w.nii.gz",
        "sub-2/ses-b/anat/sub-2_ses-b_T1w.nii",
        "sub-10/anat/sub-10_T1w.nii.gz",
    ]
    assert found(root, "T2w") == ["sub-2/ses-a/anat/sub-2_ses-a_T2w.nii.gz"]


def test_a_scan_knows_its_place_and_its_uri(root: Path) -> None:
    (scan,), _ = find_bids_scans(root, ("T1w",), ["2"], ["b"])
    assert (scan.participant, scan.session) == ("2", "b")
    assert scan.folder == Path("sub-2/ses-b/anat")
    assert scan.uri == "bids:raw:sub-2/ses-b/anat/sub-2_ses-b_T1w.nii"


def test_participants_and_sessions_can_be_chosen_with_or_without_prefix(root: Path) -> None:
    assert found(root, "T1w", ["sub-10"]) == ["sub-10/anat/sub-10_T1w.nii.gz"]
    assert len(found(root, "T1w", ["10", "2", "sub-2"])) == 4
    assert found(root, "T1w", [], ["ses-b"]) == ["sub-2/ses-b/anat/sub-2_ses-b_T1w.nii"]


def test_what_is_left_out_is_said(root: Path) -> None:
    (root / "dataset_description.json").unlink()
    (root / "sub-10" / "anat" / "sub-2_T1w.nii").touch()
    (root / "sub-3").mkdir()
    _, notes = find_bids_scans(root, ("T1w",))
    assert [note.split(" ", 1)[1] for note in notes] == [
        "has no dataset_description.json, which every BIDS data set has",
        "has no T1w scan",
        "is left out: its name is not of sub-10",
    ]


def test_parts_of_a_signal_that_show_no_anatomy_are_left_out_and_named(root: Path) -> None:
    anat = root / "sub-10" / "anat"
    (anat / "sub-10_T1w.nii.gz").unlink()
    for part in ("imag", "mag", "phase", "real"):
        (anat / f"sub-10_part-{part}_T1w.nii.gz").touch()
    scans, notes = find_bids_scans(root, ("T1w",), ["10"])
    assert [scan.file for scan in scans] == ["sub-10_part-mag_T1w.nii.gz"]
    assert list(notes) == [
        f"'sub-10/anat/sub-10_part-{part}_T1w.nii.gz' is left out: part-{part} shows no anatomy"
        for part in ("imag", "phase", "real")
    ]
    (anat / "sub-10_part-phase_PDw.nii.gz").touch()
    with pytest.raises(InputError, match="has no PDw scan"):
        find_bids_scans(root, ("PDw",))


def test_what_is_not_there_is_named_beside_what_is(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sub-3, sub-4; found are sub-2, sub-10"):
        find_bids_scans(root, ("T1w",), ["3", "2", "4"])
    with pytest.raises(InputError, match="has no T2w scan of sub-10"):
        find_bids_scans(root, ("T2w",), ["10"])
    with pytest.raises(InputError, match="has no T2w scan of sub-2, sub-10 in sessions b"):
        find_bids_scans(root, ("T2w",), [], ["b"])
    with pytest.raises(InputError, match="has no ses-z; found are ses-a, ses-b"):
        find_bids_scans(root, ("T1w",), [], ["a", "z"])
    with pytest.raises(InputError, match="has no T1w scan of sub-10 in sessions a"):
        find_bids_scans(root, ("T1w",), ["10"], ["a"])
    with pytest.raises(InputError, match="is not a folder"):
        find_bids_scans(tmp_path / "none", ("T1w",))
    (tmp_path / "plain").mkdir()
    with pytest.raises(InputError, match="found are none"):
        find_bids_scans(tmp_path / "plain", ("T1w",))


def test_all_scans_are_of_the_first_contrast_that_any_has(root: Path) -> None:
    with pytest.raises(InputError, match="has no T2w scan of sub-10"):
        find_bids_scans(root, ("FLAIR", "T2w", "T1w"), ["10"])
    scans, notes = find_bids_scans(root, ("FLAIR", "T2w", "T1w"))
    assert [scan.file for scan in scans] == ["sub-2_ses-a_T2w.nii.gz"]
    assert "sub-10 has no T2w scan" in notes
    with pytest.raises(InputError, match="has no FLAIR scan of sub-2, sub-10"):
        find_bids_scans(root, ("FLAIR", "PDw"))
