"""`run_eval.py` from its arguments to its files and its exit code."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.challenge_codes import challenge_codes
from support.eval_example import intensities, one_line, read_image, run, write_image
from support.threshold_model import threshold_labels

from brainfcn_jax.imaging.image_files import opened_image
from brainfcn_jax.labels import TISSUES, WM
from brainfcn_jax.schemes import MRBRAINS13

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scan(tmp_path: Path) -> str:
    return write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "deep"


def test_the_label_map_lies_on_the_scans_grid(
    scan: str, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 0
    label_map = read_image(out / "sub-01_desc-tissue_dseg.nii.gz")
    original = read_image(scan)
    assert label_map.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(label_map.dataobj), threshold_labels(intensities()))
    np.testing.assert_array_equal(label_map.affine, original.affine)
    for form in ("sform_code", "qform_code"):
        assert label_map.header[form] == original.header[form]
    assert capsys.readouterr().out == ""


def test_the_sidecar_says_how_the_labels_were_made(scan: str, weights: str, out: Path) -> None:
    run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}")
    text = (out / "sub-01_desc-tissue_dseg.json").read_text()
    sidecar = json.loads(text)
    digest = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
    assert sidecar["Weights"] == {"File": "threshold.h5", "SHA256": digest}
    assert sidecar["Sources"] == ["sub-01_T1w.nii.gz"]
    assert sidecar["LabelMap"]["white matter"] == WM
    assert sidecar["Model"]["slice_axis"] == "axial"
    expected = {"frame": None, "scheme": "tissues", "contrast": None, "views": 1}
    assert sidecar["Settings"] == expected
    assert sidecar["SliceDirections"] == ["axial"]
    assert sidecar["GeneratedBy"][0]["Version"]
    steps = {"brain", "preprocessing", "network", "postprocessing", "interpolation"}
    assert set(sidecar["Seconds"]) == steps
    assert sidecar["Notes"] == []
    assert str(Path(scan).parent) not in text


def test_a_perfect_reference_gives_perfect_scores(
    scan: str, weights: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = write_image(tmp_path / "labels.nii.gz", threshold_labels(intensities()))
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={reference}") == 0
    table = (out / "sub-01_desc-tissue_scores.tsv").read_text().splitlines()
    assert table[0].split("\t")[:3] == ["structure", "dice", "hausdorff_95_mm"]
    rows = {row[0]: row[1:] for row in (line.split("\t") for line in table[1:])}
    assert list(rows) == [tissue.abbreviation for tissue in TISSUES]
    assert rows["WM"] == rows["CoGM"] == ["1.0", "0.0", "0.0", "0.0", "1.0"]
    assert set(rows["CB"]) == {"n/a"}
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[:3] == ["scan", "structure", "dice"]
    assert shown[3].split()[:3] == ["sub-01", "WM", "1.000"]


def test_a_reference_may_have_the_codes_of_a_challenge(
    scan: str, weights: str, out: Path, tmp_path: Path
) -> None:
    codes = challenge_codes(threshold_labels(intensities()), MRBRAINS13)
    reference = write_image(tmp_path / "labels.nii.gz", codes)
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={reference}", "--scheme=mrbrains13") == 0
    table = (out / "sub-01_desc-tissue_scores.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in table[1:]] == [
        ["GM", "1.0"],
        ["WM", "1.0"],
        ["CSF", "n/a"],
    ]


def test_a_frame_of_a_4d_scan_may_be_chosen(weights: str, out: Path, tmp_path: Path) -> None:
    frames = np.stack([np.flip(intensities(), 0), intensities()], axis=-1)
    scan = write_image(tmp_path / "bold.nii.gz", frames)
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, "--frame=1") == 0
    labels = np.asarray(read_image(out / "bold_desc-tissue_dseg.nii.gz").dataobj)
    np.testing.assert_array_equal(labels, threshold_labels(intensities()))
    notes = json.loads((out / "bold_desc-tissue_dseg.json").read_text())["Notes"]
    assert any("frame 1" in note for note in notes)


def test_one_bad_scan_does_not_stop_the_others(
    scan: str, weights: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.nii"
    other = write_image(tmp_path / "sub-02_T2w.nii", intensities())
    volumes = [f"--volume={path}" for path in (scan, missing, other)]
    assert run(*volumes, f"--weights={weights}", f"--out_dir={out}") == 1
    assert len(list(out.glob("*_dseg.nii.gz"))) == 2
    complaints = capsys.readouterr().err
    assert f"'{missing}' does not exist" in complaints
    assert f"1 of 3 scans failed: '{missing}'" in complaints


def test_scans_of_one_name_are_told_apart_by_their_folders(
    weights: str, out: Path, tmp_path: Path
) -> None:
    for subject in "12":
        (tmp_path / subject).mkdir()
        write_image(tmp_path / subject / "T1.nii", intensities())
    volumes = [f"--volume={tmp_path / subject / 'T1.nii'}" for subject in "12"]
    assert run(*volumes, f"--weights={weights}", f"--out_dir={out}") == 0
    names = sorted(path.name for path in out.glob("*_dseg.nii.gz"))
    assert names == ["1_T1_desc-tissue_dseg.nii.gz", "2_T1_desc-tissue_dseg.nii.gz"]


def test_files_that_a_shell_puts_behind_the_flag_are_scans(
    weights: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = [write_image(tmp_path / f"s{number}.nii", intensities()) for number in range(3)]
    assert run("--volume", *scans, f"--weights={weights}", f"--out_dir={out}") == 0
    assert len(list(out.glob("*_dseg.nii.gz"))) == 3
    assert run("--volume", *scans, "--reference", "a.nii", "b.nii", f"--weights={weights}") == 2
    assert "is a scan or a reference" in capsys.readouterr().err.splitlines()[-1]


def test_a_reference_is_read_once(
    scan: str, weights: str, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = write_image(tmp_path / "labels.nii.gz", threshold_labels(intensities()))
    opened: list[str] = []
    load = opened_image

    def noted(path: str) -> Any:
        opened.append(path)
        return load(path)

    monkeypatch.setattr("brainfcn_jax.imaging.nifti.opened_image", noted)
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={reference}") == 0
    assert opened.count(reference) == 1


def test_results_are_never_replaced_unless_asked(
    scan: str, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    out.mkdir(parents=True)
    sidecar = out / "sub-01_desc-tissue_dseg.json"
    sidecar.write_text("mine")
    assert run(*arguments) == 1
    assert f"'{sidecar}' exists" in one_line(capsys.readouterr().err)
    left = {path.name for path in out.glob("sub-01*")}
    assert left == {sidecar.name, "sub-01_desc-tissue_record.json"}  # which says that it failed
    assert sidecar.read_text() == "mine"
    assert run(*arguments, "--overwrite") == 0
    assert sidecar.read_text() != "mine"


def program(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "run_eval.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_program_ends_with_the_commands_exit_code(tmp_path: Path) -> None:
    found = program("--volume=a.nii", f"--weights={tmp_path / 'none.h5'}", "--out_dir=out")
    assert found.returncode == 3
    assert "none.h5" in one_line(found.stderr)
    assert found.stdout == ""


def test_help_comes_without_the_slow_imports() -> None:
    found = program("--help")
    assert found.returncode == 0
    assert "--volume" in found.stdout
    check = "import sys, brainfcn_jax.commands.segment; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"jax", "nibabel", "scipy", "flax"} & set(modules)


def test_a_label_map_given_as_the_scan_is_refused_unless_it_is_forced(
    weights: str, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.zeros((26, 22, 24), np.int16)
    blocks = np.indices((15, 13, 16)) // 5
    labels[5:20, 5:18, 4:20] = 1 + (blocks[0] + 2 * blocks[1] + 3 * blocks[2]) % 7
    scan = write_image(tmp_path / "sub-01_dseg.nii.gz", labels)
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments) == 1
    assert "holds regions of 8 values (0, 1, 2, 3, 4, 5, 6, 7), as label maps do" in one_line(
        capsys.readouterr().err
    )
    assert run(*arguments, "--force") == 0
