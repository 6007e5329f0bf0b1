"""`run_eval.py` on BIDS data sets, called by flags or as a BIDS App."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from results.shared_files_test import validator_errors
from support.eval_example import intensities, one_line, run, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.commands.segment_flags import rewritten
from brainfcn_jax.network.model_file import save_model

SCANS = (
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
    "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz",
)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "threshold.h5"
    save_model(path, threshold_model())
    return f"--weights={path}"


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    for name in SCANS:
        (root / name).parent.mkdir(parents=True)
        write_image(root / name, intensities())
    description = {"Name": "two", "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def label_maps(out: Path) -> list[str]:
    """The label maps of a folder of results."""
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*_dseg.nii.gz"))


def test_results_lie_like_their_scans_and_name_them_by_uri(bids: Path, weights: str) -> None:
    out = bids / "derivatives" / "brainfcn"
    assert run(f"--bids_dir={bids}", weights, f"--out_dir={out}") == 0
    assert label_maps(out) == [
        "sub-01/anat/sub-01_desc-tissue_dseg.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_desc-tissue_dseg.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_desc-tissue_dseg.nii.gz",
    ]
    sidecar = json.loads((out / "sub-01/anat/sub-01_desc-tissue_dseg.json").read_text())
    assert sidecar["Sources"] == [f"bids:raw:{SCANS[0]}"]
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetLinks"] == {"raw": "../.."}


def test_every_scans_page_leads_to_its_place_in_the_group(bids: Path, weights: str) -> None:
    out = bids / "derivatives" / "brainfcn"
    assert run(f"--bids_dir={bids}", weights, f"--out_dir={out}") == 0
    group = (out / "group_report.html").read_text()
    pages = sorted(out.rglob("*_desc-tissue_report.html"))
    assert len(pages) == 3
    for page in pages:
        (address,) = re.findall(r'href="(\S+)"', page.read_text())
        path, _, part = address.partition("#")
        assert (page.parent / path).resolve() == (out / "group_report.html").resolve()
        name = unquote(part)
        assert page == out / f"{name}_desc-tissue_report.html"
        assert f'data-scan="{name}"' in group


def test_the_official_validator_finds_no_error(bids: Path, weights: str) -> None:
    out = bids / "derivatives" / "brainfcn"
    (bids / "sub-03" / "anat").mkdir(parents=True)
    (bids / "sub-03" / "anat" / "sub-03_T1w.nii.gz").write_bytes(b"no scan")
    assert run(bids, out, "participant", weights, "--save_prob", "--save_uncertainty") == 1
    assert (out / "group_report.html").exists()
    assert validator_errors(out) == []


@pytest.mark.parametrize(
    "words",
    [
        ["{bids}", "{out}", "participant", "--participant-label", "02", "--session-label", "b"],
        ["--participant_label=02", "--session_label=b", "{bids}", "{out}", "participant"],
        ["{bids}", "{out}", "participant", "--session_label", "b", "c", "--participant-label=02"],
        ["--bids_dir={bids}", "--out_dir={out}", "--participant_label=02", "--session_label=b"],
    ],
)
def test_a_bids_app_may_be_called_as_such(
    words: list[str], bids: Path, weights: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (bids / "sub-01" / "ses-c").mkdir()  # another participant has it: a job array names all
    assert run(*(word.format(bids=bids, out=out) for word in words), weights) == 0
    assert label_maps(out) == ["sub-02/ses-b/anat/sub-02_ses-b_desc-tissue_dseg.nii.gz"]


def test_runs_on_other_participants_share_a_folder(
    bids: Path, weights: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for label in ("01", "02"):
        assert run(bids, out, "participant", "--participant_label", label, weights) == 0
    assert len(label_maps(out)) == 3
    assert not (out / "group_volumes.tsv").exists()
    assert run(bids, out, "group") == 0
    volumes = (out / "group_volumes.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in volumes[1:]] == [
        "sub-01/anat/sub-01",
        "sub-02/ses-a/anat/sub-02_ses-a",
        "sub-02/ses-b/anat/sub-02_ses-b",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{bids}", "{out}", "session"], "unexpected arguments"),
        (["{bids}", "{out}"], "unexpected arguments"),
        (["{bids}", "{out}", "participant", "--out_dir=x"], "'{out}' and --out_dir"),
        (["{bids}", "{out}", "participant", "--volume=x.nii"], "--volume and --bids_dir"),
        (["--volume=x.nii", "--participant_label=01"], "go with --bids_dir"),
        (["--out_dir=x"], "--volume must be given"),
        (["{bids}", "{out}/none", "group"], "is not a folder"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    words: list[str], said: str, bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(*(word.format(bids=bids, out=out) for word in words)) == 2
    assert said.format(out=out) in one_line(capsys.readouterr().err)
    assert not out.exists()


def test_an_unknown_participant_or_session_is_named(
    bids: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [bids, tmp_path / "out", "participant", weights]
    assert run(*words, "--session_label", "b", "pots") == 1
    assert "has no ses-pots; found are ses-a, ses-b" in one_line(capsys.readouterr().err)
    assert run(bids, tmp_path / "out", "participant", "--participant_label", "3", weights) == 1
    assert "has no sub-3; found are sub-01, sub-02" in one_line(capsys.readouterr().err)


def test_only_names_of_flags_are_rewritten() -> None:
    words = ["run", "a-b", "--out-dir=c-d", "--participant-label", "1", "2", "--no-x", "-v"]
    assert rewritten(words) == [
        "run", "a-b", "--out_dir=c-d", "--participant_label=1,2", "--no_x", "-v",
    ]  # fmt: skip
