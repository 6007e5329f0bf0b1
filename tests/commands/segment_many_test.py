"""`run_eval.py` on many scans: what is read, what is skipped, what all scans have in common."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import jax
import pytest
from support.eval_example import intensities, records, run, write_image
from support.threshold_model import threshold_labels

from brainfcn_jax.cohort.one_scan import segmented_contents
from brainfcn_jax.inference import prediction
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.results.paths import LABEL_MAP


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of three scans, the labels of two, and one file that is no image."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in (1, 2, 10):
        write_image(folder / f"s{number}_T1w.nii.gz", intensities() + number)
    for number in (1, 2):
        write_image(folder / f"s{number}_dseg.nii.gz", threshold_labels(intensities()))
    (folder / "readme.txt").write_text("three scans")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of every result, those that hold dates and times left out."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.endswith("_record.json") and path.suffix != ".html"
    }


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_a_folder_goes_through_one_model_in_natural_order(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}") == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "->" in line]
    assert [line.split("'")[1] for line in said[:3]] == [
        str(scans / f"s{number}_T1w.nii.gz") for number in (1, 2, 10)
    ]
    rows = table(out / "group_volumes.tsv")
    assert [row["scan"] for row in rows] == ["s1", "s2", "s10"]
    for row in rows:
        of_scan = {
            r["abbreviation"]: r for r in table(out / f"{row['scan']}_desc-tissue_volumes.tsv")
        }
        assert row["WM_mm3"] == of_scan["WM"]["volume_mm3"]
        assert row["quality"] in ("PASS", "CHECK")
    assert not (out / "group_scores.tsv").exists()


def test_the_records_say_what_was_made_of_what(scans: Path, weights: str, out: Path) -> None:
    run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}")
    assert str(out.parent) not in json.dumps(records(out))
    assert sorted(records(out)) == ["s1", "s10", "s2"]
    record = records(out)["s10"]
    assert record["status"] == "done"
    assert record["inputs"]["scan"]["file"] == "s10_T1w.nii.gz"
    assert record["request"]["settings"]["probabilities"] is False
    made = {state["file"]: state for state in record["outputs"]}
    label_map = out / "s10_desc-tissue_dseg.nii.gz"
    assert made[label_map.name]["bytes"] == label_map.stat().st_size
    assert set(made) == {path.name for path in out.glob("s10_*")} - {"s10_desc-tissue_record.json"}


def test_one_model_and_one_trace_serve_all_scans(
    scans: Path, weights: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, traced = [], []

    def load(path: str) -> Model:
        loaded.append(path)
        return load_model(path)

    def classify(*arguments: Any) -> Any:
        traced.append(arguments[0].classes)
        return prediction.classify(*arguments)

    monkeypatch.setattr("brainfcn_jax.cohort.one_scan.load_model", load)
    compiled = jax.jit(classify, static_argnums=(0, 1, 2))
    monkeypatch.setattr("brainfcn_jax.inference.prediction._compiled_classify", compiled)
    assert run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}") == 0
    assert loaded == [weights]
    assert sorted(traced) == [2, TISSUES.classes]  # one finds the brain, one labels it


def test_bytes_depend_neither_on_the_order_nor_on_the_company(
    scans: Path, weights: str, out: Path
) -> None:
    arguments = [f"--weights={weights}", "--save_uncertainty"]
    run(f"--volume={scans}", f"--out_dir={out}", *arguments)
    alone = out.parent / "alone"
    for number in (10, 1, 2):
        run(f"--volume={scans / f's{number}_T1w.nii.gz'}", f"--out_dir={alone}", *arguments)
    together, apart = contents(out), contents(alone)
    assert together.keys() == apart.keys()
    images = [name for name in together if not name.endswith(".json")]
    assert all(together[name] == apart[name] for name in images)


def test_resume_skips_what_is_finished_and_unchanged(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}", "--resume"]
    (scans / "s2_T1w.nii.gz").unlink()
    (scans / "s2_T1w.nii").write_bytes(b"no scan")
    assert run(*arguments) == 1
    failed = records(out)["s2"]
    assert failed["status"] == "failed"
    assert failed["failure"].startswith("'s2_T1w.nii' ")
    assert str(scans) not in json.dumps(records(out))
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.glob("s1*_desc-*")}
    write_image(scans / "s2_T1w.nii", intensities())
    os.utime(scans / "s1_T1w.nii.gz")
    capsys.readouterr()
    assert run(*arguments) == 0
    assert "2 of 3 scans were finished already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert {name: contents(out)[name] for name in before if name[:2] == "s1"} == {
        name: before[name] for name in before if name[:2] == "s1"
    }
    assert [row["scan"] for row in table(out / "group_volumes.tsv")] == ["s1", "s2", "s10"]


def test_resume_labels_anew_what_has_changed(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments) == 0
    write_image(scans / "s1_T1w.nii.gz", intensities()[::-1])
    corrected = out / "s2_desc-tissue_dseg.nii.gz"
    corrected.write_bytes(b"by hand")
    capsys.readouterr()
    assert run(*arguments, "--resume") == 0
    said = capsys.readouterr().err
    assert "2 of 3 scans were finished already" in said
    assert "kept as edited since: s2_desc-tissue_dseg.nii.gz" in said
    assert corrected.read_bytes() == b"by hand"
    assert run(*arguments, "--resume", "--save_uncertainty") == 1
    assert f"'{corrected}' was edited since" in capsys.readouterr().err
    assert corrected.read_bytes() == b"by hand"
    assert (out / "s1_desc-tissue_uncertainty.nii.gz").exists()


def test_without_resume_or_overwrite_results_stay(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments) == 0
    before = contents(out)
    assert run(*arguments) == 1
    assert "3 of 3 scans failed" in capsys.readouterr().err
    assert contents(out) == before
    assert {record["status"] for record in records(out).values()} == {"done"}
    assert run(*arguments, "--resume") == 0


def test_a_stopped_runs_files_are_replaced(
    scans: Path, weights: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}", "--resume"]

    def stopped_half_way(contents: Any, *_: object) -> None:
        contents.planned.outputs.file(LABEL_MAP).write_bytes(b"half")
        raise OSError("as if killed")

    with monkeypatch.context() as patch:
        patch.setattr("brainfcn_jax.cohort.one_scan.write_results", stopped_half_way)
        assert run(*arguments) == 1
    assert (out / "s1_desc-tissue_dseg.nii.gz").read_bytes() == b"half"
    assert run(*arguments) == 0
    undisturbed = out.parent / "undisturbed"
    run(*arguments[:2], f"--out_dir={undisturbed}")
    found, expected = contents(out), contents(undisturbed)
    assert found.keys() == expected.keys()
    assert all(found[n] == expected[n] for n in found if n.endswith((".gz", ".tsv")))


def test_an_unforeseen_error_fails_its_scan_and_shows_itself(
    scans: Path,
    weights: str,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def bug_on_s2(planned: Any, *others: Any) -> Any:
        if "s2" in planned.path:
            raise ZeroDivisionError("a\nbug")
        return segmented_contents(planned, *others)

    monkeypatch.setattr("brainfcn_jax.cohort.many_scans.segmented_contents", bug_on_s2)
    assert run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}") == 1
    said = capsys.readouterr().err
    assert "cannot be labelled: an unforeseen ZeroDivisionError: a bug" in said
    assert "in bug_on_s2" in said
    assert [record["status"] for record in records(out).values()] == ["done", "done", "failed"]
    rows = table(out / "group_volumes.tsv")
    assert [(row["scan"], row["quality"]) for row in rows][1] == ("s2", "FAILED")


def test_references_of_a_folder_are_scored_and_tabled(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scans / "s10_T1w.nii.gz").unlink()
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={scans}") == 0
    rows = table(out / "group_scores.tsv")
    assert [row["scan"] for row in rows] == ["s1"] * 7 + ["s2"] * 7
    assert rows[2]["structure"] == "WM"
    assert rows[2]["dice"] == "1.0"
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["scan"] + ["s1"] * 7 + ["s2"] * 7 + ["mean"] * 7


def test_scores_that_no_scan_has_any_more_are_in_no_table(
    scans: Path, weights: str, out: Path
) -> None:
    arguments = [f"--volume={scans / f's{number}_T1w.nii.gz'}" for number in (1, 2)]
    arguments += [f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={scans}") == 0
    assert (out / "group_scores.tsv").is_file()
    assert run(*arguments, "--resume") == 0
    assert not list(out.glob("*_scores.tsv"))
    assert run(*arguments, "--resume", f"--reference={scans}") == 0
    assert len(table(out / "group_scores.tsv")) == 2 * 7


def test_tables_with_commas_are_written_beside_the_others_when_asked_for(
    scans: Path, weights: str, out: Path
) -> None:
    arguments = [f"--volume={scans / f's{number}_T1w.nii.gz'}" for number in (1, 2)]
    arguments += [f"--weights={weights}", f"--out_dir={out}", f"--reference={scans}"]
    assert run(*arguments, "--csv") == 0
    tables = sorted(path for path in out.glob("*.tsv") if path.name != "desc-tissue_dseg.tsv")
    assert sorted(out.glob("*.csv")) == [path.with_suffix(".csv") for path in tables]
    assert len(tables) == 2 * 3 + 2
    for path in tables:
        with path.with_suffix(".csv").open(newline="") as stream:
            found = list(csv.DictReader(stream))
        assert found == [
            {column: "" if cell == "n/a" else cell for column, cell in row.items()}
            for row in table(path)
        ]
    assert run("bids", out, "group") == 0
    assert not list(out.glob("group_*.csv"))
    assert run("bids", out, "group", "--csv") == 0
    assert len(list(out.glob("group_*.csv"))) == 2
    assert run(*arguments, "--resume") == 0
    assert not list(out.glob("*.csv"))


def test_tables_are_made_anew_on_request(scans: Path, weights: str, out: Path) -> None:
    run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}")
    before = contents(out)
    (out / "group_volumes.tsv").unlink()
    assert run("bids", out, "group") == 0
    assert contents(out) == before


def test_a_table_of_the_users_is_not_replaced(
    scans: Path, weights: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir()
    (out / "group_volumes.tsv").write_text("mine")
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments) == 1
    assert "group_volumes.tsv' exists already" in capsys.readouterr().err
    assert (out / "group_volumes.tsv").read_text() == "mine"
    assert len(list(out.glob("*_dseg.nii.gz"))) == 3
    assert run(*arguments, "--resume", "--overwrite") == 0
