"""Checkpoints of a training run: the state after a step, complete or not there at all (orbax)."""

import contextlib
import errno
import logging as standard_logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from orbax import checkpoint as ocp

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.runtime.messages import warn
from brainfcn_jax.training.step import TrainState

KEPT = 2

_UNFINISHED = "*.orbax-checkpoint-tmp*"
"""Names of folders that orbax is still writing; it renames them when all is there."""

_REMOVED = ".{step}.removed"
"""Name of a checkpoint that is being deleted."""

_DAMAGE = (OSError, ValueError, TypeError, KeyError)
"""What orbax raises for a checkpoint with missing, cut or altered files."""

_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))

_REFUSED = (OSError, ValueError)
"""What orbax raises when it cannot write (ValueError: tensorstore's, as for a full disk)."""


class Checkpoints:
    """The checkpoints in a folder: the last two are kept, each written whole or not at all.

    A checkpoint has its final name only when all of it is written, so a run that is killed while
    saving finds the one before. Of the processes of a run the first alone may use the folder.
    OutputError when it cannot be made or read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in list(self._folder.iterdir()):
                if path.match(_UNFINISHED) or path.match(_REMOVED.format(step="*")):
                    shutil.rmtree(path)
        except OSError as error:
            raise OutputError(f"'{folder}' cannot hold checkpoints: {_reason(error)}") from error

    def save(self, step: int, state: TrainState) -> None:
        """Write the state after `step` steps, and return when it is on disk.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            saved = ocp.args.Composite(state=ocp.args.StandardSave(_as_saved(state)))
            with _checkpointer() as checkpointer:
                checkpointer.save(self._folder / str(step), args=saved, force=True)
            for old in self._steps()[KEPT:]:
                removed = self._folder / _REMOVED.format(step=old)
                shutil.rmtree((self._folder / str(old)).rename(removed))
        except _REFUSED as error:
            raise OutputError(
                f"cannot write the checkpoint of step {step} to '{self._folder}': "
                f"{_reason(error)}; free some space, then run the same command to go on from the "
                "one before"
            ) from error

    def restore_latest(self, abstract_state: TrainState) -> tuple[int, TrainState] | None:
        """Return the newest readable checkpoint's step and state; None when there is no checkpoint.

        Args:
            abstract_state: shapes, dtypes and shardings of the state, as `devices.abstract`
                gives them; on how many devices it was saved does not matter.

        A checkpoint that cannot be read is moved to a folder beside, with a warning, and the one
        before is taken.

        Raises:
            TrainingError: there are checkpoints and none can be read.
            OutputError: a checkpoint that cannot be read cannot be moved.
        """
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(abstract_state))
        damaged: list[int] = []
        for step in self._steps():
            try:
                with _checkpointer() as checkpointer:
                    found = checkpointer.restore(self._folder / str(step), args=wanted)
                state: TrainState = found.state
            except _DAMAGE as error:
                damaged.append(step)
                warn(
                    f"the checkpoint of step {step} in '{self._folder}' cannot be read "
                    f"({type(error).__name__}); trying the one before"
                )
            else:
                self._set_aside(damaged)
                return step, state
        if damaged:
            raise TrainingError(
                f"none of the checkpoints in '{self._folder}' (steps {damaged}) can be read; "
                "start again with another --workdir"
            )
        return None

    def _steps(self) -> list[int]:
        """Return the steps that there are checkpoints of, newest first."""
        names = (path.name for path in self._folder.iterdir())
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def _set_aside(self, steps: list[int]) -> None:
        """Move checkpoints out of the way, so that they never push out a readable one."""
        beside = self._folder.with_name(self._folder.name + "_damaged")
        try:
            for step in steps:
                beside.mkdir(exist_ok=True)
                number = len(list(beside.iterdir()))
                (self._folder / str(step)).rename(beside / f"{step}-{number}")
        except OSError as error:
            raise OutputError(
                f"damaged checkpoints cannot be moved to '{beside}': {_reason(error)}"
            ) from error


@contextlib.contextmanager
def _checkpointer() -> Iterator[ocp.Checkpointer]:
    """Let orbax read and write in the first process, without a word to the others.

    Where there are others, orbax only does so for processes that each have a disk of their own
    (`primary_host=None`). Its own log is silent: what goes wrong is raised too.
    """
    log = logging.get_absl_logger()
    log.addFilter(_not_of_orbax)
    try:
        several = jax.process_count() > 1
        alone = ocp.options.MultiprocessingOptions(
            primary_host=None if several else 0, active_processes={0}
        )
        options = ocp.CompositeOptions(multiprocessing_options=alone)
        arrays = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
        handler = ocp.CompositeCheckpointHandler(composite_options=options, state=arrays)
        with ocp.Checkpointer(handler, multiprocessing_options=alone) as checkpointer:
            yield checkpointer
    finally:
        log.removeFilter(_not_of_orbax)


def _not_of_orbax(record: standard_logging.LogRecord) -> bool:
    return "orbax" not in Path(record.pathname).parts


def _as_saved(state: TrainState) -> TrainState:
    """Return the state as orbax takes it: of several processes no array on one's devices.

    Numbers then come from the host, and the key, which is no array there, from all devices.
    """
    if jax.process_count() == 1:
        return state
    key_data = np.asarray(jax.random.key_data(state.key))
    everywhere = NamedSharding(Mesh(np.asarray(jax.devices()), ("devices",)), PartitionSpec())
    shared = jax.make_array_from_callback(key_data.shape, everywhere, key_data.__getitem__)
    step, params, opt_state = jax.device_get((state.step, state.params, state.opt_state))
    return TrainState(step, params, opt_state, jax.random.wrap_key_data(shared))


def _reason(error: Exception) -> str:
    """Return an error's message in one line; only that the disk is full where it says so."""
    said = " ".join(str(error).split())
    return next((full for full in _FULL if full in said), said)
