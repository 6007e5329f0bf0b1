"""Too little memory is told in one line that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from support.narrow import narrow_flags
from support.tiny_scans import CONFIGS, write_pairs

from brainfcn_jax.commands import runner, train
from brainfcn_jax.runtime.jax_environment import is_out_of_memory

ON_A_GPU = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.\nBufferAssignment"


@pytest.mark.parametrize(
    "said",
    [
        ON_A_GPU,
        "RESOURCE_EXHAUSTED: Failed to allocate request for 9.00GiB (9663676416B) on device 0",
        "INTERNAL: Failed to load in-memory CUBIN: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "UNKNOWN: CUDNN_STATUS_ALLOC_FAILED",
        "INTERNAL: Failed to allocate 8 bytes for new constant; CUDA_ERROR_OUT_OF_MEMORY",
    ],
)
def test_what_devices_say_is_understood(said: str) -> None:
    assert is_out_of_memory(jax.errors.JaxRuntimeError(said))


def test_what_this_processor_says_is_understood() -> None:
    with pytest.raises(jax.errors.JaxRuntimeError) as raised:
        jnp.zeros(2**60).block_until_ready()
    assert is_out_of_memory(raised.value)
    assert not is_out_of_memory(jax.errors.JaxRuntimeError("INTERNAL: illegal instruction"))


def run(folder: Path) -> int:
    """The exit code of a training run on tiny scans."""
    root = write_pairs(folder / "scans", ("sub-01", "sub-02", "sub-03"))
    argv = [
        "run_train.py", f"--config={CONFIGS / 'testing.py'}", f"--config.data.root={root}",
        f"--workdir={folder / 'run'}", *narrow_flags(folder / "model"),
    ]  # fmt: skip
    return runner.exit_code(
        lambda values: train.define_flags(values, argv), train.train_command, "", argv
    )


def failing(error: Exception) -> Callable[..., Any]:
    """A step that fails."""

    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            jax.errors.JaxRuntimeError(ON_A_GPU),
            "too small for 2 images at once, or for a validation (RESOURCE_EXHAUSTED: Out of "
            "memory while trying to allocate 9 bytes.); take fewer with "
            "--config.training.images_per_microbatch=N",
        ),
        (
            MemoryError("Unable to allocate 9 GiB"),
            "this machine's memory does not suffice (Unable to allocate 9 GiB); close what else",
        ),
    ],
)
def test_training_says_what_to_change(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
) -> None:
    monkeypatch.setattr("brainfcn_jax.training.run.launch", lambda step, launcher: failing(error))
    assert run(tmp_path) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("run_train")]
    assert len(said) == 1
    assert words in said[0]


def test_another_failure_of_the_device_shows_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = jax.errors.JaxRuntimeError("INTERNAL: the device fell off the bus")
    monkeypatch.setattr("brainfcn_jax.training.run.launch", lambda step, launcher: failing(error))
    with pytest.raises(jax.errors.JaxRuntimeError, match="fell off the bus"):
        run(tmp_path)
