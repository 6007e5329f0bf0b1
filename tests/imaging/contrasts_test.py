"""What the name of a scan says of its contrast."""

import pytest

from brainfcn_jax.imaging.contrasts import named_contrast


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
