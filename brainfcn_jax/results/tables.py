"""Tables and JSON files as they are written, and tables for the screen (output)."""

import dataclasses
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from csv import writer as csv_writer
from pathlib import Path
from typing import Any

from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.measures.volumes import LabelVolume, percent_of_icv
from brainfcn_jax.results.paths import csv_path
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.text import printable

SCREEN_DIGITS = 3
NO_VALUE = "n/a"


def write_text(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a whole text file or nothing; OutputError when it exists or cannot be written."""
    with new_file(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def json_text(contents: Mapping[str, Any]) -> str:
    """Return the text of a JSON file."""
    return json.dumps(contents, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, contents: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a JSON file that describes a result; raise as `write_text` does."""
    write_text(path, json_text(contents), overwrite)


def write_table(
    path: Path, lines: Sequence[Sequence[Any]], overwrite: bool = False, csv: bool = False
) -> None:
    """Write a table, and with `csv` the same with commas beside it, as `write_text` does."""
    write_text(path, table_text(lines), overwrite)
    if csv:
        write_text(csv_path(path), table_text(lines, ",", missing=""), overwrite)


def dataclass_lines(kind: type, rows: Iterable[Any]) -> list[list[Any]]:
    """Return a table with a column for each attribute of a dataclass, of which the rows are."""
    return [columns_of(kind), *map(_cells, rows)]


def volume_lines(volumes: Sequence[LabelVolume]) -> list[list[Any]]:
    """Return a table with one line a label or sum of labels, its share of the ICV last."""
    of_scan = {row.abbreviation: row.volume_mm3 for row in volumes}
    lines = [[*_cells(row), percent_of_icv(of_scan, row.abbreviation)] for row in volumes]
    return [[*columns_of(LabelVolume), "percent_of_icv"], *lines]


def screen_table(scores_by_name: Mapping[str, Sequence[Score]]) -> str:
    """Align columns for the screen: the scan's name, then what the scores file holds."""
    rows = [["scan", *columns_of(Score)]]
    for name, scores in scores_by_name.items():
        shown = printable(name)
        rows.extend([shown, *(_short(cell) for cell in _cells(score))] for score in scores)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def table_text(
    lines: Iterable[Sequence[Any]], separator: str = "\t", missing: str = NO_VALUE
) -> str:
    """Join cells to lines, numbers in full precision, and `missing` where there is no value."""
    text = io.StringIO()
    writer = csv_writer(text, delimiter=separator, lineterminator="\n")
    for line in lines:
        cells = map(_full, line)
        writer.writerow([missing if cell == NO_VALUE else cell for cell in cells])
    return text.getvalue()


def columns_of(kind: type) -> list[str]:
    """Return the attributes of a dataclass, one column each."""
    return [column.name for column in dataclasses.fields(kind)]


def _cells(row: Any) -> list[Any]:
    return [getattr(row, column) for column in columns_of(type(row))]


def _full(cell: Any) -> str:
    if cell is None:
        return NO_VALUE
    if isinstance(cell, float):
        return repr(float(cell)) if math.isfinite(cell) else _not_finite(cell)
    return str(cell)


def _short(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.{SCREEN_DIGITS}f}" if math.isfinite(cell) else _not_finite(cell)
    return str(cell)


def _not_finite(value: float) -> str:
    return NO_VALUE if math.isnan(value) else str(value)
