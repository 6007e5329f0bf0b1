"""Training as a whole: stopped anywhere and started again it ends with the same bits."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from support.narrow import narrow_start
from support.tiny_scans import tiny_settings, write_pairs

from brainfcn_jax.errors import InputError, OutputError, TrainingError, UsageError, WeightsError
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.training import run
from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.checkpoints import Checkpoints
from brainfcn_jax.training.devices import CompiledStep, Launcher, Step, launch
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.step import Metrics, TrainState

NAMES = ("sub-01", "sub-02", "sub-03")
ROOT = Path(__file__).parents[2]
STEPS = 5
CHANGES = {
    "training__steps": STEPS,
    "training__checkpoint_every": 2,
    "training__validate_every": 3,
    "training__images_per_step": 3,
    "optimizer__learning_rate": 1e-2,
}

pytestmark = pytest.mark.usefixtures("compiled_once")


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def compiled_once() -> Iterator[None]:
    """The step of a narrow network is compiled once for all runs here."""
    compiled: list[CompiledStep] = []

    def launch_once(step: Step, launcher: Launcher) -> CompiledStep:
        if not compiled:
            compiled.append(launch(step, launcher))
        return compiled[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "launch", launch_once)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Five steps of a narrow network on two subjects, with one held out."""
    start = narrow_start(tmp_path_factory.mktemp("model"))
    return tiny_settings(write_pairs(tmp_path_factory.mktemp("scans"), NAMES), **CHANGES, **start)


@pytest.fixture(scope="module")
def whole_run(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, compiled_once: None
) -> Path:
    """A run that was never stopped."""
    return train(settings, tmp_path_factory.mktemp("runs") / "whole").folder


def launcher_in_use() -> Callable[[Step, Launcher], CompiledStep]:
    """What `train` launches its step with at the moment."""
    launcher: Callable[[Step, Launcher], CompiledStep] = vars(run)["launch"]
    return launcher


def weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a weight file."""
    params = load_model(path).params
    return {f"{layer}/{name}": a for layer, part in params.items() for name, a in part.items()}


def assert_same_bits(found: Path, expected: Path) -> None:
    """The runs end with the same weights, best and last, and the same measurements."""
    for name in ("last.h5", "best.h5"):
        left, right = weights(found / name), weights(expected / name)
        assert left.keys() == right.keys()
        for array in left:
            np.testing.assert_array_equal(left[array], right[array], err_msg=array)
    assert numbers(found) == numbers(expected)


def numbers(folder: Path) -> list[dict]:
    """The lines of metrics.jsonl without times."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key != "images_per_second"}
        for line in lines
    ]


def test_what_a_run_leaves(whole_run: Path, settings: Settings) -> None:
    names = {path.name for path in whole_run.iterdir()}
    assert names == {
        "settings.json", "checkpoints", "metrics.jsonl", "training_curve.png", "best.h5", "last.h5",
    }  # fmt: skip
    assert sorted(path.name for path in (whole_run / "checkpoints").iterdir()) == ["4", "5"]
    assert [r["step"] for r in numbers(whole_run) if "loss" in r] == [1, 2, 3, 4, 5]
    assert [r["step"] for r in numbers(whole_run) if "dice" in r] == [3, 5]


def test_weights_carry_all_that_inference_needs(whole_run: Path, settings: Settings) -> None:
    description = load_model(whole_run / "last.h5").description
    assert description.spacing_mm == (1.0, 1.0, 3.0)
    assert description.slice_axis == "axial"
    assert description.labels == TISSUES
    assert all(10 < mean < 250 for mean in description.channel_means)
    training_words = json.loads(description.training)
    assert training_words["steps"] == STEPS
    assert training_words["subjects"] == 2
    assert settings.data.root not in description.training
    assert settings.data.validation == ("sub-03",)
    assert "sub-0" not in description.training
    with h5py.File(whole_run / "last.h5") as file:
        assert str(settings.data.root) not in str(dict(file.attrs))


@pytest.mark.parametrize(
    ("moment", "killed_at"),
    [
        *(("before the step", step) for step in range(1, STEPS + 1)),
        *(("while saving", step) for step in (4, STEPS)),
    ],
)
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(
    whole_run: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    killed_at: int,
) -> None:
    saves, launch_once = Checkpoints.save, launcher_in_use()

    def stopping(step: Step, launcher: Launcher) -> CompiledStep:
        run_step = launch_once(step, launcher)

        def run_or_stop(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
            if moment == "before the step" and int(state.step) + 1 == killed_at:
                raise KilledError
            return run_step(state, batch)

        return run_or_stop

    def save_or_stop(self: Checkpoints, step: int, state: TrainState) -> None:
        if moment == "while saving" and step >= killed_at:
            raise KilledError
        saves(self, step, state)

    with monkeypatch.context() as patch:
        patch.setattr(run, "launch", stopping)
        patch.setattr(Checkpoints, "save", save_or_stop)
        with pytest.raises(KilledError):
            train(settings, tmp_path / "run")
    train(settings, tmp_path / "run")

    assert_same_bits(tmp_path / "run", whole_run)


def test_a_killed_process_goes_on_to_the_same_bits(
    whole_run: Path, settings: Settings, tmp_path: Path
) -> None:
    overrides = [f"--config.{key.replace('__', '.')}={value}" for key, value in CHANGES.items()]
    command = [
        sys.executable,
        "-c",
        "from brainfcn_jax.commands.train import main; main()",
        f"--config={ROOT / 'configs' / 'testing.py'}",
        f"--config.data.root={settings.data.root}",
        "--config.network.start=model",
        f"--config.network.model_path={settings.network.model_path}",
        f"--workdir={tmp_path / 'run'}",
        *overrides,
    ]
    metrics = tmp_path / "run" / "metrics.jsonl"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        while process.poll() is None:
            if metrics.exists() and '"step": 3' in metrics.read_text():
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGKILL, errors

    again = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert again.returncode == 0, again.stderr
    assert_same_bits(tmp_path / "run", whole_run)


def test_a_finished_run_is_left_as_it_is(whole_run: Path, settings: Settings) -> None:
    before = {path: path.read_bytes() for path in whole_run.rglob("*") if path.is_file()}
    train(settings, whole_run)
    assert {p: p.read_bytes() for p in whole_run.rglob("*") if p.is_file()} == before


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_once = launcher_in_use()

    def spoiling(step: Step, launcher: Launcher) -> CompiledStep:
        run_step = launch_once(step, launcher)

        def spoil(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
            if int(state.step) + 1 == 4:
                params = jax.tree.map(lambda leaf: leaf * np.float32(np.nan), state.params)
                state = state._replace(params=params)
            return run_step(state, batch)

        return spoil

    with monkeypatch.context() as patch:
        patch.setattr(run, "launch", spoiling)
        with pytest.raises(TrainingError, match=r"step 4: .*loss nan"):
            train(settings, tmp_path / "run")

    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["2"]
    assert json.loads(load_model(tmp_path / "run" / "last.h5").description.training)["steps"] == 2
    assert max(record["step"] for record in numbers(tmp_path / "run")) == 3


def test_wrong_requests_leave_nothing_behind(
    whole_run: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINFCN_VGG16", raising=False)
    root = Path(settings.data.root)
    optimizer = dataclasses.replace(settings.optimizer, learning_rate=0.5)
    other = dataclasses.replace(settings, optimizer=optimizer)
    with pytest.raises(UsageError, match=r"optimizer.learning_rate is 0.01 there and 0.5 here"):
        train(other, whole_run)
    with pytest.raises(OutputError, match="not of a training run"):
        train(settings, root)
    with pytest.raises(InputError):
        train(tiny_settings(tmp_path / "nowhere", **CHANGES), tmp_path / "run")
    with pytest.raises(WeightsError, match="BRAINFCN_VGG16"):
        train(tiny_settings(root, **CHANGES, network__start="imagenet"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
