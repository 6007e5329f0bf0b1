"""Every benchmark runs to its end on tiny inputs; without PyTorch only our side of a comparison."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import ablations
import forward_beside_others
import generated_heads
import measuring
import mni152
import nibabel
import numpy as np
import pytest
import training_beside_torch
import whole_process
from networks import chosen_model, middle_slices
from support.labelled_brain import intensities, labelled_brain
from support.tiny_scans import write_pairs
from training.tiny_generator import TinyGenerator

SPACING_MM = 3.0
VISIT = "p01"
SIZE = ("--slices=2", "--height=32", "--width=32")
STUB = """
import pathlib, sys
out = [word.partition("=")[2] for word in sys.argv if word.startswith("--out_dir=")]
for folder in map(pathlib.Path, out):
    folder.mkdir()
    (folder / "scan_desc-tissue_dseg.json").write_text('{"Seconds": {"network": 2.5}}')
"""
"""A program that leaves what a run leaves of its times."""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of two labelled scans."""
    return write_pairs(tmp_path / "pairs", ("a", "b"))


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """A folder of one visit: T1w and T2w scans and a brain mask."""
    folder = tmp_path / "heads"
    folder.mkdir()
    labels = labelled_brain((36, 40, 36), (SPACING_MM,) * 3)
    mask = (labels > 0).astype(np.uint8)
    volumes = {"T1w": intensities(labels), "T2w": intensities(labels), "brainmask": mask}
    for ending, data in volumes.items():
        image = nibabel.Nifti1Image(data, np.diag([SPACING_MM] * 3 + [1.0]))
        nibabel.save(image, folder / f"{VISIT}_{ending}.nii.gz")
    return folder


@pytest.fixture(autouse=True)
def own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the processors of the tests, and the files in the system's memory, as they are."""
    monkeypatch.setattr(measuring, "use_threads", lambda count: None)
    monkeypatch.setattr(measuring, "forget_files", lambda: False)


def run(script: str, *arguments: object) -> Any:
    """What a script's main gives."""
    return importlib.import_module(script).main([str(argument) for argument in arguments])


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The words of each line that was printed, by its first one."""
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    return {words[0]: words[1:] for words in lines}


def test_accuracy(pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("accuracy", f"--data={pairs}", f"--weights={weights}", "--subjects=b")
    found = rows(capsys)
    assert found["scan"] == ["CoGM", "BGT", "WM", "BS", "CB", "Vent", "CSF", "six", "seven"]
    assert found["b"] == found["mean"]
    assert float(found["b"][found["scan"].index("WM")]) > 0


def test_contrasts(pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("contrasts", f"--data={pairs}", f"--weights={weights}", "--subjects=a") == 1
    assert rows(capsys)["not"][2:] == ["inverted,", "T2-like,", "FLAIR-like,", "PD-like,", "gamma",
                                       "0.5"]  # fmt: skip


def test_robustness(pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("robustness", f"--data={pairs}", f"--weights={weights}", "--subjects=a")
    found = rows(capsys)
    assert found["plain"][-1] == "0.000"
    assert found["LPS"] == found["ASR"] == found["ILP"] == found["plain"]
    assert {"15", "20", "1x1x3", "0.9x0.9x5", "SNR", "bias"} < set(found)


def test_whole_heads(
    heads: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "sheet.png"
    asked = [f"--heads={heads}", f"--weights={weights}", "--nofinder", f"--picture={picture}"]
    assert run("whole_heads", *asked, VISIT) == 1
    found = rows(capsys)
    assert found[VISIT][:2] == ["0.00%", "0.00%"]
    assert found["not"][-1] == VISIT
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_same_visit(heads: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("same_visit", f"--heads={heads}", f"--weights={weights}") == 1
    found = rows(capsys)
    assert found["scan"][-3:] == ["tissue", "label", "verdict"]
    assert found[f"{VISIT}_T2w"][8:10] == ["0.00%", "0.00%"]


def test_verdicts(
    heads: Path, pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [f"--weights={weights}", "--spoilt=p01_T1w", "--checked=p01_T1w"]
    assert run("verdicts", *asked, heads, "--templates", pairs) == 1
    printed = capsys.readouterr().out
    titles = ("right contrast", "wrong contrast", "other people", "spoilt", "not as asked: ")
    assert all(title in printed for title in titles)
    assert "p01_T2w stated T1w" in printed
    assert "p01_T1w without its left" in printed
    assert "scans called PDw: of PDw scans only" in printed


def test_head_share(heads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("head_share", heads / f"{VISIT}_T1w.nii.gz", "--cut")
    assert f"{VISIT}_T1w.nii.gz" in rows(capsys)


def test_generated_heads(
    weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = dict.fromkeys(generated_heads.VIEWS, TinyGenerator())
    monkeypatch.setattr(generated_heads, "generators", lambda *_: made)
    run("generated_heads", "--source=unused", "--count=1", f"--weights={weights}")
    printed = capsys.readouterr().out
    assert "0 a whole" in printed
    assert "0 a stripped" in printed
    assert "labelled outside whole heads: " in printed


def test_mni152(
    pairs: Path, weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mni152, "demo_scan", lambda: pairs / "a_T1w.nii.gz")
    monkeypatch.setattr(mni152, "demo_file", lambda image: pairs / "a_dseg.nii.gz")
    assert run("mni152", f"--weights={weights}") == 1  # the labels, 0 to 7, are all below a half
    assert rows(capsys)["WM"][0] == "0.000"


def test_ablations(
    pairs: Path, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = mock.Mock(return_value=SimpleNamespace(last=weights))
    monkeypatch.setattr(ablations, "train", trained)
    run("ablations", f"--train={pairs}", f"--data={pairs}", f"--runs={tmp_path}",
        "--variant=five_stages", "--subject=b", "--steps=150")  # fmt: skip
    settings, folder = trained.call_args.args
    assert (settings.network.stages, settings.training.steps) == (5, 150)
    assert (settings.data.train, folder) == (("b",), tmp_path / "five_stages")


def test_many_scans(pairs: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("many_scans", f"--weights={weights}", f"--volume={pairs / 'a_T1w.nii.gz'}", "--scans=3")
    assert {"labelling", "each", "resident", "open"} < set(rows(capsys))


def test_bookkeeping(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("many_scans", f"--weights={weights}", "--bookkeeping=2,3")
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:]] == [
        [count, f"{run}:", step]
        for count in ("2", "3")
        for run in ("first", "resumed")
        for step in ("find", "segment", "group")
    ]


def test_whole_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_process, "RUN_EVAL", [sys.executable, "-c", STUB])
    out = tmp_path / "out.json"
    run("whole_process", f"--folder={tmp_path / 'scans'}", "--repeats=1", f"--out={out}")
    _, times, steps = json.loads(out.read_text()).values()
    assert [row["compiled programs"] for row in times] == ["", "cold", "warm", "warm"]
    assert {row["scan"] for row in steps} == {"brain_240x240x48"}
    assert {row["network"] for row in steps} == {2.5}


def test_stage_by_stage(pairs: Path, weights: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    run("stage_by_stage", f"--scan={pairs / 'a_T1w.nii.gz'}", f"--weights={weights}",
        "--repeats=1", f"--out={out}")  # fmt: skip
    _, steps = json.loads(out.read_text()).values()
    seconds = {row["step"]: row["seconds"] for row in steps}
    assert sum(seconds.values()) == pytest.approx(2 * seconds["together"])


def test_forward_beside_others(pairs: Path, weights: str) -> None:
    asked = forward_beside_others.flags().parse_args(
        [*SIZE, f"--scan={pairs / 'a_T1w.nii.gz'}", f"--weights={weights}", "--out=unused"]
    )
    model = chosen_model(asked)
    stacks = middle_slices(model, asked)
    runs = forward_beside_others.our_runs(model, stacks, asked.kernels)
    found = {name: np.array(run(), np.float32) for name, run in runs.items()}
    ours = next(iter(found))
    assert found[ours].shape == (2, 32, 32, 8)
    found[forward_beside_others.REFERENCE] = found[ours] + 1e-5
    medians = dict.fromkeys(found, 0.5) | {ours: 0.25}
    row, same = forward_beside_others.verdict(found, medians, ours)
    assert same
    assert row["ours is faster by"] == 2
    table = forward_beside_others.rows_of(found, medians, found[ours], ours)
    assert table[0]["ms a slice"] == 125


def test_training_beside_torch(pairs: Path, weights: str) -> None:
    asked = training_beside_torch.flags().parse_args(
        [*SIZE, f"--scan={pairs / 'a_T1w.nii.gz'}", f"--weights={weights}", "--out=unused"]
    )
    model = chosen_model(asked)
    stacks = middle_slices(model, asked)
    labels = np.zeros(stacks.shape[:3], np.int64)
    for step in training_beside_torch.our_runs(model, stacks, labels, "xla").values():
        step()
    recipe = training_beside_torch.recipe_of(model, "float32", "xla")
    found = training_beside_torch.our_gradients(recipe, model, stacks, labels)
    assert found["conv1_1/kernel"].shape == model.params["conv1_1"]["kernel"].shape


def test_a_table_shows_three_digits_and_leaves_out_what_there_is_not() -> None:
    assert measuring.table([{"a": 1234.56, "b": None}, {"a": 0.00012, "b": "c"}]) == (
        "| a | b |\n|---|---|\n| 1235 |  |\n| 1.2e-04 | c |"
    )
