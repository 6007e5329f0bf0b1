"""The files that are written of one scan: a table with a row for each."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from brainfcn_jax.labels import LabelTable
from brainfcn_jax.results import sidecars
from brainfcn_jax.results.contents import LabelMap, Lines, RealMap, ScanContents
from brainfcn_jax.results.options import Wanted
from brainfcn_jax.results.paths import (
    LABEL_MAP,
    PICTURE,
    SCAN_PAGE,
    SCAN_SCORES,
    csv_path,
    sidecar_path,
)
from brainfcn_jax.results.planned_scan import PlannedScan


def _always(_: PlannedScan, __: Wanted) -> bool:
    return True


@dataclass(frozen=True)
class ResultFile:
    """One file of a scan; how it is written follows from what it holds.

    Attributes:
        ending: of its name, after the scan's name and "_".
        content: makes what it holds; tables end in .tsv.
        wanted: whether it is written of a scan.
        sidecar: makes what the JSON file beside it says; None: there is none.
        in_bids: whether BIDS has a word for it.
    """

    ending: str
    content: Callable[[ScanContents], LabelMap | RealMap | Lines | bytes | str]
    wanted: Callable[[PlannedScan, Wanted], bool] = _always
    sidecar: Callable[[ScanContents], Mapping[str, Any]] | None = None
    in_bids: bool = False

    def paths(self, path: Path, csv: bool) -> list[Path]:
        """Return the file at a path and those beside it: a sidecar, and a table with commas."""
        beside = [csv_path(path)] if csv and path.suffix == ".tsv" else []
        return [path, *beside, *([sidecar_path(path)] if self.sidecar else [])]


def result_files(labels: LabelTable) -> tuple[ResultFile, ...]:
    """Return all files that there can be of a scan with these labels."""
    brain = [
        ResultFile(
            "desc-brain_mask.nii.gz",
            ScanContents.brain_mask,
            sidecar=sidecars.brain_mask,
            in_bids=True,
        )
    ]
    probabilities = [
        ResultFile(
            f"label-{label.abbreviation}_probseg.nii.gz",
            partial(ScanContents.probability, label=label),
            wanted=lambda _, wanted: wanted.probabilities,
            sidecar=partial(sidecars.probability, label=label),
            in_bids=True,
        )
        for label in labels
    ]
    return (
        ResultFile(LABEL_MAP, ScanContents.label_map, sidecar=sidecars.label_map, in_bids=True),
        *(brain if labels.fills_brain else ()),
        *probabilities,
        ResultFile("desc-tissue_volumes.tsv", ScanContents.volumes, sidecar=sidecars.volumes),
        ResultFile(
            "desc-tissue_uncertainty.nii.gz",
            ScanContents.uncertainty,
            wanted=lambda _, wanted: wanted.uncertainty,
            sidecar=sidecars.uncertainty,
        ),
        ResultFile(
            "desc-brain_image.nii.gz",
            ScanContents.brain_image,
            wanted=lambda _, wanted: wanted.brain_image,
            sidecar=sidecars.brain_image,
        ),
        ResultFile("desc-tissue_intensities.tsv", ScanContents.intensities),
        ResultFile(PICTURE, ScanContents.picture),
        ResultFile(SCAN_PAGE, ScanContents.page),
        ResultFile(
            SCAN_SCORES,
            ScanContents.score_table,
            wanted=lambda planned, _: planned.reference is not None,
        ),
    )


def planned_files(planned: PlannedScan, wanted: Wanted, labels: LabelTable) -> list[Path]:
    """Return the files that are written of a scan.

    Neither its record nor what scans share (label table, colours, description of the folder) is
    among them.
    """
    return [
        path
        for file in result_files(labels)
        if file.wanted(planned, wanted)
        for path in file.paths(planned.outputs.file(file.ending), wanted.csv)
    ]


def possible_files(planned: PlannedScan, labels: LabelTable) -> Iterator[Path]:
    """Yield every file that runs on a scan write for it alone, whatever they are asked for."""
    for file in result_files(labels):
        yield from file.paths(planned.outputs.file(file.ending), csv=True)


def patterns_not_in_bids(labels: LabelTable) -> list[str]:
    """Return patterns of .bidsignore for the files that BIDS has no word for."""
    return [
        f"*_{path}"
        for file in result_files(labels)
        if not file.in_bids
        for path in file.paths(Path(file.ending), csv=True)
    ]


def patterns_in_bids(labels: LabelTable) -> list[str]:
    """Return patterns for the others, where they lie in the folder of all results."""
    endings = [file.ending for file in result_files(labels) if file.in_bids]
    patterns = [re.sub("label-[^_]+", "label-*", ending) for ending in endings]
    return list(dict.fromkeys(f"/*_{pattern.partition('.')[0]}.*" for pattern in patterns))
