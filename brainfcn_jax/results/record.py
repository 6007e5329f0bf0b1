"""The manifest of a folder of results: what was made of which scan, and how (input/output).

One JSON file, rewritten whole after every scan, tells what is finished. It holds file names below
the folder or without any folder, never a path that leads elsewhere.
"""

import contextlib
import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar, get_args

from brainfcn_jax.errors import InputError
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.runtime.locks import Claims

MANIFEST = "brainfcn_manifest.json"
FORMAT, FORMAT_VERSION = "brainfcn_jax.manifest", 1

Status = Literal["writing", "done", "failed"]

_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class FileState:
    """What a file held at one moment.

    Attributes:
        file: its name, below the folder of results if it lies there.
        bytes: its size.
        modified: when it was changed last, in seconds since 1970, by its file system's clock.
        sha256: of its contents.
    """

    file: str
    bytes: int
    modified: float
    sha256: str


@dataclass(frozen=True)
class Summary:
    """What the tables and the page of all scans tell of one.

    Attributes:
        verdict: of its quality, "PASS" or "CHECK".
        flags: why somebody should look at it.
        mean_entropy: of the labelled voxels, 0 to 1; None where nothing is labelled.
        volumes_mm3: of each row of its volumes table, by abbreviation.
    """

    verdict: str
    flags: tuple[Flag, ...]
    mean_entropy: float | None
    volumes_mm3: Mapping[str, float]


@dataclass(frozen=True)
class Record:
    """What became of one scan.

    Attributes:
        status: "writing" from just before its first file until after its last; "done"; "failed".
        inputs: the scan, and its reference if any, by these words.
        request: what else decides the results: version, weights, settings.
        outputs: its files once they are whole.
        writing: names of the files that a run that was stopped may have begun to write.
        seconds: wall time of each step.
        summary: what is told of it among others; None without results.
        failure: why there are no results, in one line.
    """

    status: Status
    inputs: Mapping[str, FileState]
    request: Mapping[str, Any]
    outputs: tuple[FileState, ...] = ()
    writing: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    summary: Summary | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Contents:
    """What a manifest holds.

    Attributes:
        scans: the records by the names of their scans.
        group: names of the files about all scans, which runs replace.
    """

    scans: Mapping[str, Record] = field(default_factory=dict)
    group: tuple[str, ...] = ()


class Manifest:
    """The manifest of one folder; runs that share the folder take turns in changing it.

    Safe to use from several threads.
    """

    def __init__(self, folder: Path, claims: Claims) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self._claims = claims
        self._one_thread = threading.Lock()

    def read(self) -> Mapping[str, Record]:
        """The records by the names of their scans; none when there is no manifest yet.

        Raises:
            InputError: the file cannot be read, or is no manifest.
        """
        return read_manifest(self.path).scans

    def record(self, records: Mapping[str, Record]) -> None:
        """Puts records in, in place of those of the same names; raises as `changing`."""
        with self.changing() as change:
            before = change.contents
            change.contents = dataclasses.replace(before, scans={**before.scans, **records})

    @contextlib.contextmanager
    def changing(self) -> Iterator["Change"]:
        """Gives what the manifest holds, to be replaced, while no other run changes it.

        Raises:
            InputError: there is a file of this name that is no manifest.
            OutputError: it cannot be written.
        """
        with self._one_thread, self._claims.turn():
            before = read_manifest(self.path)
            change = Change(before)
            yield change
            if change.contents is before:
                return
            with new_file(self.path, overwrite=True) as temporary:
                temporary.write_text(_as_json(change.contents), encoding="utf-8")


@dataclass
class Change:
    """What a manifest is to hold."""

    contents: Contents


def read_manifest(path: Path) -> Contents:
    """What a manifest holds, nothing when there is none; raises as `Manifest.read` does."""
    try:
        found = json.loads(path.read_text("utf-8"))
        if (found["format"], found["version"]) != (FORMAT, FORMAT_VERSION):
            raise ValueError
        return Contents(
            scans={_inside(name): _record(record) for name, record in found["scans"].items()},
            group=_texts(found["group"]),
        )
    except FileNotFoundError:
        return Contents()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"'{path}' is damaged or no manifest of this version; move it elsewhere, or choose "
            "another --out_dir"
        ) from error


def file_state(path: str | Path, name: str) -> FileState:
    """What a file holds now, told under a name; InputError when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found = Path(path).stat()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    return FileState(name, found.st_size, found.st_mtime, digest)


def output_states(folder: Path, files: Iterable[Path]) -> tuple[FileState, ...]:
    """What result files hold now, named below their folder; InputError as `file_state`."""
    return tuple(file_state(path, below(folder, path)) for path in files)


def below(folder: Path, path: Path) -> str:
    """A file's path below a folder, with "/"."""
    return path.relative_to(folder).as_posix()


def _record(found: Any) -> Record:
    """A record from JSON; raises TypeError, LookupError or ValueError for anything else."""
    status = found["status"]
    if status not in get_args(Status):
        raise ValueError(status)
    return Record(
        status=status,
        inputs={name: _state(state) for name, state in found["inputs"].items()},
        request=_of(dict, found["request"]),
        outputs=tuple(map(_state, found["outputs"])),
        writing=_texts(found["writing"]),
        seconds=_numbers(found["seconds"]),
        summary=None if found["summary"] is None else _summary(found["summary"]),
        failure=None if found["failure"] is None else _of(str, found["failure"]),
    )


def _as_json(contents: Contents) -> str:
    scans = contents.scans
    whole = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "scans": {name: dataclasses.asdict(scans[name]) for name in sorted(scans)},
        "group": contents.group,
    }
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(_of(str, text) for text in _of(list, found))


def _inside(name: str) -> str:
    """A scan's name, which must not lead out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise ValueError(name)
    return name


def _summary(found: Any) -> Summary:
    flags = [Flag(_of(str, flag["name"]), _of(str, flag["reason"])) for flag in found["flags"]]
    entropy = found["mean_entropy"]
    return Summary(
        verdict=_of(str, found["verdict"]),
        flags=tuple(flags),
        mean_entropy=None if entropy is None else float(entropy),
        volumes_mm3=_numbers(found["volumes_mm3"]),
    )


def _numbers(found: Any) -> dict[str, float]:
    return {name: float(number) for name, number in found.items()}


def _state(found: Any) -> FileState:
    return FileState(
        file=_of(str, found["file"]),
        bytes=_of(int, found["bytes"]),
        modified=float(found["modified"]),
        sha256=_of(str, found["sha256"]),
    )


def _of(kind: type[_Kind], value: Any) -> _Kind:
    if not isinstance(value, kind):
        raise TypeError(type(value))
    return value
