"""`run_eval.py` a second time into one folder: what is replaced, removed, kept and refused."""

import csv
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from support.eval_example import intensities, one_line, read_image, records, run, write_image
from support.threshold_model import DARK, threshold_model

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.network.model_file import Model, save_model


@pytest.fixture
def scan(tmp_path: Path) -> str:
    return write_image(tmp_path / "s1_T1w.nii.gz", intensities())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def other_weights(tmp_path: Path) -> str:
    """Another model, whose labels differ a little."""
    model = threshold_model()
    model.params["fusion"]["bias"][0] = DARK + 5
    save_model(tmp_path / "other.h5", Model(model.params, model.description))
    return str(tmp_path / "other.h5")


def test_a_scan_made_again_leaves_nothing_of_the_run_before(
    scan: str, weights: str, out: Path
) -> None:
    command = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    uncertainty = out / "s1_desc-tissue_uncertainty.nii.gz"
    assert run(*command, "--save_uncertainty") == 0
    assert uncertainty.is_file()
    assert run(*command, "--resume") == 0
    assert not uncertainty.exists()
    assert not uncertainty.with_name("s1_desc-tissue_uncertainty.json").exists()
    assert run(*command, "--resume", "--save_uncertainty") == 0
    uncertainty.write_bytes(b"edited by hand")
    assert run(*command, "--overwrite") == 0
    assert uncertainty.read_bytes() == b"edited by hand"
    made = {state["file"] for state in records(out)["s1"]["outputs"]}
    assert {path.name for path in out.glob("s1_*")} == made | {
        uncertainty.name,
        "s1_desc-tissue_record.json",
    }


@pytest.mark.parametrize("killed", [True, False])
def test_a_scan_made_again_leaves_nothing_of_a_run_that_was_stopped(
    killed: bool, scan: str, weights: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]

    def stop(*_: object) -> None:
        raise OSError("as if the disk were full")

    with monkeypatch.context() as patch:
        patch.setattr(Bookkeeping, "finish", stop)
        if killed:
            patch.setattr(Bookkeeping, "fail", lambda *_: None)
        assert run(*command, "--save_uncertainty", "--brain_image") == 1
    record = out / "s1_desc-tissue_record.json"
    assert records(out)["s1"]["status"] == ("writing" if killed else "failed")
    edited = out / "s1_desc-brain_image.nii.gz"
    edited.write_bytes(b"edited by hand")
    os.utime(edited, (time.time(), record.stat().st_mtime + 3600))
    assert run(*command, "--resume") == 0
    made = {state["file"] for state in records(out)["s1"]["outputs"]}
    assert {path.name for path in out.glob("s1_*")} == made | {edited.name, record.name}
    assert not any("uncertainty" in name for name in made)


def test_another_model_replaces_labels_only_when_told_to_and_is_named(
    scan: str, weights: str, other_weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 0
    label_map = out / "s1_desc-tissue_dseg.nii.gz"
    before = label_map.read_bytes()
    command = [f"--volume={scan}", f"--weights={other_weights}", f"--out_dir={out}", "--resume"]
    capsys.readouterr()
    assert run(*command) == 1
    assert "was made with another model, threshold; replace it with --overwrite" in one_line(
        capsys.readouterr().err
    )
    assert label_map.read_bytes() == before
    second = write_image(Path(scan).with_name("s2_T1w.nii.gz"), intensities())
    assert run(f"--volume={second}", *command[1:]) == 0
    assert models(out) == {"s1": "threshold", "s2": "other"}
    assert run(*command, "--overwrite") == 0
    assert models(out) == {"s1": "other", "s2": "other"}


def models(out: Path) -> dict[str, str]:
    """The model of each scan in the table of all."""
    with (out / "group_volumes.tsv").open(newline="") as stream:
        return {row["scan"]: row["model"] for row in csv.DictReader(stream, delimiter="\t")}


def test_a_mistyped_name_is_told_and_leaves_no_row(
    scan: str, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [f"--weights={weights}", f"--out_dir={out}"]
    assert run(f"--volume={scan}", f"--volume={scan}x.nii.gz", *command) == 1
    assert "does not exist" in capsys.readouterr().err
    assert list(records(out)) == ["s1"]
    assert not (out / "group_volumes.tsv").exists()


def test_results_are_a_reference_for_a_scan(scan: str, weights: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    command = [f"--volume={scan}", f"--weights={weights}"]
    assert run(*command, f"--out_dir={first}", "--save_prob", "--save_uncertainty") == 0
    assert run(*command, f"--out_dir={second}", f"--reference={first}") == 0
    scores = (second / "s1_desc-tissue_scores.tsv").read_text().splitlines()
    assert scores[3].split("\t")[:2] == ["WM", "1.0"]


def test_the_scan_cut_to_the_brain_and_volumes_as_shares(
    scan: str, weights: str, out: Path
) -> None:
    second = write_image(Path(scan).with_name("s2_T1w.nii.gz"), intensities())
    command = [f"--volume={scan}", f"--volume={second}", f"--weights={weights}"]
    assert run(*command, f"--out_dir={out}", "--brain_image") == 0
    cut = read_image(out / "s1_desc-brain_image.nii.gz")
    mask = np.asarray(read_image(out / "s1_desc-brain_mask.nii.gz").dataobj)
    np.testing.assert_array_equal(np.asarray(cut.dataobj), intensities() * mask)
    np.testing.assert_array_equal(cut.affine, read_image(scan).affine)
    sidecar = json.loads((out / "s1_desc-brain_image.json").read_text())
    assert sidecar["SkullStripped"] is True
    with (out / "group_volumes.tsv").open(newline="") as stream:
        row = next(csv.DictReader(stream, delimiter="\t"))
    share = 100 * float(row["WM_mm3"]) / float(row["ICV_mm3"])
    assert float(row["WM_percent_of_icv"]) == pytest.approx(share)


def test_a_script_may_ask_for_another_exit_code_where_a_scan_is_to_be_checked(
    scan: str, weights: str, out: Path
) -> None:
    command = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}", "--resume"]
    assert run(*command) == 0
    assert run(*command, "--fail_on_check") == 4


def test_a_folder_of_an_earlier_version_is_left_alone(
    scan: str, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "brainfcn_manifest.json").write_text("{}")
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 1
    assert "results of an earlier version" in one_line(capsys.readouterr().err)
    assert [path.name for path in out.iterdir()] == ["brainfcn_manifest.json"]
