"""The errors a user can cause, each with the exit code its command ends with."""


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
