"""What the user sees of a training run: a bar, a file of measurements, a picture (output)."""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from matplotlib.figure import Figure
from tqdm import tqdm

from brainfcn_jax.errors import OutputError, TrainingError
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.text import Detail
from brainfcn_jax.training.time_left import TimeLeft

Record = dict[str, Any]


class Progress:
    """Follows a run one step behind it, so that the device never waits to be asked.

    Use as a context manager. `metrics.jsonl` gets a line {"step", "loss", "gradient_norm",
    "parameter_norm", "images_per_second"} every `log_every` steps (the loss is the mean over the
    steps since the line before) and a line {"step", "dice", "mean_dice"} at every validation.
    Lines of steps after `first_step` are left from a run that was stopped, and are dropped.
    With the `detail` "quiet" there is neither a bar nor a line on stderr; with "verbose" there is
    one for every validation.
    """

    def __init__(
        self,
        metrics: Path,
        curve: Path,
        *,
        first_step: int,
        steps: int,
        log_every: int,
        detail: Detail = "normal",
    ) -> None:
        self._metrics = metrics
        self._curve = curve
        self._steps = steps
        self._log_every = log_every
        self._records = [record for record in read_records(metrics) if record["step"] <= first_step]
        _write_records(metrics, self._records)
        self._waiting: tuple[int, Mapping[str, Any]] | None = None
        self._losses: list[float] = []
        self._images = 0.0
        self._since = time.perf_counter()
        self._time_left = TimeLeft(steps)
        self._compiled = False
        self._detail = detail
        if first_step:
            self._say(f"going on after step {first_step} of {steps}")
        self._bar = tqdm(
            total=steps,
            initial=first_step,
            unit="step",
            dynamic_ncols=True,
            disable=detail == "quiet",
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    @property
    def best_mean_dice(self) -> float:
        """The best mean Dice of all validations so far; -1 before the first."""
        return max((r["mean_dice"] for r in self._records if "mean_dice" in r), default=-1.0)

    def step_done(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Takes the metrics of step number `step` (the first is 1) and reports the one before.

        Raises:
            OutputError: the measurements cannot be written.
            TrainingError: a number of the step before is not finite.
        """
        previous, self._waiting = self._waiting, (step, metrics)
        if previous is not None:
            self._report(*previous)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Reports the step that is still waiting; what then is done inside takes no time.

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
        self._time_left.paused(paused)

    def validated(self, step: int, dice: Mapping[str, float]) -> None:
        """Records the Dice of each tissue after a step; OutputError when it cannot be written."""
        mean_dice = sum(dice.values()) / len(dice) if dice else 0.0
        self._record({"step": step, "dice": dict(dice), "mean_dice": mean_dice})
        if self._detail == "verbose":
            of_tissues = ", ".join(f"{tissue} {value:.3f}" for tissue, value in dice.items())
            self._say(f"step {step}: mean Dice {mean_dice:.3f} ({of_tissues})")

    def draw(self) -> None:
        """Draws the picture of all that is recorded so far."""
        draw_curve(self._records, self._curve)

    def _report(self, step: int, metrics: Mapping[str, Any]) -> None:
        numbers = {name: float(value) for name, value in metrics.items()}
        check_finite(step, numbers)
        self._losses.append(numbers["loss"])
        self._images += numbers["images"]
        rate = self._images / max(time.perf_counter() - self._since, 1e-9)
        self._bar.set_postfix_str(f"loss {numbers['loss']:.4g}, {rate:.3g} images/s", refresh=False)
        self._move_bar(step)
        if line := self._time_left.after(step, time.perf_counter()):
            self._say(line)
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

    def _say(self, line: str) -> None:
        if self._detail != "quiet":
            tqdm.write(line, file=sys.stderr)

    def _move_bar(self, step: int) -> None:
        """Moves the bar on; its clock starts after the first step, most of which is compilation."""
        if self._compiled:
            self._bar.update()
            return
        self._compiled = True
        self._bar.initial = self._bar.n = self._bar.last_print_n = step
        self._bar.unpause()
        self._bar.refresh()

    def _record(self, record: Record) -> None:
        self._records.append(record)
        try:
            with self._metrics.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
        except OSError as error:
            raise OutputError(
                f"'{self._metrics}' cannot be written: {error.strerror or error}; free some "
                "space, then run the same command to go on from the last checkpoint"
            ) from error


def is_due(step: int, every: int, last: int) -> bool:
    """Whether something that is done every so many steps is due after step number `step`.

    Steps are counted from 1; the last one is always due.
    """
    return step % every == 0 or step == last


def check_finite(step: int, numbers: Mapping[str, float]) -> None:
    """Raises TrainingError, naming the step, when a number of it is not finite."""
    bad = [f"{name} {value}" for name, value in numbers.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"step {step}: {', '.join(bad)}: the training has diverged and was stopped; the last "
            "checkpoint and weights are from before. Use another --workdir with a lower "
            "--config.optimizer.learning_rate"
        )


def read_records(path: Path) -> list[Record]:
    """The lines of a metrics file; a last line that was not finished is left out.

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
    """Whether a line holds what `Progress` writes."""
    if not isinstance(record, dict) or not isinstance(record.get("step"), int):
        return False
    if "dice" in record:
        dice, mean_dice = record["dice"], record.get("mean_dice")
        return isinstance(dice, dict) and isinstance(mean_dice, int | float)
    return isinstance(record.get("loss"), int | float)


def draw_curve(records: list[Record], path: Path) -> None:
    """Draws loss and Dice against steps to a PNG."""
    with new_file(path, overwrite=True) as temporary:
        curve_figure(records).savefig(temporary, format="png", dpi=100)


def curve_figure(records: list[Record]) -> Figure:
    """Loss against steps, and below it the Dice of validations if there are any."""
    losses = [(r["step"], r["loss"]) for r in records if "loss" in r]
    validations = [(r["step"], r["dice"], r["mean_dice"]) for r in records if "dice" in r]
    figure = Figure(figsize=(8, 6), layout="constrained")
    loss_axes, *others = figure.subplots(2 if validations else 1, sharex=True, squeeze=False).flat
    loss_axes.plot(*zip(*losses, strict=True) if losses else ((), ()))
    loss_axes.set(ylabel="loss of an image")
    if losses and min(loss for _, loss in losses) > 0:
        loss_axes.set_yscale("log")
    for dice_axes in others:
        for tissue in validations[-1][1]:
            points = [(step, dice[tissue]) for step, dice, _ in validations if tissue in dice]
            dice_axes.plot(*zip(*points, strict=True), marker=".", label=tissue)
        means = [(step, mean) for step, _, mean in validations]
        dice_axes.plot(*zip(*means, strict=True), "k--", label="mean")
        dice_axes.legend(ncols=4, fontsize="small")
        dice_axes.set(ylabel="validation Dice", ylim=(0, 1))
    figure.axes[-1].set(xlabel="step")
    return figure


def _write_records(path: Path, records: list[Record]) -> None:
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in records))
