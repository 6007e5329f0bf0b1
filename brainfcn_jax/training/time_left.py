"""How long a run will take, from its first steps (plain Python)."""

TIMED_STEPS, TIMED_SECONDS = 3, 10.0
"""So many steps, and so long, are timed before the time that is left is told."""


class TimeLeft:
    """Tells once how long the steps that are left will take, when the first ones are timed.

    The very first is not among them, since most of its time is compilation. Times are in seconds,
    of any clock.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._timed_steps = -1
        self._since = 0.0
        self._told = False

    def paused(self, seconds: float) -> None:
        """Leaves out a time in which no step was made, such as that of a validation."""
        self._since += seconds

    def after(self, step: int, now: float) -> str | None:
        """The line to be said after step number `step`; None when there is nothing to say (yet)."""
        self._timed_steps += 1
        if self._timed_steps == 0:
            self._since = now
        seconds, left = now - self._since, self._steps - step
        if self._told or self._timed_steps < TIMED_STEPS or seconds < TIMED_SECONDS or not left:
            return None
        self._told = True
        return (
            f"the {left} steps left will take about {in_words(left * seconds / self._timed_steps)}"
        )


def in_words(seconds: float) -> str:
    """A time as "40 s", "12 min" or "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
