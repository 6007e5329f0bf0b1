"""`run_eval.py --prediction`: scores of any program's label maps."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from support.challenge_codes import challenge_codes
from support.eval_example import AFFINE, intensities, one_line, run, write_image
from support.threshold_model import threshold_labels

from brainfcn_jax.cohort.code_schemes import find_label_table, tissue_codes
from brainfcn_jax.cohort.comparison import mean_scores
from brainfcn_jax.labels import BACKGROUND, CB, CSF, TISSUES, WM, table_text
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.results.sidecars import label_values
from brainfcn_jax.schemes import MRBRAINS13


@pytest.fixture
def tissues() -> np.ndarray:
    return threshold_labels(intensities())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    prediction, reference = tmp_path / "theirs", tmp_path / "true"
    for folder in (prediction, reference):
        (folder / "deep").mkdir(parents=True)
    return prediction, reference


def rows(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The table of scores, by scan and structure."""
    with (out / "comparison_scores.tsv").open(newline="") as stream:
        table = csv.DictReader(stream, delimiter="\t")
        return {(row["scan"], row["structure"]): row for row in table}


def test_label_maps_are_matched_by_name_and_scored(
    folders: tuple[Path, Path],
    tissues: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction, reference = folders
    write_image(prediction / "s10_seg.nii", tissues)
    white = np.where(tissues, np.uint8(WM), np.uint8(0))
    write_image(prediction / "deep" / "s2_desc-tissue_dseg.nii.gz", white)
    write_image(prediction / "s2_desc-brain_mask.nii.gz", tissues)
    for name in ("s2_dseg.nii.gz", "s10_dseg.nii.gz"):
        write_image(reference / name, tissues)
    out = tmp_path / "out"
    assert run(f"--prediction={prediction}", f"--reference={reference}", f"--out_dir={out}") == 0
    found = rows(out)
    assert list(dict.fromkeys(scan for scan, _ in found)) == ["s2", "s10"]
    assert found["s10", "WM"]["dice"] == "1.0"
    assert found["s10", "CB"]["dice"] == "n/a"
    white, all_tissues = (tissues == WM).sum(), (tissues > 0).sum()
    assert float(found["s2", "WM"]["dice"]) == pytest.approx(2 * white / (white + all_tissues))
    assert found["s2", "CoGM"]["dice"] == "0.0"
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["scan"] + ["s2"] * 7 + ["s10"] * 7 + ["mean"] * 7


def test_codes_are_those_of_the_scheme_on_either_side(tissues: np.ndarray, tmp_path: Path) -> None:
    codes = challenge_codes(tissues, MRBRAINS13)
    theirs = write_image(tmp_path / "theirs.nii", codes)
    ours = write_image(tmp_path / "ours.nii", tissues)
    true = write_image(tmp_path / "true.nii", codes)
    common = [f"--reference={true}", "--scheme=mrbrains13"]
    assert run(f"--prediction={theirs}", *common, f"--out_dir={tmp_path / 'a'}") == 0
    in_tissues = [f"--prediction={ours}", "--prediction_scheme=tissues", "--overwrite"]
    assert run(*in_tissues, *common, f"--out_dir={tmp_path / 'b'}") == 0
    a, b = rows(tmp_path / "a"), rows(tmp_path / "b")
    assert [row["dice"] for row in a.values()] == ["1.0", "1.0", "n/a"]
    assert [row["dice"] for row in b.values()] == ["1.0", "1.0", "n/a"]


def test_what_the_codes_of_a_prediction_mean_is_read_beside_it_or_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:6], labels[6:8] = CSF, CB
    ours = write_image(tmp_path / "ours_dseg.nii", labels)
    true = write_image(tmp_path / "true.nii", challenge_codes(labels, MRBRAINS13))
    command = [f"--prediction={ours}", f"--reference={true}", "--scheme=mrbrains13"]
    assert run(*command, f"--out_dir={tmp_path / 'a'}") == 1
    said = one_line(capsys.readouterr().err)
    assert "which mean one tissue in 'mrbrains13' and another in this program's labels" in said
    assert "--prediction_scheme=mrbrains13 or --prediction_scheme=tissues" in said
    (tmp_path / "ours_dseg.json").write_text(json.dumps({"LabelMap": label_values(TISSUES)}))
    assert run(*command, f"--out_dir={tmp_path / 'a'}") == 0
    assert rows(tmp_path / "a")["ours", "CSF"]["dice"] == "1.0"


@pytest.mark.parametrize(
    ("prediction", "table"),
    [
        ("sub-01_desc-tissue_dseg.nii", "desc-tissue_dseg.tsv"),
        ("sub-01_desc-tissue_dseg.nii", "sub-01_desc-tissue_dseg.tsv"),
        ("sub-01/ses-a/anat/sub-01_ses-a_desc-tissue_dseg.nii", "desc-tissue_dseg.tsv"),
    ],
)
def test_without_a_sidecar_the_label_table_tells_the_codes(
    prediction: str, table: str, tmp_path: Path
) -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:6], labels[6:8] = CSF, CB
    results = tmp_path / "results"
    (results / prediction).parent.mkdir(parents=True)
    write_image(results / prediction, labels)
    (results / table).write_text(table_text(TISSUES, kinds=False))
    true = write_image(tmp_path / "true.nii", challenge_codes(labels, MRBRAINS13))
    command = [f"--prediction={results / prediction}", f"--reference={true}", "--csv"]
    assert run(*command, "--scheme=mrbrains13", f"--out_dir={tmp_path / 'a'}") == 0
    assert {row["dice"] for row in rows(tmp_path / "a").values()} == {"1.0", "n/a"}
    assert (tmp_path / "a" / "comparison_scores.csv").read_text().count(",1.0,") > 0


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("index\tname\n1\tWhite matter\n2\tCSF\n", {0: BACKGROUND, 1: WM, 2: CSF}),
        ("index\tname\tabbreviation\n9\tanything\twm\n", {0: BACKGROUND, 9: WM}),
        ("index\tname\n1\tgrey matter\n2\tCSF\n", None),  # of which grey matter?
        ("index\tname\n1\tWM\n1\tCSF\n", None),
        ("index\tname\n-1\tWM\n", None),
        ("index\tname\n99999999\tWM\n", None),
        ("index\tname\n\n1\n", None),
        ("index\tname\n", None),
        ("\x00", None),
        ("", None),
    ],
)
def test_a_label_table_counts_when_each_label_is_a_tissue(
    text: str, codes: dict[int, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "dseg.tsv").write_text(text)
    scheme = tissue_codes(tmp_path / "dseg.tsv")
    assert (None if scheme is None else dict(scheme.codes)) == codes


def test_labels_of_ones_own_are_not_scored_as_tissues(
    folders: tuple[Path, Path],
    tissues: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in folders:
        write_image(folder / "s_dseg.nii", np.minimum(tissues, np.uint8(1)))
    (folders[0] / "s_dseg.json").write_text('{"LabelMap": {"background": 0, "lesion": 1}}')
    out = tmp_path / "out"
    assert run(f"--prediction={folders[0]}", f"--reference={folders[1]}", f"--out_dir={out}") == 1
    assert "s_dseg.nii' is of background, lesion, as 's_dseg.json' tells" in capsys.readouterr().err
    assert not out.exists()


def test_the_nearest_label_table_with_the_most_words_counts(tmp_path: Path) -> None:
    anat = tmp_path / "sub-1" / "anat"
    anat.mkdir(parents=True)
    label_map = anat / "sub-1_desc-a_dseg.nii.gz"
    assert find_label_table(label_map) is None
    for table in (tmp_path / "dseg.tsv", anat / "dseg.tsv", anat / "desc-a_dseg.tsv"):
        table.touch()
        (anat / "desc-b_dseg.tsv").touch()
        assert find_label_table(label_map) == table
    assert find_label_table(anat / "sub-1_seg.nii.gz") is None


def test_what_cannot_be_compared_is_listed_and_the_rest_scored(
    folders: tuple[Path, Path],
    tissues: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction, reference = folders
    for name in ("good", "moved", "odd", "unasked"):
        write_image(prediction / f"{name}.nii", tissues)
    write_image(prediction / "odd.nii", tissues + 90)
    for name in ("good", "moved", "odd", "unmet"):
        write_image(reference / f"{name}.nii", tissues, AFFINE + 0.1 * (name == "moved"))
    out = tmp_path / "out"
    assert run(f"--prediction={prediction}", f"--reference={reference}", f"--out_dir={out}") == 1
    said = capsys.readouterr().err
    assert f"'{reference / 'unmet.nii'}' has no prediction" in said
    assert f"'{prediction / 'unasked.nii'}' has no reference" in said
    assert f"'{prediction / 'moved.nii'}' is on another grid" in said
    assert f"'{prediction / 'odd.nii'}' holds label values 90" in said
    assert {scan for scan, _ in rows(out)} == {"good"}


def test_nothing_to_compare_is_one_line(
    folders: tuple[Path, Path],
    tissues: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prediction, reference = folders
    flags = [f"--prediction={prediction}", f"--reference={reference}", f"--out_dir={tmp_path}"]
    assert run(*flags) == 1
    assert "holds no label map" in one_line(capsys.readouterr().err)
    write_image(prediction / "a.nii", tissues)
    write_image(reference / "b.nii", tissues)
    assert run(*flags) == 1
    assert "have no label maps of the same name; there are a and b" in one_line(
        capsys.readouterr().err
    )
    (tmp_path / "comparison_scores.tsv").write_text("mine")
    assert run(*flags) == 1
    assert "exists already" in one_line(capsys.readouterr().err)
    assert run(f"--prediction={prediction}") == 2
    assert run(*flags, "--volume=a.nii") == 2


def test_means_leave_out_what_has_no_value() -> None:
    nan, inf = math.nan, math.inf
    scores = {
        "a": [Score("WM", 0.5, 1.0, 1.0, 10.0, 1.0), Score("CB", nan, nan, nan, nan, nan)],
        "b": [Score("WM", 1.0, 3.0, inf, 20.0, nan), Score("CB", nan, nan, nan, inf, nan)],
    }
    white, cerebellum = mean_scores(scores)
    assert white == Score("WM", 0.75, 2.0, inf, 15.0, 1.0)
    assert math.isnan(cerebellum.dice)
    assert cerebellum.absolute_volume_difference_percent == inf
