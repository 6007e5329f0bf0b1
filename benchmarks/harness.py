"""What the benchmarks of accuracy share: model, labelled scans, Dice, table, picture, exit code.

All that they ask of the package's inference, model loading, labels and held-out maps is asked here.
"""

import math
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from brainfcn_jax import labels as package_labels
from brainfcn_jax.imaging.boxes import Box
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import centred_grid
from brainfcn_jax.inference.brain import find_brain, load_finder, sized_finder
from brainfcn_jax.inference.prediction import ReadyNetwork
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.network.shipped_models import weight_file
from brainfcn_jax.synthesis import known_maps
from brainfcn_jax.synthesis.examples import save_sheet
from brainfcn_jax.training.subjects import find_subjects, load_subject

LABELS: Mapping[str, int] = {t.abbreviation: t.index for t in package_labels.TISSUES}
"""Label value of each tissue, by its abbreviation."""

BACKGROUND, FLUID = package_labels.BACKGROUND, "CSF"
SIX = tuple(tissue for tissue in LABELS if tissue != FLUID)
"""The tissues without the extracerebral fluid, of which each data set has its own idea."""

HELD_OUT = {
    "adult": known_maps.HELD_OUT,
    "newborn": ("dhcp40w_dseg",),
    "newborn_t1w": known_maps.HELD_OUT_NEWBORNS,
}
"""Label maps that generated heads to test with are made from."""

FAR_MM = 4.0

Volume = Float32[np.ndarray, "x y z"]
Labels = UInt8[np.ndarray, "x y z"]


def open_model(
    name: str | None,
    weights: str | None = None,
    finder: bool = True,
    finder_weights: str | None = None,
) -> Segmenter:
    """Load a weight file, or the shipped model of a name, with the finder that it goes with."""
    model = load_model(weight_file(None if weights else name, weights))
    if not finder:
        model = replace(model, description=replace(model.description, find_brain=False))
    return Segmenter(model, finder=load_model(finder_weights) if finder_weights else None)


def segmented(opened: Segmenter, scan: Scan, views: int = 1) -> SegmentedScan:
    """Segment a scan and assess what was found, as the tool does."""
    return opened.segment(scan, views=views)


def labels_of(opened: Segmenter, scan: Scan, views: int = 1) -> Labels:
    """Return the labels of a scan on its own canonical grid."""
    return segmented(opened, scan, views).canonical_labels


class FoundBrain(NamedTuple):
    """A brain's share of its head, its volume, whether it counts as stripped, and its box."""

    head_share: float
    volume_ml: float
    stripped: bool
    box: Box


def brain_of(opened: Segmenter, scan: Scan) -> FoundBrain | None:
    """Return the brain that is found in a scan, its box on the scan's canonical grid."""
    finder = sized_finder(load_finder(), opened.model.description.people)
    brain = find_brain(ReadyNetwork(finder), scan)
    if brain is None:
        return None
    voxel_ml = np.prod([line.spacing_mm for line in brain.grid]) * 1e-3
    volume_ml = float((brain.outward_mm == 0).sum() * voxel_ml)
    box = brain.box(centred_grid(scan.data.shape, scan.spacing_mm), 0.0)
    return FoundBrain(brain.head_share, volume_ml, brain.skull_stripped, box)


@dataclass(frozen=True)
class Case:
    """A scan and its labels on one canonical grid."""

    name: str
    scan: Scan
    labels: Labels


def cases(found: Namespace) -> Iterator[Case]:
    """Read the pairs that the flags of `Flags.pairs` ask for, one after another."""
    patterns = found.scan_pattern, found.labels_pattern
    for pair in find_subjects(found.data, *patterns, tuple(found.subjects)):
        yield Case(pair.name, *load_subject(pair))


def tissue_dice(found: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return the Dice of each tissue; nan where neither has it."""
    return {name: dice(found == value, expected == value) for name, value in LABELS.items()}


def mean(values: Iterable[float]) -> float:
    """Return the mean of the numbers that are not nan; nan without any."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def mean_dice(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each tissue over some rows."""
    return {tissue: mean(row[tissue] for row in rows) for tissue in LABELS}


def scored(opened: Segmenter, found: Iterable[Case], views: int = 1) -> dict[str, float]:
    """Return the mean Dice of each tissue over some cases that are labelled."""
    return mean_dice(
        [tissue_dice(labels_of(opened, case.scan, views), case.labels) for case in found]
    )


def verdict(found: SegmentedScan) -> str:
    """Return the verdict on a scan, with its flags."""
    return f"{found.quality.verdict} {', '.join(flag.name for flag in found.quality.flags)}"


class Outside(NamedTuple):
    """What is wrong about a head's labels, as shares of the brain mask's volume; z points upwards.

    Attributes:
        tissue: tissues other than extracerebral fluid more than 4 mm outside the mask.
        labelled: any label there.
        missing: brain without a label.
        tissue_below: the part of `tissue` in slices below the mask's lowest one.
        labelled_below: the part of `labelled` there.
        below_mm: how far any label reaches below the mask's lowest slice, in mm.
    """

    tissue: float
    labelled: float
    missing: float
    tissue_below: float
    labelled_below: float
    below_mm: float


def outside_brain(
    labels: UInt8[np.ndarray, "x y z"],
    mask: Bool[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> Outside:
    """Return what lies outside the brain, and what of it has no label."""
    far = ndimage.distance_transform_edt(~mask, spacing_mm) > FAR_MM
    labelled = labels != BACKGROUND
    tissue = labelled & (labels != LABELS[FLUID])
    lowest, lowest_labelled = (
        np.flatnonzero(found.any(axis=(0, 1)))[0] if found.any() else 0
        for found in (mask, labelled)
    )

    def share(found: Bool[np.ndarray, "x y _"]) -> float:
        return float(found.sum() / mask.sum())

    return Outside(
        tissue=share(tissue & far),
        labelled=share(labelled & far),
        missing=share(mask & ~labelled),
        tissue_below=share((tissue & far)[:, :, :lowest]),
        labelled_below=share((labelled & far)[:, :, :lowest]),
        below_mm=max(0.0, float(lowest - lowest_labelled) * spacing_mm[2]),
    )


class Table:
    """Rows printed as they come: a name, numbers with three decimals or words, and a remark."""

    def __init__(self, title: str, columns: Sequence[str], remark: str = "") -> None:
        self._widths = [max(8, len(column) + 2) for column in columns]
        self.row(title, columns, remark)

    def row(self, name: str, values: Sequence[float | str], remark: str = "") -> None:
        """Print one row."""
        cells = [value if isinstance(value, str) else f"{value:.3f}" for value in values]
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, self._widths, strict=True))
        print(f"{name:32}{''.join(padded)}  {remark}".rstrip(), flush=True)


class Sheet:
    """Pictures of scans with their labels, drawn at the end if they are asked for."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._rows: list[tuple[np.ndarray, np.ndarray, str]] = []

    def add(self, data: Volume, labels: Labels, title: str) -> None:
        """Take a scan, canonical."""
        if self._path:
            image = equalise_volume(np.moveaxis(data, 2, 0), "head")
            self._rows.append((image, np.moveaxis(labels, 2, 0), title))

    def save(self) -> None:
        """Draw them."""
        if self._path and self._rows:
            save_sheet(Path(self._path), self._rows)


def exit_code(missed: Sequence[str]) -> int:
    """Print which bounds are missed; return 1 where any is, else 0."""
    print(f"not as asked: {', '.join(missed) or 'nothing'}")
    return int(bool(missed))
