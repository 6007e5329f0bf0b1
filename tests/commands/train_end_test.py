"""How run_train.py ends: what it says of the weights, and what a signal does."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from support.tiny_scans import CONFIGS

import brainfcn_jax
from brainfcn_jax.commands import runner, train
from brainfcn_jax.training import loop
from brainfcn_jax.training.run_folder import Workdir
from brainfcn_jax.training.settings import Settings


def run(folder: Path, *further: str) -> int:
    """The command's exit code, run here."""
    argv = ["run_train.py", f"--config={CONFIGS / 'testing.py'}", "--config.data.root=scans"]
    argv += [f"--workdir={folder}", *further]
    return runner.exit_code(
        lambda values: train.define_flags(values, argv), train.train_command, "", argv
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that is done at once."""
    monkeypatch.setattr(loop, "train", lambda settings, folder, detail: Workdir(folder))


def write_metrics(folder: Path, *records: dict) -> None:
    """Writes what a run measured."""
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))


def validated(step: int, dice: float) -> dict:
    """What a run records of a validation."""
    return {"step": step, "dice": {"WM": dice}, "mean_dice": dice}


def test_the_end_says_the_best_step_and_how_to_use_its_weights(
    trained: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my run"
    write_metrics(folder, validated(2, 0.5), validated(4, 0.7123), validated(6, 0.6))
    assert run(folder) == 0
    said = capsys.readouterr().out
    assert "best mean Dice on the subjects held out: 0.712, after step 4" in said
    assert f"its weights in '{folder / 'best.h5'}'" in said
    assert f"weights of the last step in '{folder / 'last.h5'}'" in said
    assert f"--volume=SCAN.nii.gz --weights='{folder / 'best.h5'}'" in said


def test_without_anything_held_out_the_last_weights_are_the_ones_to_use(
    trained: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_metrics(tmp_path / "run", {"step": 4, "loss": 1.0})
    assert run(tmp_path / "run") == 0
    said = capsys.readouterr().out
    assert "best" not in said
    assert f"--weights={tmp_path / 'run' / 'last.h5'}" in said


def test_quiet_says_nothing_and_verbose_what_computes(
    trained: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_metrics(tmp_path / "run", {"step": 4, "loss": 1.0})
    assert run(tmp_path / "run", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert run(tmp_path / "run", "--verbose") == 0
    said = capsys.readouterr()
    assert f"brainfcn_jax {brainfcn_jax.__version__}, JAX " in said.err
    assert "weights of the last step" in said.out
    assert run(tmp_path / "run", "--quiet", "--verbose") == 2
    assert "both given" in capsys.readouterr().err


def test_a_run_that_is_terminated_ends_as_one_that_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait_for_the_end(settings: Settings, folder: Path, _: str) -> Workdir:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        return Workdir(folder)

    monkeypatch.setattr(loop, "train", wait_for_the_end)
    before = signal.getsignal(signal.SIGTERM)
    assert run(tmp_path) == 130
    assert capsys.readouterr().err == "run_train.py: interrupted\n"
    assert signal.getsignal(signal.SIGTERM) is before
