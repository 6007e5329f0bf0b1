"""What a run measures: losses, speed and Dice, in `metrics.jsonl` (input/output)."""

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.training.progress import Progress

Record = dict[str, Any]


class Measurements:
    """Follows a run one step behind it, so that the device never waits to be asked.

    `metrics.jsonl` gets a line {"step", "loss", "gradient_norm", "parameter_norm",
    "images_per_second"} every `log_every` steps (the loss is the mean over the steps since the
    line before) and a line {"step", "dice", "mean_dice"} at every validation. Lines of steps after
    `first_step` are left from a run that was stopped, and are dropped. `progress` shows each step.

    Attributes:
        records: all lines so far.
    """

    def __init__(
        self, path: Path, progress: Progress, *, first_step: int, steps: int, log_every: int
    ) -> None:
        self.records = [record for record in read_records(path) if record["step"] <= first_step]
        self._path = path
        self._progress = progress
        self._steps = steps
        self._log_every = log_every
        self._waiting: tuple[int, Mapping[str, Any]] | None = None
        self._losses: list[float] = []
        self._images = 0.0
        self._since = time.perf_counter()
        with new_file(path, overwrite=True) as temporary:
            temporary.write_text("".join(json.dumps(record) + "\n" for record in self.records))

    def step_done(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Take the metrics of step number `step` (the first is 1) and report the one before.

        Raises:
            OutputError: the measurements cannot be written.
            TrainingError: a number of the step before is not finite.
        """
        previous, self._waiting = self._waiting, (step, metrics)
        if previous is not None:
            self._report(*previous)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Report the step that is still waiting; what then is done inside takes no time.

        Raises:
            TrainingError: a number of that step is not finite.
        """
        previous, self._waiting = self._waiting, None
        if previous is not None:
            self._report(*previous)
        start = time.perf_counter()
        yield
        paused = time.perf_counter() - start
        self._since += paused
        self._progress.paused(paused)

    def validated(self, step: int, dice: Mapping[str, float]) -> bool:
        """Record the Dice of each tissue after a step; return whether their mean is the best.

        Raises:
            OutputError: the measurements cannot be written.
        """
        best = best_validation(self.records)
        mean_dice = sum(dice.values()) / len(dice) if dice else 0.0
        self._record({"step": step, "dice": dict(dice), "mean_dice": mean_dice})
        self._progress.validated(step, dice, mean_dice)
        return best is None or mean_dice > best["mean_dice"]

    def _report(self, step: int, metrics: Mapping[str, Any]) -> None:
        numbers = {name: float(value) for name, value in metrics.items()}
        check_finite(step, numbers)
        self._losses.append(numbers["loss"])
        self._images += numbers["images"]
        rate = self._images / max(time.perf_counter() - self._since, 1e-9)
        self._progress.step_done(step, numbers["loss"], rate)
        if is_due(step, self._log_every, self._steps):
            self._record(
                {
                    "step": step,
                    "loss": sum(self._losses) / len(self._losses),
                    "gradient_norm": numbers["gradient_norm"],
                    "parameter_norm": numbers["parameter_norm"],
                    "images_per_second": round(rate, 3),
                }
            )
            self._losses, self._images, self._since = [], 0.0, time.perf_counter()

    def _record(self, record: Record) -> None:
        self.records.append(record)
        try:
            with self._path.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise OutputError(
                f"'{self._path}' cannot be written: {error.strerror or error}; free some "
                "space, then run the same command to go on from the last checkpoint"
            ) from error


def best_validation(records: list[Record]) -> Record | None:
    """Return the record of the best mean Dice, the first of several; None without validations."""
    validations = [record for record in records if "dice" in record]
    return max(validations, key=lambda record: record["mean_dice"], default=None)


def is_due(step: int, every: int, last: int) -> bool:
    """Return whether something that is done every so many steps is due after step number `step`.

    Steps are counted from 1; the last one is always due.
    """
    return step % every == 0 or step == last


def check_finite(step: int, numbers: Mapping[str, float]) -> None:
    """Raise TrainingError, naming the step, when a number of it is not finite."""
    bad = [f"{name} {value}" for name, value in numbers.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"step {step}: {', '.join(bad)}: the training has diverged and was stopped; the last "
            "checkpoint and weights are from before. Use another --workdir with a lower "
            "--config.optimizer.learning_rate"
        )


def read_records(path: Path) -> list[Record]:
    """Return the lines of a metrics file; a last line that was not finished is left out.

    Raises:
        TrainingError: the file cannot be read, or another line is damaged.
    """
    try:
        lines = path.read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"'{path}' cannot be read ({error}); move it elsewhere") from error
    return [_parsed(path, number, line) for number, line in enumerate(lines, start=1) if line]


def _parsed(path: Path, number: int, line: str) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not _is_record(record):
        raise TrainingError(
            f"line {number} of '{path}' is damaged; delete the line to go on with the run"
        )
    return record


def _is_record(record: Any) -> bool:
    """Return whether a line holds what `Measurements` writes."""
    if not isinstance(record, dict) or not isinstance(record.get("step"), int):
        return False
    if "dice" in record:
        dice, mean_dice = record["dice"], record.get("mean_dice")
        return isinstance(dice, dict) and isinstance(mean_dice, int | float)
    return isinstance(record.get("loss"), int | float)
