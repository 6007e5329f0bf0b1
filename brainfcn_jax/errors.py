"""The errors a user can cause, each with the exit code its command ends with."""

from collections.abc import Sequence

_MOST_NAMED = 9


class BrainfcnError(Exception):
    """Base of all errors whose message is meant for the user; ends with exit code 1."""

    exit_code = 1


class InputError(BrainfcnError, ValueError):
    """A scan, label map or data folder that cannot be used."""


class UsageError(BrainfcnError, ValueError):
    """A flag or config value that makes no sense; ends with exit code 2."""

    exit_code = 2


class WeightsError(BrainfcnError, ValueError):
    """Weights that are missing, damaged or of another network; ends with exit code 3."""

    exit_code = 3


class OutputError(BrainfcnError, OSError):
    """A result that cannot be written (it exists already, the disk is full, no permission)."""


class TrainingError(BrainfcnError, RuntimeError):
    """A training run that cannot go on (a loss that is not finite)."""


class ProcessError(BrainfcnError, RuntimeError):
    """Another process of the run failed; ends with that one's exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ClusterError(BrainfcnError, RuntimeError):
    """A cluster of machines that cannot be reached or would give other results."""


def printable(text: str) -> str:
    """A text that stays one line of a screen: control characters and undecoded bytes escaped.

    File names may hold both: a line's end would fake a second message, an escape sequence would
    command the terminal.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def first_few(names: Sequence[object]) -> str:
    """Names for a message: the first nine, and how many more there are."""
    further = len(names) - _MOST_NAMED
    shown = ", ".join(map(str, names[:_MOST_NAMED]))
    return shown if further <= 0 else f"{shown} and {further} more"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, which may be many."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
