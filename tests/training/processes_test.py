"""Two processes train as one does, and when either dies the other ends and the run can go on."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from support.narrow import network_and_params
from support.tiny_scans import CONFIGS, tiny_settings, write_pairs
from training.initialisation_test import DESCRIPTION

from brainfcn_jax.errors import UsageError
from brainfcn_jax.network.model_file import Model, load_model, save_model
from brainfcn_jax.training import processes
from brainfcn_jax.training.devices import CompiledStep, Launcher, Step, launch
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.processes import ProcessGroup, agree, from_first, joined, together
from brainfcn_jax.training.settings import Settings

ROOT = Path(__file__).parents[2]
STEPS = 6
PATIENCE_SECONDS = 1200.0  # for a start on a machine that has other things to do
LIMIT_SECONDS = 120.0  # within which the others must end
HEARTBEAT_SECONDS = 20
PROGRAM = f"""
import brainfcn_jax.training.processes as processes
processes.HEARTBEAT_SECONDS = {HEARTBEAT_SECONDS}
from brainfcn_jax.commands.train import main
main()
"""
FOUR_DEVICES = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
}


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> Iterator[None]:
    """The step of a narrow network is compiled once for each launcher."""
    compiled: dict[Launcher, CompiledStep] = {}

    def launch_once(step: Step, launcher: Launcher) -> CompiledStep:
        if launcher not in compiled:
            compiled[launcher] = launch(step, launcher)
        return compiled[launcher]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brainfcn_jax.training.run.launch", launch_once)
        yield


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Changes of configs/testing.py: six steps of 13 images, from a model, without validation."""
    folder = tmp_path_factory.mktemp("data")
    write_pairs(folder / "scans", ("sub-01", "sub-02"))
    _, params = network_and_params()
    save_model(folder / "model.h5", Model(jax.device_get(params), DESCRIPTION))
    return {
        "data.root": str(folder / "scans"),
        "data.validation": (),
        "network.start": "model",
        "network.model_path": str(folder / "model.h5"),
        "network.maps": DESCRIPTION.maps,
        "optimizer.name": "sgd",
        "training.steps": STEPS,
        "training.images_per_step": 13,
        "training.checkpoint_every": 2,
        "training.launcher": "pmap",
    }


def settings_with(changes: dict[str, object], **others: object) -> Settings:
    """configs/testing.py with these changes."""
    given = {key.replace(".", "__"): value for key, value in changes.items()}
    return tiny_settings(Path(str(changes["data.root"])), **{**given, **others})


@pytest.fixture(scope="module")
def alone(changes: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process on eight devices."""
    assert jax.device_count() == 8
    return train(settings_with(changes), tmp_path_factory.mktemp("runs") / "alone").folder


@contextlib.contextmanager
def two_processes(
    arguments: list[list[str]], variables: list[dict[str, str]], logs: Path
) -> Iterator[list[subprocess.Popen]]:
    """Two Python processes, each with its arguments; none outlives the context.

    What they print goes to `0.log` and `1.log`.
    """
    started: list[subprocess.Popen] = []
    try:
        for number in range(2):
            with (logs / f"{number}.log").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [sys.executable, *arguments[number]],
                        env=os.environ | FOUR_DEVICES | variables[number],
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        cwd=ROOT,
                    )
                )
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def explicit(port: int, number: int) -> list[str]:
    """The flags of one process of two."""
    address = f"--coordinator_address=127.0.0.1:{port}"
    return ["--distributed", address, "--num_processes=2", f"--process_id={number}"]


def command(changes: dict[str, object], workdir: Path) -> list[str]:
    """Python's arguments for a run, the same in all its processes."""
    overrides = [f"--config.{key}={value}" for key, value in changes.items()]
    return ["-c", PROGRAM, f"--config={CONFIGS / 'testing.py'}", f"--workdir={workdir}", *overrides]


def assert_same_numbers(found: Path, expected: Path) -> None:
    """The runs end with the same parameters and losses up to the order of sums."""
    left, right = load_model(found / "last.h5"), load_model(expected / "last.h5")
    for layer, part in right.params.items():
        for name, array in part.items():
            np.testing.assert_allclose(
                left.params[layer][name], array, rtol=1e-6, atol=1e-6, err_msg=f"{layer}/{name}"
            )
    assert left.description.channel_means == right.description.channel_means
    np.testing.assert_allclose(losses(found), losses(expected), rtol=1e-5)


def losses(folder: Path) -> list[float]:
    """The losses in metrics.jsonl, which has one line for each step."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["step"] for record in records] == list(range(1, STEPS + 1))
    return [record["loss"] for record in records]


def test_two_processes_make_the_steps_of_one(
    changes: dict[str, object], alone: Path, tmp_path: Path
) -> None:
    job = {"SLURM_JOB_ID": str(free_port()), "SLURM_STEP_NODELIST": "localhost"}
    slurm = [
        job | {"SLURM_NTASKS": "2", "SLURM_PROCID": number, "SLURM_LOCALID": number}
        for number in ("0", "1")
    ]
    arguments = [*command(changes, tmp_path / "run"), "--distributed"]
    with two_processes([arguments] * 2, slurm, tmp_path) as pair:
        codes = [process.wait(PATIENCE_SECONDS) for process in pair]
    logs = [(tmp_path / f"{number}.log").read_text() for number in range(2)]
    assert codes == [0, 0], logs
    assert ["trained: weights of the last step in" in log for log in logs] == [True, False]
    assert [f"step {STEPS} of {STEPS}: " in log for log in logs] == [True, False]
    assert_same_numbers(tmp_path / "run", alone)
    assert names(tmp_path / "run") == names(alone)
    assert names(tmp_path / "run" / "checkpoints") == ["4", "6"]


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


NOTICED = ("another task died", "Received data size doesn't match")
"""What JAX says of it: that no heartbeat came, or what an exchange that was under way met."""


@pytest.mark.parametrize(("killed", "launcher"), [(0, "pmap"), (1, "jit")])
def test_when_one_is_killed_the_other_ends_and_one_process_goes_on(
    changes: dict[str, object], alone: Path, tmp_path: Path, killed: int, launcher: str
) -> None:
    port, folder = free_port(), tmp_path / "run"
    arguments = [[*command(changes, folder), *explicit(port, number)] for number in range(2)]
    with two_processes(arguments, [{}, {}], tmp_path) as pair:
        wait_for_step(3, folder / "metrics.jsonl", pair)
        os.kill(pair[killed].pid, signal.SIGKILL)
        left_over = pair[1 - killed].wait(LIMIT_SECONDS)
    log = (tmp_path / f"{1 - killed}.log").read_text()
    assert left_over != 0
    assert any(said in log for said in NOTICED), log
    assert processes.HEARTBEAT_SECONDS <= LIMIT_SECONDS - 30

    saved = names(folder / "checkpoints")
    assert "2" in saved or "4" in saved
    train(settings_with(changes, training__launcher=launcher), folder)
    assert_same_numbers(folder, alone)


def wait_for_step(step: int, metrics: Path, pair: list[subprocess.Popen]) -> None:
    """Returns when the measurements of a step are written and both processes are at work."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (metrics.exists() and f'"step": {step}' in metrics.read_text()):
        assert time.monotonic() < end
        assert [process.poll() for process in pair] == [None, None]
        time.sleep(0.005)


def test_what_processes_tell_each_other(tmp_path: Path) -> None:
    program, address = (
        str(ROOT / "tests" / "training" / "agreeing_process.py"),
        f"127.0.0.1:{free_port()}",
    )
    commands = [[program, address, str(number)] for number in range(2)]
    with two_processes(commands, [{}, {}], tmp_path) as pair:
        codes = [process.wait(PATIENCE_SECONDS) for process in pair]
    logs = [(tmp_path / f"{number}.log").read_text() for number in range(2)]
    assert codes == [3, 3], logs
    assert "process 1: no 'wéights'" in logs[0]
    assert "process 1" not in logs[1]


def test_alone_there_is_nobody_to_wait_for() -> None:
    with joined(None):
        tree = {"a": np.ones(3)}
        assert from_first(tree) is tree
        agree("settings", 1)
        with pytest.raises(KeyError), together():
            raise KeyError


def test_who_cannot_be_found_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", refuse)
    said = r"coordinator_address should .* --process_id=0..N-1"
    with pytest.raises(UsageError, match=said), joined(ProcessGroup()):
        raise AssertionError
