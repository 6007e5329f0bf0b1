"""What a run measures: one step late, finite or stopped, without lines of steps to be redone."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.training.curve import curve_figure, draw_curve
from brainfcn_jax.training.measurements import (
    Measurements,
    best_validation,
    is_due,
    read_records,
)
from brainfcn_jax.training.progress import Progress


def metrics(loss: float) -> dict[str, float]:
    """The metrics of a step."""
    return {"loss": loss, "images": 4.0, "gradient_norm": 1.0, "parameter_norm": 2.0}


def follow(folder: Path, first_step: int = 0, log_every: int = 2) -> Measurements:
    """The measurements of a run of five steps."""
    progress = Progress(5, first_step, "quiet")
    path = folder / "metrics.jsonl"
    return Measurements(path, progress, first_step=first_step, steps=5, log_every=log_every)


def test_is_due() -> None:
    assert [step for step in range(1, 8) if is_due(step, 3, 7)] == [3, 6, 7]
    assert [step for step in range(1, 4) if is_due(step, 100, 3)] == [3]


def test_losses_are_averaged_since_the_last_line(tmp_path: Path) -> None:
    measured = follow(tmp_path)
    for step in range(1, 6):
        measured.step_done(step, metrics(float(step)))
    assert [r["step"] for r in read_records(tmp_path / "metrics.jsonl")] == [2, 4]
    with measured.paused():
        pass
    records = read_records(tmp_path / "metrics.jsonl")
    assert [(r["step"], r["loss"]) for r in records] == [(2, 1.5), (4, 3.5), (5, 5.0)]
    assert all(record["images_per_second"] > 0 for record in records)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_its_step(tmp_path: Path, bad: float) -> None:
    measured = follow(tmp_path)
    measured.step_done(1, metrics(1.0))
    measured.step_done(2, metrics(bad))
    with pytest.raises(TrainingError, match="step 2: loss"):
        measured.step_done(3, metrics(1.0))


def test_a_pause_finds_the_bad_step_before_anything_is_saved(tmp_path: Path) -> None:
    measured = follow(tmp_path)
    measured.step_done(1, {**metrics(1.0), "parameter_norm": math.nan})
    with pytest.raises(TrainingError, match="step 1: parameter_norm nan"), measured.paused():
        pytest.fail("the pause was entered")


def test_lines_of_steps_to_be_redone_are_dropped(tmp_path: Path) -> None:
    measured = follow(tmp_path, log_every=1)
    for step in range(1, 5):
        measured.step_done(step, metrics(1.0))
    measured.validated(3, {"WM": 0.5, "CB": 0.75})
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 1, "los')
    assert best_validation(follow(tmp_path, first_step=2).records) is None
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
    measured = follow(tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"metrics.jsonl' cannot be written: No space"):
        measured.validated(1, {"WM": 0.5})


def test_the_best_dice_is_remembered(tmp_path: Path) -> None:
    measured = follow(tmp_path)
    means = (0.5, 0.75, 0.25, 0.75)
    best = [measured.validated(1 + n, {"WM": mean, "CB": mean}) for n, mean in enumerate(means)]
    assert best == [True, True, False, False]
    again = follow(tmp_path, first_step=3)
    found = best_validation(again.records)
    assert found is not None
    assert (found["step"], found["mean_dice"]) == (2, 0.75)
    assert not again.validated(4, {"WM": 0.7})
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


@pytest.mark.parametrize("something", [True, False])
def test_the_curve_is_a_png(tmp_path: Path, something: bool) -> None:
    measured = follow(tmp_path, log_every=1)
    if something:
        measured.validated(1, {"WM": 0.5})
        measured.step_done(1, metrics(3.0))
        measured.step_done(2, metrics(2.0))
        measured.validated(2, {"WM": 0.6, "CB": 0.1})
    draw_curve(measured.records, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
