"""How long the rest of a run will take (plain Python)."""


class TimeLeft:
    """Estimates how long the steps that are left will take, from those that were made.

    The very first is not among them, since most of its time is compilation. Times are in seconds,
    of any clock.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._timed_steps = -1
        self._since = 0.0

    def paused(self, seconds: float) -> None:
        """Leave out a time in which no step was made, such as that of a validation."""
        self._since += seconds

    def after(self, step: int, now: float) -> float | None:
        """Return the seconds left after step number `step`; None while none can be timed."""
        self._timed_steps += 1
        if self._timed_steps == 0:
            self._since = now
            return None
        return (self._steps - step) * (now - self._since) / self._timed_steps


def in_words(seconds: float) -> str:
    """Return a time as "40 s", "12 min" or "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
