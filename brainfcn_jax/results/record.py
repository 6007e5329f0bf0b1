"""The record beside each scan's results: what was made of which scan, and how (input/output).

One small JSON file a scan, written whole, last of all that is written of it. It holds file names
below the folder of results or without any folder, never a path that leads elsewhere.
"""

import dataclasses
import errno
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from brainfcn_jax.errors import InputError
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.paths import RECORD, below, make_folder
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.text import natural_order

FORMAT, FORMAT_VERSION = "brainfcn_jax.record", 2

EARLIER_MANIFEST = "brainfcn_manifest.json"
"""What earlier versions wrote for all scans together."""

_FOLDERS = ("", "sub-*/anat/", "sub-*/ses-*/anat/")
"""Where records lie below a folder of results, as patterns."""

FAILED = "FAILED"
"""How tables and pages call a scan without labels."""

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
        colours: red, green and blue of each label, by abbreviation, in the order of their values.
        model: the weight file that made the labels, without its ending.
    """

    verdict: str
    flags: tuple[Flag, ...]
    mean_entropy: float | None
    volumes_mm3: Mapping[str, float]
    colours: Mapping[str, tuple[int, int, int]]
    model: str


@dataclass(frozen=True)
class Record:
    """What became of one scan.

    Attributes:
        status: "writing" from just before its first file until after its last; "done"; "failed".
        inputs: the scan, and its reference if any, by these words.
        request: what else decides the results: version, weights, settings.
        outputs: its files once they are whole; those of an earlier run unless it is "done".
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

    @property
    def verdict(self) -> str:
        """The verdict in tables and pages of all scans."""
        return FAILED if self.summary is None else self.summary.verdict


def summary_of(segmented: SegmentedScan, model: str) -> Summary:
    """Return what is told of a scan among others; `model` made its labels."""
    quality = segmented.quality
    return Summary(
        verdict=quality.verdict,
        flags=quality.flags,
        mean_entropy=quality.measurements.get("mean_entropy"),
        volumes_mm3={row.abbreviation: row.volume_mm3 for row in segmented.volumes},
        colours={label.abbreviation: label.colour for label in segmented.description.labels},
        model=model,
    )


def write_record(path: Path, record: Record) -> None:
    """Write a record in place of an earlier one; OutputError when it cannot be written."""
    whole = {"format": FORMAT, "version": FORMAT_VERSION, **dataclasses.asdict(record)}
    make_folder(path.parent)
    with new_file(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_record(path: Path) -> Record | None:
    """Read a record; return None when there is none, or none can be, its name being too long.

    Raises:
        InputError: the file cannot be read, or is no record.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        if (found["format"], found["version"]) != (FORMAT, FORMAT_VERSION):
            raise ValueError
        return _record(found)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"'{path}' is damaged or no record of this version; move it elsewhere, or choose "
            "another --out_dir"
        ) from error


def find_records(root: Path) -> dict[str, Record]:
    """Read all records of a folder of results, by the names of their scans in natural order.

    Raises:
        InputError: one of them cannot be read, or is no record.
    """
    found = {}
    for folder in _FOLDERS:
        for path in root.glob(f"{folder}*_{RECORD}"):
            if (record := read_record(path)) is not None:
                found[below(root, path).removesuffix(f"_{RECORD}")] = record
    return {name: found[name] for name in sorted(found, key=natural_order)}


def refuse_earlier_manifest(root: Path) -> None:
    """Raise InputError, which says what to do, for results of a version without records."""
    if (root / EARLIER_MANIFEST).exists():
        raise InputError(
            f"'{root}' holds results of an earlier version, told in {EARLIER_MANIFEST}, which is "
            "no longer read; choose another --out_dir, or delete that file and give --overwrite"
        )


def file_state(path: str | Path, name: str) -> FileState:
    """Read what a file holds now, told under a name; InputError when it cannot be read."""
    try:
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        found = Path(path).stat()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    return FileState(name, found.st_size, found.st_mtime, digest)


def output_states(folder: Path, files: Iterable[Path]) -> tuple[FileState, ...]:
    """Read what result files hold now, named below their folder; InputError as `file_state`."""
    return tuple(file_state(path, below(folder, path)) for path in files)


def _record(found: Any) -> Record:
    """Return a record from JSON; raise TypeError, LookupError or ValueError for anything else."""
    record: Record = _built(Record, found)
    for name in (*record.writing, *(state.file for state in record.outputs)):
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(name)  # it must not lead out of the folder
    return record


def _built(kind: Any, found: Any) -> Any:
    """Return a value of a type of the records' attributes from JSON; raise as `_record` does."""
    origin, parts = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        types = get_type_hints(kind)
        return kind(**{name: _built(types[name], found[name]) for name in types})  # type: ignore[operator]
    if origin is Literal:
        return parts[parts.index(found)]
    if origin is UnionType:
        return None if found is None else _built(parts[0], found)
    if origin is tuple:
        kinds = parts[:1] * len(found) if parts[-1] is ... else parts
        return tuple(_built(part, item) for part, item in zip(kinds, _of(list, found), strict=True))
    if origin is Mapping:
        return {name: _built(parts[1], value) for name, value in _of(dict, found).items()}
    if kind is float:
        return float(found)
    return found if kind is Any else _of(kind, found)


def _of(kind: type[_Kind], value: Any) -> _Kind:
    if not isinstance(value, kind):
        raise TypeError(type(value))
    return value
