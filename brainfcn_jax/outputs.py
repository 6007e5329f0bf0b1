"""The files that a segmentation leaves behind: their names, sidecar and scores (output)."""

import csv
import dataclasses
import io
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import OutputError
from brainfcn_jax.files import new_file
from brainfcn_jax.metrics import Score
from brainfcn_jax.nifti import EXTENSIONS

CONTRAST_SUFFIXES = ("_T1w", "_T2w")
SCREEN_DIGITS = 3


@dataclass(frozen=True)
class OutputPaths:
    """Where the results of one scan go; the names follow BIDS derivatives."""

    label_map: Path
    sidecar: Path
    scores: Path


def scan_name(scan_path: str) -> str:
    """The file's name without its extension and without a last "_T1w" or "_T2w"."""
    name = Path(scan_path).name
    for extension in sorted(EXTENSIONS, key=len, reverse=True):
        if name.lower().endswith(extension):
            name = name[: -len(extension)]
            break
    for suffix in CONTRAST_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def distinct_names(scan_paths: Sequence[str]) -> list[str]:
    """The `scan_name` of each scan; where several share it, behind folders that differ.

    Folders that they have in common are left out, and those nearest to the scans are taken, as
    many as it needs: TrainingData/1/anat/T1.nii and TrainingData/2/anat/T1.nii give 1_T1 and
    2_T1. Scans that share a name and lie in one folder keep one name.
    """
    names = [scan_name(path) for path in scan_paths]
    distinct = list(names)
    for name in set(names):
        places = [place for place, other in enumerate(names) if other == name]
        differing = _differing_folders([scan_paths[place] for place in places])
        for place, folders in zip(places, differing, strict=True):
            distinct[place] = "_".join((*folders, name))
    return distinct


def _differing_folders(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """For each path the fewest of its folders that tell it from the others, outermost first."""
    folders = [Path(os.path.abspath(path)).parent.parts[:0:-1] for path in paths]  # nearest first
    chosen: list[tuple[str, ...]] = [()] * len(paths)
    for level in itertools.zip_longest(*folders, fillvalue=""):
        if len(set(chosen)) < len(set(folders)) and len(set(level)) > 1:
            chosen = [(folder, *inner) for folder, inner in zip(level, chosen, strict=True)]
    return [tuple(filter(None, outermost_first)) for outermost_first in chosen]


def output_paths(out_dir: str, name: str) -> OutputPaths:
    """The result files of a scan: OUT/NAME_desc-tissue_{dseg.nii.gz,dseg.json,scores.tsv}."""
    start = f"{name}_desc-tissue_"
    folder = Path(out_dir)
    return OutputPaths(
        label_map=folder / f"{start}dseg.nii.gz",
        sidecar=folder / f"{start}dseg.json",
        scores=folder / f"{start}scores.tsv",
    )


def refuse_existing(paths: Iterable[Path], overwrite: bool) -> None:
    """OutputError when one of the files is there already and may not be overwritten."""
    for path in paths:
        if not overwrite and os.path.lexists(path):
            raise OutputError(f"'{path}' exists already; choose another --out_dir or --overwrite")


def make_folder(path: Path) -> None:
    """Create a folder and its parents; OutputError when that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be made a folder: {error.strerror}") from error


def write_text(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a whole text file or nothing; OutputError when it exists or cannot be written."""
    with new_file(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_sidecar(path: Path, contents: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a JSON file that describes a label map; raises as `write_text` does."""
    write_text(path, json.dumps(contents, indent=2, ensure_ascii=False) + "\n", overwrite)


def write_scores(path: Path, scores: Sequence[Score], overwrite: bool = False) -> None:
    """Write one line a structure, in full precision; "n/a" where a measure has no value."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    writer.writerows([score_columns(), *([_full(cell) for cell in _cells(s)] for s in scores)])
    write_text(path, table.getvalue(), overwrite)


def screen_table(scores_by_name: Mapping[str, Sequence[Score]]) -> str:
    """Aligned columns for the screen: the scan's name, then what the scores file holds."""
    rows = [["scan", *score_columns()]]
    for name, scores in scores_by_name.items():
        rows.extend([name, *(_short(cell) for cell in _cells(score))] for score in scores)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def score_columns() -> list[str]:
    """The names of a score's columns, units included."""
    return [column.name for column in dataclasses.fields(Score)]


def _cells(score: Score) -> list[Any]:
    return [getattr(score, column) for column in score_columns()]


def _full(cell: Any) -> str:
    if isinstance(cell, float):
        return repr(float(cell)) if math.isfinite(cell) else _not_finite(cell)
    return str(cell)


def _short(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.{SCREEN_DIGITS}f}" if math.isfinite(cell) else _not_finite(cell)
    return str(cell)


def _not_finite(value: float) -> str:
    return "n/a" if math.isnan(value) else str(value)
