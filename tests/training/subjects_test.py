"""Data folders: the challenges' layouts, patterns, order, and what is wrong with a folder."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.cmdline import roi

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.schemes import MRBRAINS13
from brainfcn_jax.training.subjects import find_subjects, load_subject

MRBRAINS = ("TrainingData/{subject}/T1.nii", "TrainingData/{subject}/LabelsForTraining.nii")
PAIRS = ("{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names_found(root: Path, patterns: tuple[str, str], names: tuple[str, ...] = ()) -> list[str]:
    return [subject.name for subject in find_subjects(root, *patterns, names)]


def mrbrains13(root: Path) -> None:
    for subject in range(1, 6):
        folder = f"TrainingData/{subject}"
        labels = ("LabelsForTraining.nii", "LabelsForTesting.nii")
        touch(root, *(f"{folder}/{name}" for name in ("T1.nii", "T1_IR.nii", *labels)))
    touch(root, *(f"TestData/{subject}/T1.nii" for subject in range(1, 16)))


def test_mrbrains13_layout(tmp_path: Path) -> None:
    mrbrains13(tmp_path)
    subjects = find_subjects(tmp_path, *MRBRAINS)
    assert [subject.name for subject in subjects] == ["1", "2", "3", "4", "5"]
    assert subjects[2].scan_path == tmp_path / "TrainingData/3/T1.nii"
    assert subjects[2].labels_path == tmp_path / "TrainingData/3/LabelsForTraining.nii"


@pytest.mark.parametrize(
    ("files", "patterns"),
    [
        (
            ("30wCoronal/i1_t2.nii.gz", "30wCoronal/i1_seg.nii.gz"),
            ("30wCoronal/{subject}_t2.nii.gz", "30wCoronal/{subject}_seg.nii.gz"),
        ),
        (
            ("i1/T2_v3.hdr", "i1/manualSegm_ax.nii"),
            ("{subject}/T2_*.hdr", "{subject}/manualSegm_a?.nii"),
        ),
        (
            ("i1/i1-T2.nii", "labels [1]/i1.nii"),
            ("{subject}/{subject}-T2.nii", "labels [1]/{subject}.nii"),
        ),
    ],
)
def test_neobrains12_names_differ_by_release(
    tmp_path: Path, files: tuple[str, str], patterns: tuple[str, str]
) -> None:
    touch(tmp_path, *files)
    (subject,) = find_subjects(tmp_path, *patterns)
    assert subject.name == "i1"
    assert [subject.scan_path, subject.labels_path] == [tmp_path / name for name in files]


def test_a_second_subject_in_the_pattern_repeats_the_first(tmp_path: Path) -> None:
    touch(tmp_path, "a/a.nii", "a/b.nii", "a/seg.nii")
    assert names_found(tmp_path, ("{subject}/{subject}.nii", "{subject}/seg.nii")) == ["a"]


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    for name in ("10", "2", "1", "b10", "b9"):
        touch(tmp_path, f"{name}_T1w.nii.gz", f"{name}_dseg.nii.gz")
    assert names_found(tmp_path, PAIRS) == ["1", "2", "10", "b9", "b10"]


def test_named_subjects_keep_their_order(tmp_path: Path) -> None:
    mrbrains13(tmp_path)
    assert names_found(tmp_path, MRBRAINS, ("4", "1")) == ["4", "1"]


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "1_T1w.nii.gz", "1_dseg.nii.gz", "._1_T1w.nii.gz", "._1_dseg.nii.gz")
    assert names_found(tmp_path, PAIRS) == ["1"]


@pytest.mark.parametrize(
    "patterns", [("{subject}.nii", "{subject}_seg.nii"), ("{subject}_seg.nii", "{subject}.nii")]
)
def test_a_file_that_fits_both_patterns_goes_to_the_more_literal(
    tmp_path: Path, patterns: tuple[str, str]
) -> None:
    touch(tmp_path, "1.nii", "1_seg.nii")
    assert names_found(tmp_path, patterns) == ["1"]


def test_every_half_pair_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "1_T1w.nii.gz", "2_dseg.nii.gz", "3_T1w.nii.gz", "3_dseg.nii.gz")
    with pytest.raises(InputError) as caught:
        find_subjects(tmp_path, *PAIRS)
    assert "1_dseg.nii.gz is missing" in str(caught.value)
    assert "2_T1w.nii.gz is missing" in str(caught.value)
    assert "3_" not in str(caught.value)


def test_a_named_subject_that_is_not_there(tmp_path: Path) -> None:
    mrbrains13(tmp_path)
    with pytest.raises(InputError, match=r"TrainingData/9/T1\.nii is missing"):
        find_subjects(tmp_path, *MRBRAINS, names=("1", "9"))


def test_several_files_for_one_subject(tmp_path: Path) -> None:
    touch(tmp_path, "1/T2_a.nii", "1/T2_b.nii", "1/seg.nii")
    with pytest.raises(InputError, match=r"several files \(1/T2_a.nii, 1/T2_b.nii\)"):
        find_subjects(tmp_path, "{subject}/T2_*.nii", "{subject}/seg.nii")


def test_nothing_found_names_folder_and_patterns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no '\{subject\}_T1w.nii.gz'"):
        find_subjects(tmp_path, *PAIRS)
    with pytest.raises(InputError, match="is not a folder"):
        find_subjects(tmp_path / "absent", *PAIRS)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("T1.nii", "{subject}_seg.nii"), ()),
        (("/{subject}.nii", "{subject}_seg.nii"), ()),
        (("{subject}.nii", "{subject}.nii"), ()),
        (PAIRS, ("1", "2", "1")),
    ],
)
def test_senseless_requests(
    tmp_path: Path, patterns: tuple[str, str], names: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError):
        find_subjects(tmp_path, *patterns, names)


def test_a_subject_is_loaded_in_the_challenges_codes(tmp_path: Path) -> None:
    codes = np.zeros((4, 5, 6), np.uint8)
    codes[1], codes[2] = 4, 7  # white matter lesions; cerebellum
    scan = np.arange(codes.size, dtype=np.float32).reshape(codes.shape)
    folder = tmp_path / "TrainingData/1"
    folder.mkdir(parents=True)
    affine = np.diag([0.96, 0.96, 3.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(scan, affine), folder / "T1.nii")
    nibabel.save(nibabel.Nifti1Image(codes, affine), folder / "LabelsForTraining.nii")
    (subject,) = find_subjects(tmp_path, *MRBRAINS)
    loaded, tissues = load_subject(subject, MRBRAINS13)
    np.testing.assert_array_equal(loaded.data, scan)
    assert tissues.dtype == np.uint8
    assert [int(plane[0, 0]) for plane in tissues] == [0, 3, 5, 0]


def test_a_scan_of_several_volumes_is_cut_to_one_as_the_message_says(
    tmp_path: Path,
) -> None:
    values = np.random.default_rng(0).normal(size=(6, 5, 4, 3)).astype(np.float32)
    labels = np.zeros((6, 5, 4), np.uint8)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "1_T1w.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "1_dseg.nii.gz")
    (subject,) = find_subjects(tmp_path, *PAIRS)
    with pytest.raises(InputError, match=r"is 4D \(6, 5, 4, 3\); .*`nib-roi -t 0:1 IN OUT`"):
        load_subject(subject)
    cut = tmp_path / "cut.nii.gz"
    assert roi.main(["-t", "0:1", str(subject.scan_path), str(cut)]) == 0
    cut.replace(subject.scan_path)
    scan, _ = load_subject(subject)
    np.testing.assert_array_equal(scan.data, values[..., 0])


CONTRASTS = ("{subject}_{contrast}.nii.gz", "{subject}_dseg.nii.gz")


def test_a_subject_comes_once_for_each_contrast_that_it_has(tmp_path: Path) -> None:
    touch(tmp_path, "b10_T2w.nii.gz", "b2_FLAIR.nii.gz", "b2_T1w.nii.gz", "b2_bold.nii.gz")
    touch(tmp_path, "b2_dseg.nii.gz", "b10_dseg.nii.gz")
    found = find_subjects(tmp_path, *CONTRASTS)
    assert [subject.called for subject in found] == ["b2 T1w", "b2 FLAIR", "b10 T2w"]
    assert [subject.name for subject in find_subjects(tmp_path, *CONTRASTS, ("b10",))] == ["b10"]
    assert {subject.labels_path.name for subject in found} == {"b2_dseg.nii.gz", "b10_dseg.nii.gz"}


def test_each_contrast_may_have_labels_of_its_own(tmp_path: Path) -> None:
    patterns = ("{subject}_{contrast}.nii", "{subject}_{contrast}_dseg.nii")
    touch(tmp_path, *(f"1_{c}{end}.nii" for c in ("T1w", "PDw") for end in ("", "_dseg")))
    found = find_subjects(tmp_path, *patterns)
    assert [subject.labels_path.name for subject in found] == ["1_T1w_dseg.nii", "1_PDw_dseg.nii"]


def test_contrasts_that_are_not_there_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "1_T2w.nii.gz", "1_dseg.nii.gz", "2_dseg.nii.gz", "3_T1w.nii.gz")
    touch(tmp_path, "4_FLAIR.nii.gz")
    with pytest.raises(InputError, match=r"2_\{contrast\}.nii.gz is missing in every contrast$"):
        find_subjects(tmp_path, *CONTRASTS, ("1", "2"))
    with pytest.raises(
        InputError,
        match=r"a subject: 2_\{contrast\}\.nii\.gz is missing in every contrast; "
        r"3_dseg\.nii\.gz is missing; 4_dseg\.nii\.gz is missing$",
    ):
        find_subjects(tmp_path, *CONTRASTS)
    with pytest.raises(UsageError, match=r"has \{contrast\} in it, and '\{subject\}.nii' has not"):
        find_subjects(tmp_path, "{subject}.nii", "{subject}_{contrast}_dseg.nii")


def test_labels_of_a_contrast_without_its_scan_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "1_T1w.nii", "1_T1w_dseg.nii", "1_T2w_dseg.nii")
    with pytest.raises(InputError, match=r"a subject: 1_T2w\.nii is missing$"):
        find_subjects(tmp_path, "{subject}_{contrast}.nii", "{subject}_{contrast}_dseg.nii")
