"""Checkpoints: exact, complete or not there, and the one before when the newest is damaged."""

import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from absl import logging
from orbax import checkpoint as ocp

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.training.checkpoints import Checkpoints
from brainfcn_jax.training.devices import abstract
from brainfcn_jax.training.step import TrainState, initial_state


def state_after(step: int) -> TrainState:
    """A state whose numbers depend on the step."""
    kernel = jax.random.normal(jax.random.key(step), (3, 3, 64, 64))
    params = {"conv1_1": {"kernel": kernel, "bias": jnp.full(64, 1e-10 * step)}}
    state = initial_state(jax.random.key(99), params, optax.sgd(0.1, momentum=0.9))
    return state._replace(step=jnp.int32(step))


def assert_equal(found: TrainState, expected: TrainState) -> None:
    """The same structure and the same bits."""

    def same(left: jax.Array, right: jax.Array) -> None:
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)

    assert found.key.dtype == expected.key.dtype
    jax.tree.map(same, plain(found), plain(expected))


def plain(state: TrainState) -> TrainState:
    """The state with its key as numbers."""
    return state._replace(key=jax.random.key_data(state.key))


def save(folder: Path, *steps: int) -> None:
    """Saves the states after these steps."""
    checkpoints = Checkpoints(folder)
    for step in steps:
        checkpoints.save(step, state_after(step))


def restored(folder: Path) -> tuple[int, TrainState] | None:
    """What a new process would go on from."""
    return Checkpoints(folder).restore_latest(abstract(state_after(0)))


def cut_array_files(checkpoint: Path) -> None:
    """Cuts every file of numbers in half, as a full disk might."""
    for path in (checkpoint / "state").rglob("d/*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def alter_array_files(checkpoint: Path) -> None:
    """Turns one byte in the middle of every file of numbers."""
    for path in (checkpoint / "state").rglob("d/*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(bytes(data))


def drop_arrays(checkpoint: Path) -> None:
    """Removes the folder of numbers."""
    shutil.rmtree(checkpoint / "state")


def garble_metadata(checkpoint: Path) -> None:
    """Replaces the description of the tree by something else."""
    (checkpoint / "state" / "_METADATA").write_text("{ no json")


def test_a_new_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert restored(tmp_path / "checkpoints") is None


def test_the_newest_comes_back_bit_for_bit_and_two_are_kept(tmp_path: Path) -> None:
    save(tmp_path / "c", 1, 5, 9)
    found = restored(tmp_path / "c")
    assert found is not None
    assert found[0] == 9
    assert_equal(found[1], state_after(9))
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["5", "9"]


@pytest.mark.parametrize(
    "damage", [cut_array_files, alter_array_files, drop_arrays, garble_metadata]
)
def test_a_damaged_newest_gives_the_one_before_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    save(tmp_path / "c", 4, 8)
    damage(tmp_path / "c" / "8")
    found = restored(tmp_path / "c")
    assert found is not None
    assert found[0] == 4
    assert_equal(found[1], state_after(4))
    assert "step 8" in capsys.readouterr().err
    # The damaged one is out of the way: it never pushes out a readable one.
    save(tmp_path / "c", 6)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["4", "6"]
    assert [path.name for path in (tmp_path / "c_damaged").iterdir()] == ["8-0"]


def test_what_others_log_while_a_checkpoint_is_written_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writes = ocp.Checkpointer.save

    def log_and_save(self: ocp.Checkpointer, *arguments: Any, **options: Any) -> None:
        logging.warning("the device is hot")
        writes(self, *arguments, **options)

    monkeypatch.setattr(ocp.Checkpointer, "save", log_and_save)
    with caplog.at_level("INFO"):
        save(tmp_path / "c", 4)
    assert [record.message for record in caplog.records] == ["the device is hot"]


def test_when_none_can_be_read_nothing_is_started_over(tmp_path: Path) -> None:
    save(tmp_path / "c", 4, 8)
    for step in ("4", "8"):
        cut_array_files(tmp_path / "c" / step)
    with pytest.raises(TrainingError, match=r"steps \[8, 4\]"):
        restored(tmp_path / "c")
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["4", "8"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/c' cannot hold checkpoints: "):
        Checkpoints(tmp_path / "file" / "c")


def test_a_damaged_one_that_cannot_be_moved_is_named(tmp_path: Path) -> None:
    save(tmp_path / "c", 4, 8)
    drop_arrays(tmp_path / "c" / "8")
    (tmp_path / "c_damaged").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot be moved to '.*c_damaged'"):
        restored(tmp_path / "c")


def test_a_full_disk_is_one_error_that_names_the_folder(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"checkpoint of step 4 to '.*c'"):
            save(tmp_path / "c", 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_half_written_or_half_deleted_is_not_there_and_goes(tmp_path: Path) -> None:
    save(tmp_path / "c", 4)
    for left in ("8.orbax-checkpoint-tmp", ".2.removed"):
        shutil.copytree(tmp_path / "c" / "4", tmp_path / "c" / left)
    found = restored(tmp_path / "c")
    assert found is not None
    assert found[0] == 4
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["4"]


def test_a_state_of_another_network_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path / "c", 4)
    other = state_after(0)
    params = {"conv1_1": {"kernel": jnp.zeros((3, 3, 3, 2)), "bias": jnp.zeros(2)}}
    with pytest.raises(TrainingError):
        Checkpoints(tmp_path / "c").restore_latest(abstract(other._replace(params=params)))


def test_the_same_step_is_saved_again(tmp_path: Path) -> None:
    save(tmp_path / "c", 4)
    Checkpoints(tmp_path / "c").save(4, state_after(5))
    found = restored(tmp_path / "c")
    assert found is not None
    assert_equal(found[1], state_after(5))
