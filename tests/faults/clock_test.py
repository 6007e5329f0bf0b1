"""Nothing depends on the time of day: a clock that goes backwards changes no result."""

import ast
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.eval_example import intensities, records, run, write_image
from support.narrow import narrow_start
from support.threshold_model import threshold_model
from support.tiny_scans import tiny_settings, write_pairs
from training.cheap_step import launch_cheaply

from brainfcn_jax.network.model_file import load_model, save_model
from brainfcn_jax.training.checkpoints import Checkpoints
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.step import TrainState

PACKAGE = Path(__file__).parents[2] / "brainfcn_jax"
OF_THE_DAY = {"time", "time_ns", "localtime", "gmtime", "strftime", "ctime", "now", "today"}


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock gives a time an hour before the last."""

    def earlier() -> Iterator[float]:
        seconds = 2e9
        while True:
            yield seconds
            seconds -= 3600

    clock = earlier()
    monkeypatch.setattr(time, "time", lambda: next(clock))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(clock) * 1e9))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_asks_for_the_time_of_day(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = node.value.id in ("time", "datetime", "date") and node.attr in OF_THE_DAY
            assert not asked, f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            assert node.module not in ("time", "datetime"), f"line {node.lineno}"


@pytest.mark.usefixtures("backwards")
def test_finished_scans_are_skipped_whatever_time_their_files_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "threshold.h5", threshold_model())
    scan = Path(write_image(tmp_path / "s1_T1w.nii.gz", intensities()))
    out = tmp_path / "out"
    command = [f"--volume={scan}", f"--weights={tmp_path / 'threshold.h5'}", f"--out_dir={out}"]
    assert run(*command) == 0
    record = records(out)["s1"]
    assert all(seconds >= 0 for seconds in record["seconds"].values())
    for when in (0, 2**33):
        for path in (scan, *out.iterdir()):
            os.utime(path, (when, when))
        assert run(*command, "--resume") == 0
        said = capsys.readouterr().err
        assert "1 of 1 scans were finished already" in said
        assert "edited" not in said
    write_image(scan, intensities()[::-1])
    os.utime(scan, (0, 0))
    assert run(*command, "--resume") == 0
    assert "finished already" not in capsys.readouterr().err


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.usefixtures("backwards")
def test_a_training_goes_on_from_the_newest_step_whatever_time_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainfcn_jax.training.run.launch", launch_cheaply)
    root = write_pairs(tmp_path / "scans", ("sub-01", "sub-02", "sub-03"))
    settings = tiny_settings(root, training__steps=6, **narrow_start(tmp_path / "model"))
    whole, folder, save = train(settings, tmp_path / "whole"), tmp_path / "run", Checkpoints.save

    def save_twice(self: Checkpoints, step: int, state: TrainState) -> None:
        if step == 6:
            raise KilledError
        save(self, step, state)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_twice)
        with pytest.raises(KilledError):
            train(settings, folder)
    for step, when in (("2", 2**33), ("4", 0)):
        for path in (folder / "checkpoints" / step).rglob("*"):
            os.utime(path, (when, when))
    found = Checkpoints(folder / "checkpoints")._steps()
    assert found == [4, 2]
    train(settings, folder)
    last = load_model(folder / "last.h5").params
    for layer, part in load_model(whole.last).params.items():
        assert {k: v.tobytes() for k, v in part.items()} == {
            k: v.tobytes() for k, v in last[layer].items()
        }
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all(line.get("images_per_second", 1) > 0 for line in lines)
