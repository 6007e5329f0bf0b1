"""Checkpoints of a training run: the state after a step, complete or not there at all (orbax)."""

from pathlib import Path
from types import TracebackType

from absl import logging
from orbax.checkpoint import v1 as ocp

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.train_step import TrainState

KEPT = 2

_DAMAGE = (OSError, ValueError, TypeError, KeyError)
"""What orbax raises for a checkpoint with missing, cut or altered files."""

_REFUSED = (OSError, ValueError)
"""What orbax raises when it cannot write (ValueError: tensorstore's, as for a full disk)."""


class Checkpoints:
    """The checkpoints in a folder: the last two are kept, each written whole or not at all.

    Use as a context manager. A checkpoint has its final name only when all of it is written, so
    a run that is killed while saving finds the one before. OutputError when the folder cannot be
    made or read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        try:
            self._checkpointer = ocp.training.Checkpointer(
                self._folder,
                preservation_policy=ocp.training.preservation_policies.LatestN(KEPT),
                cleanup_tmp_directories=True,
            )
        except _REFUSED as error:
            raise OutputError(f"'{folder}' cannot hold checkpoints: {_reason(error)}") from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._checkpointer.close()
        except _REFUSED as refused:  # the failure of a save, which has been raised, comes again
            if error is None:
                raise OutputError(
                    f"the checkpoints in '{self._folder}' cannot be finished: {_reason(refused)}"
                ) from refused

    def save(self, step: int, state: TrainState) -> None:
        """Writes the state after `step` steps, and returns when it is on disk.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._checkpointer.save(step, state, force=True, overwrite=True)
        except _REFUSED as error:
            raise OutputError(
                f"cannot write the checkpoint of step {step} to '{self._folder}': "
                f"{_reason(error)}; free some space, then run the same command to go on from the "
                "one before"
            ) from error

    def restore_latest(self, abstract_state: TrainState) -> tuple[int, TrainState] | None:
        """The newest readable checkpoint's step and state; None when there is no checkpoint.

        Args:
            abstract_state: shapes, dtypes and shardings of the state, as `devices.abstract`
                gives them.

        A checkpoint that cannot be read is moved to a folder beside, with a warning, and the one
        before is taken.

        Raises:
            TrainingError: there are checkpoints and none can be read.
            OutputError: a checkpoint that cannot be read cannot be moved.
        """
        steps = sorted((int(found.step) for found in self._checkpointer.checkpoints), reverse=True)
        damaged: list[int] = []
        for step in steps:
            try:
                state = self._checkpointer.load(step, abstract_state)
            except _DAMAGE as error:
                damaged.append(step)
                logging.warning(
                    "the checkpoint of step %d in '%s' cannot be read (%s); trying the one before",
                    step,
                    self._folder,
                    type(error).__name__,
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

    def _set_aside(self, steps: list[int]) -> None:
        """Moves checkpoints out of the way, so that they never push out a readable one."""
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
        if steps:
            self._checkpointer.reload()


def _reason(error: Exception) -> str:
    """An error's message in one line."""
    return " ".join(str(error).split())
