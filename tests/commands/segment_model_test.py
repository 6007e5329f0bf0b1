"""`run_eval.py`: shipped models, the demo, and scans that look like another contrast."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from support.bright_finder import bright_finder
from support.eval_example import intensities, one_line, read_image, records, run, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.cohort import plan
from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nilearn_files import demo_file, demo_scan
from brainfcn_jax.measures.quality import OTHER_CONTRAST
from brainfcn_jax.network import shipped_models
from brainfcn_jax.network.model_file import save_model


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds the adults' models and what finds the brain, and nothing else."""
    folder = tmp_path / "weights"
    folder.mkdir()
    finder = shipped_models.shipped_file(shipped_models.FINDER)
    (folder / finder.name).write_bytes(finder.read_bytes())
    t1w = threshold_model()
    of_any = dataclasses.replace(
        t1w, description=dataclasses.replace(t1w.description, contrasts=KNOWN)
    )
    save_model(folder / "adult_t1w.h5", t1w)
    save_model(folder / "adult_any.h5", of_any)
    (folder / shipped_models.DIGESTS).write_text(
        "".join(
            f"{shipped_models.file_digest(path)}  {path.name}\n" for path in folder.glob("*.h5")
        )
    )
    monkeypatch.setattr(shipped_models, "weights_folder", lambda: folder)
    return folder


@pytest.fixture
def scan(tmp_path: Path) -> str:
    return write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())


def test_the_demo_needs_no_other_flag(
    shipped: Path, scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "demo_scan", lambda: Path(scan))
    assert run("--volume=demo") == 0
    assert read_image("out/demo_desc-tissue_dseg.nii.gz").shape == intensities().shape
    sidecar = json.loads(Path("out/demo_desc-tissue_dseg.json").read_text())
    assert sidecar["Weights"]["File"] == "adult_t1w.h5"
    assert sidecar["Sources"] == ["sub-01_T1w.nii.gz"]
    assert OTHER_CONTRAST not in {flag["name"] for flag in sidecar["Quality"]["Flags"]}


def test_nilearn_ships_the_demos_scan_and_its_tissue_maps() -> None:
    scan = load_scan(demo_scan())
    assert scan.data.shape == (197, 233, 189)
    assert scan.spacing_mm == (1.0, 1.0, 1.0)
    for image in ("gm", "wm"):
        assert demo_file(image).is_file()
    with pytest.raises(InputError, match="pip install nilearn"):
        demo_file("none")


def test_three_views_need_a_model_of_all_directions(
    scan: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scan}", f"--weights={weights}", "--views=3") == 2
    assert "trained on axial slices alone" in one_line(capsys.readouterr().err)
    t1w = threshold_model()
    every = dataclasses.replace(t1w.description, slice_axis="all")
    save_model(tmp_path / "every.h5", dataclasses.replace(t1w, description=every))
    command = [f"--volume={scan}", f"--weights={tmp_path / 'every.h5'}", "--resume"]
    sidecar = Path("out/sub-01_desc-tissue_dseg.json")
    for views, directions in (("1", ["axial"]), ("3", ["axial", "coronal", "sagittal"])):
        assert run(*command, f"--views={views}") == 0
        assert json.loads(sidecar.read_text())["SliceDirections"] == directions
    assert "axial, coronal, sagittal" in Path("out/sub-01_desc-tissue_report.html").read_text()


def test_what_another_finder_found_is_labelled_anew(shipped: Path, scan: str) -> None:
    sidecar, finder = Path("out/sub-01_desc-tissue_dseg.json"), shipped / "brain.h5"
    assert run(f"--volume={scan}") == 0
    before = json.loads(sidecar.read_text())["Finder"]["SHA256"]
    assert before == shipped_models.file_digest(finder)
    save_model(finder, bright_finder(), overwrite=True)
    after = shipped_models.file_digest(finder)
    digests = shipped / shipped_models.DIGESTS
    digests.write_text(digests.read_text().replace(before, after))
    assert run(f"--volume={scan}", "--resume") == 0
    assert json.loads(sidecar.read_text())["Finder"]["SHA256"] == after


def test_a_model_that_is_missing_or_damaged_ends_with_3(
    shipped: Path, scan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scan}", "--model=neonate_t2w") == 3
    assert "'neonate_t2w' is not in this copy" in one_line(capsys.readouterr().err)
    (shipped / "adult_t1w.h5").write_bytes(b"damaged")
    assert run(f"--volume={scan}") == 3
    assert "'adult_t1w' is damaged" in one_line(capsys.readouterr().err)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--model=adult_t1w", "--weights=mine.h5"], "both given"),
        (["--model=child"], "adult_t1w"),
        (["--weights="], "--weights must be given"),
        (["--out_dir="], "--out_dir must be given"),
    ],
)
def test_wrong_usage_ends_with_2(
    wrong: list[str], said: str, shipped: Path, scan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scan}", *wrong) == 2
    assert said in one_line(capsys.readouterr().err)


def test_a_scan_of_another_contrast_is_flagged(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_image(tmp_path / "sub-01_T2w.nii.gz", intensities())
    assert run(f"--volume={scan}", "--model=adult_t1w") == 0
    lines = capsys.readouterr().err.splitlines()
    (said,) = [line for line in lines if "its name says" in line]
    assert f"'{scan}': CHECK, since its name says T2w" in said
    sidecar = json.loads(Path("out/sub-01_acq-T2w_desc-tissue_dseg.json").read_text())
    assert OTHER_CONTRAST in {flag["name"] for flag in sidecar["Quality"]["Flags"]}


@pytest.mark.parametrize(
    ("file", "flags", "model"),
    [
        ("sub-01_T2w.nii.gz", [], "adult_any"),
        ("sub-01_FLAIR.nii.gz", [], "adult_any"),
        ("odd.nii.gz", [], "adult_t1w"),
        ("odd.nii.gz", ["--contrast=PDw"], "adult_any"),
        ("sub-01_T1w.nii.gz", ["--model=adult_any"], "adult_any"),
    ],
)
def test_the_name_of_a_scan_or_contrast_chooses_the_model(
    file: str,
    flags: list[str],
    model: str,
    shipped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scan = write_image(tmp_path / file, intensities())
    assert run(f"--volume={scan}", *flags) == 0
    (path,) = Path("out").glob("*_desc-tissue_dseg.json")
    sidecar = json.loads(path.read_text())
    assert sidecar["Weights"]["File"] == f"{model}.h5"
    assert sidecar["Settings"]["contrast"] == ("PDw" if "odd" in file and flags else None)
    said = "the model is adult_any, by the contrast" in capsys.readouterr().err
    assert said == (model == "adult_any" and flags != ["--model=adult_any"])


def test_scans_for_two_models_are_not_mixed_unless_one_model_is_named(
    shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("1_T1w.nii.gz", "2_FLAIR.nii.gz", "3_FLAIR.nii.gz"):
        write_image(folder / name, intensities())
    given = [f"--volume={folder / name}" for name in ("1_T1w.nii.gz", "2_FLAIR.nii.gz")]
    assert run(*given) == 2
    assert "names say FLAIR and T1w" in one_line(capsys.readouterr().err)
    unnamed = write_image(tmp_path / "odd.nii.gz", intensities())
    assert run(given[1], f"--volume={unnamed}") == 2
    assert "names say FLAIR and no contrast" in one_line(capsys.readouterr().err)
    assert run(*given, "--model=adult_any", "--out_dir=all") == 0
    assert run(f"--volume={folder}", "--contrast=FLAIR", "--out_dir=flair") == 0
    assert sorted(records(Path("flair"))) == ["2_FLAIR", "3_FLAIR"]
    assert run(f"--volume={folder}", "--out_dir=first") == 0
    assert sorted(records(Path("first"))) == ["1"]
    capsys.readouterr()
    assert run(given[0], "--contrast=FLAIR", "--out_dir=stated") == 0
    said = capsys.readouterr().err
    assert "1_T1w.nii.gz' is taken as FLAIR, as --contrast says, although its name says T1w" in said
    assert "the model is adult_any" in said
    assert run(f"--volume={folder}", "--contrast=FLAIR", "--model=adult_t1w") == 2
    assert "--contrast=FLAIR, and the model is for T1w" in capsys.readouterr().err


def test_a_finer_scan_gets_labels_on_its_own_grid(shipped: Path, tmp_path: Path) -> None:
    affine = np.diag([1.5, 1.5, 6.0, 1.0])
    scan = write_image(tmp_path / "fine.nii.gz", intensities(), affine)
    assert run(f"--volume={scan}") == 0
    labels = read_image("out/fine_desc-tissue_dseg.nii.gz")
    np.testing.assert_array_equal(labels.affine, affine)
    assert labels.shape == intensities().shape
    sidecar = json.loads(Path("out/fine_desc-tissue_dseg.json").read_text())
    assert sidecar["NetworkSpacing"] == [3.0, 3.0, 6.0]  # thick slices stay as they are
    assert any("6 mm" in note for note in sidecar["Notes"])
