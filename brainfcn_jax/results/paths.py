"""The files that a segmentation leaves behind: their names and folders (output)."""

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainfcn_jax.errors import OutputError
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.imaging.file_names import without_extension

_ACQUISITION = "acq-"
_BEFORE_ACQUISITION = ("sub-", "ses-", "task-", "tracksys-")
"""Entities of BIDS that stand before that of the acquisition."""

VOLUMES, SCORES, PAGE = "group_volumes.tsv", "group_scores.tsv", "group_report.html"
GROUP_FILES = (VOLUMES, SCORES, PAGE, "group_volumes.csv", "group_scores.csv")
"""All files about all scans that there can be."""
GROUP_RECORD = "group_record.json"
"""Tells which files about all scans runs wrote, and may replace."""

LABEL_MAP = "desc-tissue_dseg.nii.gz"
PICTURE = "desc-tissue_qc.png"
SCAN_PAGE = "desc-tissue_report.html"
SCAN_SCORES = "desc-tissue_scores.tsv"
RECORD = "desc-tissue_record.json"
"""How names of results of one scan end, after its own name and "_"; `result_files` has all."""


@dataclass(frozen=True)
class OutputPaths:
    """Where the results of one scan go; the names follow BIDS derivatives.

    Attributes:
        root: the folder of all results, which holds what the scans share.
        folder: where the scan's own files go: `root` itself, or a folder below it.
        name: how the scan's own files begin.
    """

    root: Path
    folder: Path
    name: str

    def file(self, ending: str) -> Path:
        """Return the scan's own file that ends so."""
        return self.folder / f"{self.name}_{ending}"


def sidecar_path(path: Path) -> Path:
    """Return the JSON file that describes a result."""
    return path.with_name(without_extension(path.name).removesuffix(".tsv") + ".json")


def csv_path(table: Path) -> Path:
    """Return the file that holds a table with commas, beside the table."""
    return table.with_suffix(".csv")


def scan_name(scan_path: str) -> str:
    """Return how results of a scan are named: as its file, without extension and a last "_T1w".

    Another contrast stays, so that results of a visit's scans do not meet: in names of BIDS, where
    derivatives have no word for it, as what was acquired: sub-01_FLAIR gives sub-01_acq-FLAIR.
    """
    name = without_extension(Path(scan_path).name)
    *entities, suffix = name.split("_")
    if not entities or suffix not in KNOWN:
        return name
    if suffix == "T1w":
        return "_".join(entities)
    if not entities[0].startswith("sub-"):
        return name
    place = sum(entity.startswith(_BEFORE_ACQUISITION) for entity in entities)
    acquired = ""
    if place < len(entities) and entities[place].startswith(_ACQUISITION):
        acquired = entities.pop(place).removeprefix(_ACQUISITION)
    entities.insert(place, f"{_ACQUISITION}{acquired}{suffix}")
    return "_".join(entities)


def distinct_names(scan_paths: Sequence[str]) -> list[str]:
    """Return the `scan_name` of each scan; where several share it, behind folders that differ.

    Folders that they have in common are left out, and those nearest to the scans are taken, as
    many as it needs: TrainingData/1/anat/T1.nii and TrainingData/2/anat/T1.nii give 1_T1 and
    2_T1. Those in one folder keep all of their names but the extension: scan and scan_T1w.
    """
    names = [scan_name(path) for path in scan_paths]
    places = [
        (name, os.path.dirname(os.path.abspath(path)))
        for name, path in zip(names, scan_paths, strict=True)
    ]
    for index, path in enumerate(scan_paths):
        if places.count(places[index]) > 1:
            names[index] = without_extension(Path(path).name)
    indices: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        indices.setdefault(name, []).append(index)
    distinct = [""] * len(scan_paths)
    for name, sharing in indices.items():
        differing = _differing_folders([scan_paths[index] for index in sharing])
        for index, folders in zip(sharing, differing, strict=True):
            distinct[index] = "_".join((*folders, name))
    return distinct


def _differing_folders(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the fewest folders of each path that tell it from the others, outermost first."""
    folders = [Path(os.path.abspath(path)).parent.parts[:0:-1] for path in paths]  # nearest first
    chosen: list[tuple[str, ...]] = [()] * len(paths)
    for level in itertools.zip_longest(*folders, fillvalue=""):
        if len(set(chosen)) < len(set(folders)) and len(set(level)) > 1:
            chosen = [(folder, *inner) for folder, inner in zip(level, chosen, strict=True)]
    return [tuple(filter(None, outermost_first)) for outermost_first in chosen]


def output_paths(out_dir: str | Path, name: str, folder: str | Path = "") -> OutputPaths:
    """Return the result files of a scan: OUT/NAME_..., or OUT/FOLDER/NAME_... ."""
    return OutputPaths(Path(out_dir), Path(out_dir) / folder, name)


def refuse_existing(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise OutputError when one of the files is there already and may not be overwritten."""
    for path in paths:
        if not overwrite and os.path.lexists(path):
            raise OutputError(f"'{path}' exists already; choose another --out_dir or --overwrite")


def below(folder: Path, path: Path) -> str:
    """Return a file's path below a folder, with "/"."""
    return path.relative_to(folder).as_posix()


def make_folder(path: Path) -> None:
    """Make a folder and its parents; OutputError when that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be made a folder: {error.strerror}") from error
