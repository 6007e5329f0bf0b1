"""The folder of one training run: what lies where in it, and whose it is."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from brainfcn_jax.errors import OutputError, UsageError
from brainfcn_jax.runtime.atomic_files import new_file, remove_unfinished, unfinished
from brainfcn_jax.runtime.locks import lock
from brainfcn_jax.runtime.messages import warn
from brainfcn_jax.training.settings import Settings

_MAY_CHANGE = ("training.launcher",)
"""Settings of which a run does not depend: it may go on with others."""


@dataclass(frozen=True)
class Workdir:
    """The files of a run.

    Attributes:
        folder: holds all the others.
    """

    folder: Path

    @property
    def settings(self) -> Path:
        """The settings of the run, as JSON."""
        return self.folder / "settings.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the states to go on from."""
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        """What was measured on the way, one JSON object a line."""
        return self.folder / "metrics.jsonl"

    @property
    def curve(self) -> Path:
        """Picture of loss and Dice against steps."""
        return self.folder / "training_curve.png"

    @property
    def best(self) -> Path:
        """Weights with the best Dice on the validation subjects."""
        return self.folder / "best.h5"

    @property
    def last(self) -> Path:
        """Weights of the newest checkpoint."""
        return self.folder / "last.h5"


def find_workdir(folder: Path, settings: Settings) -> Workdir:
    """Return the folder as that of the run with these settings; nothing is written yet.

    Raises:
        UsageError: the folder holds a run with other settings, named in the message.
        OutputError: the folder holds something else.
    """
    workdir = Workdir(folder)
    try:
        occupied = folder.exists() and bool(set(folder.iterdir()) - unfinished(folder))
        found = _read_settings(workdir.settings) if workdir.settings.exists() else None
    except (OSError, ValueError) as error:
        raise OutputError(
            f"'{folder}' cannot be used as the folder of a training run ({error}); "
            "choose another with --workdir=DIR"
        ) from error
    if found is not None:
        _refuse_other_settings(folder, found, _as_json(settings))
    elif occupied:
        raise OutputError(
            f"'{folder}' holds files that are not of a training run; "
            "choose an empty or a new folder with --workdir=DIR"
        )
    return workdir


def recorded_setting(folder: Path, key: str) -> Any:
    """Return a setting of the run in the folder; None where there is none that can be read."""
    try:
        return _read_settings(Workdir(folder).settings).get(key)
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def occupied(workdir: Workdir, settings: Settings) -> Iterator[None]:
    """Make the folder, mark it as that of the run with these settings, and keep others out.

    The operating system lets them in again however this process ends; on a file system or system
    without locks they are not kept out. What a killed run left of writing its files is removed.

    Raises:
        OutputError: another process trains in the folder, or it cannot be made or written to.
    """
    try:
        workdir.folder.mkdir(parents=True, exist_ok=True)
        if not workdir.settings.exists():
            with new_file(workdir.settings) as temporary:
                temporary.write_text(json.dumps(_as_json(settings), indent=2) + "\n")
        mark = workdir.settings.open("rb")
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"'{workdir.folder}' cannot be made or written to: {error.strerror or error}"
        ) from error
    with mark:
        _lock(mark, workdir.folder)
        remove_unfinished(
            (workdir.settings, workdir.metrics, workdir.curve, workdir.best, workdir.last)
        )
        yield


def flat_settings(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return every setting by its dotted key, such as "optimizer.learning_rate"."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value, key = getattr(settings, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            flat |= flat_settings(value, f"{key}.")
        else:
            flat[key] = value
    return flat


def _lock(mark: IO[bytes], folder: Path) -> None:
    """Lock an open file until it is closed; OutputError when another process has done so."""
    try:
        free = lock(mark)
    except OSError as error:
        warn(f"'{folder}' cannot be locked ({error.strerror}): train in it only once")
        return
    if not free:
        raise OutputError(
            f"another process is training in '{folder}'; wait for its end, or choose another "
            "folder with --workdir=DIR"
        )


def _read_settings(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"'{path.name}' holds no settings")
    return found


def _as_json(settings: Settings) -> dict[str, Any]:
    as_json: dict[str, Any] = json.loads(json.dumps(flat_settings(settings)))
    return as_json


def _refuse_other_settings(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = [
        f"{key} is {found.get(key)!r} there and {wanted.get(key)!r} here"
        for key in sorted((found.keys() | wanted.keys()) - set(_MAY_CHANGE))
        if found.get(key) != wanted.get(key)
    ]
    if differing:
        raise UsageError(
            f"'{folder}' holds a run of another config ({'; '.join(differing)}); "
            "choose another folder with --workdir=DIR, or the same config to go on with it"
        )
