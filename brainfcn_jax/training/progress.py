"""What people see of a training run while it goes on (output)."""

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

from brainfcn_jax.runtime.messages import say
from brainfcn_jax.text import Detail
from brainfcn_jax.training.time_left import TimeLeft, in_words


class Progress:
    """Shows on stderr how far a run is. Use as a context manager.

    On a terminal it is a bar. Where no person watches, as under Slurm or nohup, it is a line every
    `seconds_between_lines`, and one at the end. With the `detail` "quiet" there is neither; with
    "verbose" there is also a line for every validation.
    """

    def __init__(
        self,
        steps: int,
        first_step: int = 0,
        detail: Detail = "normal",
        seconds_between_lines: float = 30.0,
    ) -> None:
        self._steps = steps
        self._detail = detail
        self._has_bar = sys.stderr.isatty()
        self._seconds_between_lines = seconds_between_lines
        self._said_at = time.perf_counter()
        self._unsaid = ""
        self._time_left = TimeLeft(steps)
        self._compiled = False
        if first_step and detail != "quiet":
            say(f"going on after step {first_step} of {steps}")
        self._bar = tqdm(
            total=steps,
            initial=first_step,
            unit="step",
            dynamic_ncols=True,
            disable=detail == "quiet" or not self._has_bar,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._say_line()

    def step_done(self, step: int, loss: float, images_per_second: float) -> None:
        """Show the numbers of a step."""
        now = time.perf_counter()
        left_s = self._time_left.after(step, now)
        numbers = f"loss {loss:.4g}, {images_per_second:.3g} images/s"
        if self._has_bar:
            self._bar.set_postfix_str(numbers, refresh=False)
            self._move_bar(step)
            return
        left = f", {in_words(left_s)} left" if left_s else ""
        self._unsaid = f"step {step} of {self._steps}: {numbers}{left}"
        if now - self._said_at >= self._seconds_between_lines or step == self._steps:
            self._said_at = now
            self._say_line()

    def paused(self, seconds: float) -> None:
        """Leave out a time in which no step was made, such as that of a validation."""
        self._time_left.paused(seconds)

    def validated(self, step: int, dice: Mapping[str, float], mean_dice: float) -> None:
        """Show the Dice of each tissue after a step, if that much is wanted."""
        if self._detail == "verbose":
            of_tissues = ", ".join(f"{tissue} {value:.3f}" for tissue, value in dice.items())
            say(f"step {step}: mean Dice {mean_dice:.3f} ({of_tissues})")

    def _say_line(self) -> None:
        if self._unsaid and self._detail != "quiet":
            say(self._unsaid)
        self._unsaid = ""

    def _move_bar(self, step: int) -> None:
        """Move the bar on; its clock starts after the first step, most of which is compilation."""
        if self._compiled:
            self._bar.update()
            return
        self._compiled = True
        self._bar.initial = self._bar.n = self._bar.last_print_n = step
        self._bar.unpause()
        self._bar.refresh()
