"""What the name of a scan says of its contrast."""

import pytest

from brainfcn_jax.imaging.contrasts import named_contrast, names_agent


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("bids/sub-01/anat/sub-01_T2w.nii.gz", "T2w"),
        ("sub-01_space-T1w_FLAIR.nii.gz", "FLAIR"),
        ("C:\\scans\\t1.nii", "T1w"),
        ("sub-01_T1w_brain.mgz", "T1w"),
        ("T1w/scan.nii", None),
        ("sub-PET01_scan.nii", None),
        ("group-pd_sub-01_PDw.nii", "PDw"),
        ("study_pd_01.nii", None),
    ],
)
def test_the_name_of_a_file_may_say_its_contrast(path: str, named: str | None) -> None:
    assert named_contrast(path) == named


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("pat2-t2-tse.nii.gz", "T2w"),
        ("pat1-T2-FLAIR-ax.nii.gz", "FLAIR"),
        ("AX FLAIR.nii", "FLAIR"),
        ("sub-01-T2w.nii.gz", "T2w"),
        ("ax_T1_FLAIR.nii", "T1w"),
        ("3DT1_MPRAGE.nii", "T1w"),
        ("axT2.nii.gz", "T2w"),
        ("subject.cor.t2.nii.gz", "T2w"),
        ("sub-01_acq-T2w_T1w.nii", "T1w"),
        ("sub-01_T2w_space-T1w.nii.gz", "T2w"),
        ("sub-01_acq-mprage.nii.gz", None),
        ("corrected.nii", None),
        ("cort_act.nii", None),
    ],
)
def test_names_that_scanners_and_people_give(name: str, named: str | None) -> None:
    assert named_contrast(name) == named


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sub-01_ce-gadolinium_T1w.nii.gz", True),
        ("ms26_ce-gadolinium_T1w.nii.gz", True),
        ("BRATS_001_t1ce.nii.gz", True),
        ("pat3 T1 Gd.nii", True),
        ("sub-01_T1w.nii.gz", False),
        ("sub-gad.nii.gz", False),
        ("sub-01_ce-none_T1w.nii", False),
        ("ce1_T1w.nii", False),
    ],
)
def test_a_name_may_say_that_an_agent_was_given(name: str, said: bool) -> None:
    assert names_agent(name) == said
