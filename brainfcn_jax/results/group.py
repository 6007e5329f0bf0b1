"""Tables and the page of all scans in a folder of results, made from its manifest (output)."""

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from brainfcn_jax.errors import InputError
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.results.pages.group_page import GroupRow, write_group_page
from brainfcn_jax.results.pages.picture import thumbnail
from brainfcn_jax.results.paths import (
    PAGE,
    SCORES,
    VOLUMES,
    OutputPaths,
    output_paths,
    refuse_existing,
)
from brainfcn_jax.results.record import Manifest, Record, below
from brainfcn_jax.results.tables import table_text, write_text
from brainfcn_jax.text import natural_order

FAILED = "FAILED"


def write_group(manifest: Manifest, overwrite: bool = False) -> tuple[Path, ...]:
    """Writes tables and page of all scans of a folder, once it has two; gives what it wrote.

    Those that earlier runs wrote are replaced.

    Raises:
        InputError: the manifest or a scan's table cannot be read.
        OutputError: a file of that name is there that no run wrote, or one cannot be written.
    """
    root = manifest.folder
    with manifest.changing() as change:
        known = change.contents
        files = [root / name for name in group_files(finished(known.scans))]
        refuse_existing([path for path in files if path.name not in known.group], overwrite)
        # Told before it is done: a run that is killed leaves no file that nobody may replace.
        group = {*known.group, *(path.name for path in files)}
        change.contents = dataclasses.replace(known, group=tuple(sorted(group)))
    with manifest.changing() as change:
        records = finished(change.contents.scans)
        for path in files:
            if path.name == PAGE:
                write_group_page(path, group_rows(root, records), overwrite=True)
            else:
                table = volumes_table if path.name == VOLUMES else scores_table
                write_text(path, table(root, records), overwrite=True)
    return tuple(files)


def finished(scans: Mapping[str, Record]) -> dict[str, Record]:
    """The scans that are done or failed, in natural order."""
    names = sorted(scans, key=natural_order)
    return {name: scans[name] for name in names if scans[name].status != "writing"}


def group_files(records: Mapping[str, Record]) -> list[str]:
    """The files about these scans, none for fewer than two; SCORES only if one was scored."""
    if len(records) < 2:
        return []
    scored = any("reference" in record.inputs for record in records.values())
    return [VOLUMES, *([SCORES] if scored else []), PAGE]


def group_rows(root: Path, records: Mapping[str, Record]) -> list[GroupRow]:
    """What the page of all scans shows of each."""
    return [_row(root, name, record) for name, record in records.items()]


def volumes_table(_: Path, records: Mapping[str, Record]) -> str:
    """One line a scan: its quality, then the volume of every tissue and sum of tissues in mm3."""
    volumes = {
        name: record.summary.volumes_mm3 if record.summary else {}
        for name, record in records.items()
    }
    columns = list(dict.fromkeys(column for row in volumes.values() for column in row))
    lines = [
        [name, verdict(record), *map(volumes[name].get, columns)]
        for name, record in records.items()
    ]
    return table_text([["scan", "quality", *(f"{column}_mm3" for column in columns)], *lines])


def scores_table(root: Path, records: Mapping[str, Record]) -> str:
    """The lines of every scan's table of scores, the scan's name before them.

    Raises:
        InputError: a table cannot be read.
    """
    lines: list[list[str]] = [["scan", *(field.name for field in dataclasses.fields(Score))]]
    for name, record in records.items():
        if record.status == "done" and "reference" in record.inputs:
            lines.extend([name, *row] for row in _read_table(paths_of(root, name).scores)[1:])
    return table_text(lines)


def verdict(record: Record) -> str:
    """PASS or CHECK, or FAILED where there are no results."""
    return record.summary.verdict if record.summary else FAILED


def paths_of(root: Path, name: str) -> OutputPaths:
    """The result files of the scan that the manifest calls by a name."""
    return output_paths(root, Path(name).name, Path(name).parent)


def _row(root: Path, name: str, record: Record) -> GroupRow:
    paths, told = paths_of(root, name), record.summary
    if told is None:
        return GroupRow(name, FAILED, failure=record.failure)
    return GroupRow(
        name,
        told.verdict,
        flags=told.flags,
        volumes_mm3=told.volumes_mm3,
        mean_entropy=told.mean_entropy,
        thumbnail=_thumbnail(paths.picture),
        page=below(root, paths.report) if paths.report.is_file() else None,
    )


def _thumbnail(path: Path) -> bytes | None:
    """A small picture of a scan's; None where that is gone or was replaced by something else."""
    try:
        return thumbnail(path.read_bytes())
    except (OSError, ValueError):
        return None


def _read_table(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.reader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"'{path}' cannot be read: {reason}") from error
