"""Tables and the page of all scans in a folder of results, made from its records (output)."""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from csv import reader as csv_reader
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import InputError
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.measures.volumes import NO_SHARE, percent_of_icv
from brainfcn_jax.results.pages.group_page import group_page
from brainfcn_jax.results.pages.picture import thumbnail
from brainfcn_jax.results.paths import (
    GROUP_FILES,
    GROUP_RECORD,
    PAGE,
    PICTURE,
    SCAN_PAGE,
    SCAN_SCORES,
    SCORES,
    VOLUMES,
    OutputPaths,
    below,
    csv_path,
    output_paths,
    refuse_existing,
)
from brainfcn_jax.results.record import Record, find_records, refuse_earlier_manifest
from brainfcn_jax.results.tables import columns_of, write_json, write_table, write_text
from brainfcn_jax.runtime.locks import Claims

THUMBNAIL_BYTES = 6_000_000
"""All pictures of a group's page together, at most."""


@dataclass(frozen=True)
class GroupRecord:
    """What `GROUP_RECORD` tells.

    Attributes:
        files: names of the files about all scans that runs wrote, and may replace.
        made_of: the SHA-256 of the records that they were made from; None: they may be half made.
    """

    files: tuple[str, ...] = ()
    made_of: str | None = None


def write_group(
    root: Path, claims: Claims, overwrite: bool = False, anew: bool = False, csv: bool = False
) -> tuple[Path, ...]:
    """Write tables and page of all scans of a folder, once it has two; return their paths.

    Those that earlier runs wrote, as `GROUP_RECORD` tells, are replaced, or removed when they are
    no more of these scans; unless `anew`, only when a record has changed since. With `csv` the
    tables are also written with commas.

    Raises:
        InputError: a record or a scan's table cannot be read.
        OutputError: a file of that name is there that no run wrote, or one cannot be written.
    """
    refuse_earlier_manifest(root)
    with claims.turn():
        records = finished(find_records(root))
        files = tuple(root / name for name in group_files(records, csv))
        before = read_group_record(root / GROUP_RECORD)
        refuse_existing([path for path in files if path.name not in before.files], overwrite)
        names = tuple(sorted(path.name for path in files))
        made_of = hashlib.sha256(repr(records).encode("utf-8", "surrogateescape")).hexdigest()
        after = GroupRecord(names, made_of)
        if after == before and not anew and all(path.is_file() for path in files):
            return files
        # Told before it is done: a run that is killed leaves no file that nobody may replace.
        if not set(names) <= set(before.files):
            _write_group_record(root, GroupRecord(tuple(sorted({*before.files, *names}))))
        for name in sorted(set(GROUP_FILES).intersection(before.files) - set(names)):
            with contextlib.suppress(OSError):  # it is in nobody's way
                (root / name).unlink()
        for path in files:
            if path.name == PAGE:
                shown, omitted = thumbnails(root, records)
                text = group_page(records, page_links(root, records), shown, omitted)
                write_text(path, text, overwrite=True)
            elif path.name in (VOLUMES, SCORES):
                table = volumes_table if path.name == VOLUMES else scores_table
                write_table(path, table(root, records), overwrite=True, csv=csv)
        if (files or before.files) and after != before:
            _write_group_record(root, after)
    return files


def read_group_record(path: Path) -> GroupRecord:
    """Read which files about all scans runs wrote; none when there is no such record.

    Raises InputError when the file cannot be read, or is no such record.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        return GroupRecord(tuple(name + "" for name in found["files"]), found["made_of"])
    except FileNotFoundError:
        return GroupRecord()
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(f"'{path}' cannot be read or is damaged; move it elsewhere") from error


def _write_group_record(root: Path, record: GroupRecord) -> None:
    write_json(root / GROUP_RECORD, dataclasses.asdict(record), overwrite=True)


def finished(records: Mapping[str, Record]) -> dict[str, Record]:
    """Keep the scans that are done or failed."""
    return {name: record for name, record in records.items() if record.status != "writing"}


def group_files(records: Mapping[str, Record], csv: bool = False) -> list[str]:
    """Return the files about these scans, none for one; SCORES only if one was scored."""
    if len(records) < 2:
        return []
    scored = any("reference" in record.inputs for record in records.values())
    tables = [VOLUMES, *([SCORES] if scored else [])]
    return [*tables, *(csv_path(Path(name)).name for name in tables if csv), PAGE]


def page_links(root: Path, records: Mapping[str, Record]) -> dict[str, str]:
    """Return where the pages of scans are below the folder, as far as they are there."""
    pages = {
        name: paths_of(root, name).file(SCAN_PAGE) for name, told in records.items() if told.summary
    }
    return {name: below(root, page) for name, page in pages.items() if page.is_file()}


def thumbnails(root: Path, records: Mapping[str, Record]) -> tuple[dict[str, bytes], int]:
    """Return small pictures while `THUMBNAIL_BYTES` last, of scans that did not pass first.

    The second is the number of scans with labels that get none for want of room.
    """
    shown, room = dict[str, bytes](), THUMBNAIL_BYTES
    labelled = [name for name, record in records.items() if record.summary is not None]
    waiting = sorted(labelled, key=lambda name: records[name].verdict == "PASS")
    for done, name in enumerate(waiting):
        content = _thumbnail(paths_of(root, name).file(PICTURE))
        if content is None:
            continue
        if len(content) > room:
            return shown, len(waiting) - done
        shown[name] = content
        room -= len(content)
    return shown, 0


def volumes_table(_: Path, records: Mapping[str, Record]) -> list[list[Any]]:
    """Return a line a scan: quality, model, volumes in mm3, and in percent of the intracranial."""
    volumes = {
        name: record.summary.volumes_mm3 if record.summary else {}
        for name, record in records.items()
    }
    columns = list(dict.fromkeys(column for row in volumes.values() for column in row))
    shared = [column for column in columns if column not in NO_SHARE]
    lines = [
        [
            name,
            record.verdict,
            record.summary and record.summary.model,
            *map(volumes[name].get, columns),
            *(percent_of_icv(volumes[name], column) for column in shared),
        ]
        for name, record in records.items()
    ]
    header = ["scan", "quality", "model", *(f"{column}_mm3" for column in columns)]
    header += [f"{column}_percent_of_icv" for column in shared]
    return [header, *lines]


def scores_table(root: Path, records: Mapping[str, Record]) -> list[list[str]]:
    """Return the lines of every scan's table of scores, the scan's name before them.

    Raises:
        InputError: a table cannot be read.
    """
    lines: list[list[str]] = [["scan", *columns_of(Score)]]
    for name, record in records.items():
        if record.status == "done" and "reference" in record.inputs:
            lines.extend(
                [name, *row] for row in _read_table(paths_of(root, name).file(SCAN_SCORES))[1:]
            )
    return lines


def paths_of(root: Path, name: str) -> OutputPaths:
    """Return the result files of the scan that tables call by a name."""
    return output_paths(root, Path(name).name, Path(name).parent)


def _thumbnail(path: Path) -> bytes | None:
    """Return a small picture of a scan's; None where that is gone or is something else."""
    try:
        return thumbnail(path.read_bytes())
    except (OSError, ValueError):
        return None


def _read_table(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv_reader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"'{path}' cannot be read: {reason}") from error
