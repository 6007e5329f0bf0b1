"""What a run reports: one step late, finite or stopped, without lines of steps to be redone."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.text import Detail
from brainfcn_jax.training.progress import Progress, curve_figure, is_due, read_records


def metrics(loss: float) -> dict[str, float]:
    """The metrics of a step."""
    return {"loss": loss, "images": 4.0, "gradient_norm": 1.0, "parameter_norm": 2.0}


def follow(
    folder: Path, first_step: int = 0, log_every: int = 2, detail: Detail = "normal"
) -> Progress:
    """The progress of a run of five steps."""
    return Progress(
        folder / "metrics.jsonl",
        folder / "curve.png",
        first_step=first_step,
        steps=5,
        log_every=log_every,
        detail=detail,
    )


def test_is_due() -> None:
    assert [step for step in range(1, 8) if is_due(step, 3, 7)] == [3, 6, 7]
    assert [step for step in range(1, 4) if is_due(step, 100, 3)] == [3]


def test_losses_are_averaged_since_the_last_line(tmp_path: Path) -> None:
    with follow(tmp_path) as progress:
        for step in range(1, 6):
            progress.step_done(step, metrics(float(step)))
        assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [2, 4]
        with progress.paused():
            pass
    records = read_records(tmp_path / "metrics.jsonl")
    assert [(r["step"], r["loss"]) for r in records] == [(2, 1.5), (4, 3.5), (5, 5.0)]
    assert all(record["images_per_second"] > 0 for record in records)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_its_step(tmp_path: Path, bad: float) -> None:
    with follow(tmp_path) as progress:
        progress.step_done(1, metrics(1.0))
        progress.step_done(2, metrics(bad))
        with pytest.raises(TrainingError, match="step 2: loss"):
            progress.step_done(3, metrics(1.0))


def test_a_pause_finds_the_bad_step_before_anything_is_saved(tmp_path: Path) -> None:
    with follow(tmp_path) as progress:
        progress.step_done(1, {**metrics(1.0), "parameter_norm": math.nan})
        with pytest.raises(TrainingError, match="step 1: parameter_norm nan"), progress.paused():
            pytest.fail("the pause was entered")


def test_lines_of_steps_to_be_redone_are_dropped(tmp_path: Path) -> None:
    with follow(tmp_path, log_every=1) as progress:
        for step in range(1, 5):
            progress.step_done(step, metrics(1.0))
        progress.validated(3, {"WM": 0.5, "CB": 0.75})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 1, "los')
    with follow(tmp_path, first_step=2) as progress:
        assert progress.best_mean_dice == -1
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2]


@pytest.mark.parametrize(
    "line", ['{"step": 1, "los', "[]", '{"loss": 1.0}', '{"step": 1}', '{"step": 1, "dice": {}}']
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    whole = '{"step": 1, "loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_text(f"{whole}{line}\n{whole}")
    with pytest.raises(TrainingError, match=r"line 2 of '.*metrics.jsonl' is damaged"):
        follow(tmp_path)


def test_measurements_that_cannot_be_written_name_their_file(tmp_path: Path) -> None:
    with follow(tmp_path) as progress:
        (tmp_path / "metrics.jsonl").unlink()
        (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
        with pytest.raises(OutputError, match=r"metrics.jsonl' cannot be written: No space"):
            progress.validated(1, {"WM": 0.5})


def test_the_best_dice_is_remembered(tmp_path: Path) -> None:
    with follow(tmp_path) as progress:
        for step, dice in ((1, 0.5), (2, 0.75), (3, 0.25)):
            progress.validated(step, {"WM": dice, "CB": dice})
    with follow(tmp_path, first_step=3) as progress:
        assert progress.best_mean_dice == 0.75
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"step": 1, "dice": {"WM": 0.5, "CB": 0.5}, "mean_dice": 0.5}


def labels_of(records: list[dict]) -> list[str]:
    """What the panels of the curve show."""
    return [axes.get_ylabel() for axes in curve_figure(records).axes]


def test_the_curve_has_a_panel_for_what_was_measured_and_no_empty_one() -> None:
    loss, validation = {"step": 1, "loss": 2.0}, {"step": 1, "dice": {"WM": 0.5}, "mean_dice": 0.5}
    assert labels_of([loss]) == ["loss of an image"]
    assert labels_of([loss, validation]) == ["loss of an image", "validation Dice"]
    lines = curve_figure([loss, validation]).axes[1].get_lines()
    assert [line.get_label() for line in lines] == ["WM", "mean"]
    assert all(np.array_equal(line.get_xydata(), [[1, 0.5]]) for line in lines)


def test_the_time_that_is_left_is_told_without_the_compilation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("brainfcn_jax.training.progress.time", clock)
    files = (tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    with Progress(*files, first_step=0, steps=1000, log_every=100) as progress:
        for step in range(1, 7):
            now[0] += 300 if step == 2 else 6  # the first is reported with the second
            progress.step_done(step, metrics(1.0))
    said = capsys.readouterr().err
    assert said.count("the 996 steps left will take about 100 min") == 1


def test_quiet_shows_nothing_and_verbose_every_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    details: tuple[Detail, ...] = ("quiet", "normal", "verbose")
    said = []
    for detail in details:
        with follow(tmp_path, first_step=1, detail=detail) as progress:
            for step in (2, 3):
                progress.step_done(step, metrics(1.0))
            progress.validated(3, {"WM": 0.5, "CB": 0.25})
        said.append(capsys.readouterr().err)
    assert said[0] == ""
    assert "going on after step 1 of 5" in said[1]
    assert "Dice" not in said[1]
    assert "step 3: mean Dice 0.375 (WM 0.500, CB 0.250)\n" in said[2]


@pytest.mark.parametrize("measured", [True, False])
def test_the_curve_is_a_png(tmp_path: Path, measured: bool) -> None:
    with follow(tmp_path, log_every=1) as progress:
        if measured:
            progress.validated(1, {"WM": 0.5})
            progress.step_done(1, metrics(3.0))
            progress.step_done(2, metrics(2.0))
            progress.validated(2, {"WM": 0.6, "CB": 0.1})
        progress.draw()
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
