"""What one scan is at each step from its file to its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference.segmentation import Segmentation
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.volumes import TissueVolume
from brainfcn_jax.results.paths import OutputPaths
from brainfcn_jax.results.record import below


@dataclass(frozen=True)
class Case:
    """One scan to label, the labels to compare it with if any, and where the results go.

    Attributes:
        volume: the scan's file.
        reference: a label map of it, or None.
        outputs: where the results go.
        source: how the sidecars call the scan, as a BIDS URI; None: by its file's name.
    """

    volume: str
    reference: str | None
    outputs: OutputPaths
    source: str | None = None


@dataclass(frozen=True)
class LabelledCase:
    """All results of a case, before any file is written.

    Attributes:
        case: the case.
        scan: its scan.
        segmentation: what was found, on the scan's canonical grid.
        volumes: the rows of the volumes table.
        quality: whether somebody should look at it, and why.
        skull_stripped: whether the scan looks as if its skull had been removed.
        provenance: what the sidecars say of the model.
        notes: sentences for the user.
        warnings: sentences too, on why the labels may be wrong.
        scores: how the labels compare with the reference; None without one.
    """

    case: Case
    scan: Scan
    segmentation: Segmentation
    volumes: tuple[TissueVolume, ...]
    quality: Quality
    skull_stripped: bool
    provenance: Mapping[str, Any]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    scores: Sequence[Score] | None


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes:
        case: the case.
        notes: sentences for the user.
        warnings: sentences too, on why the labels may be wrong.
        scores: how the labels compare with the reference; None without one.
        failure: why there are no labels, in one line; None when there are.
        volumes: the rows of the volumes table; empty after a failure.
        quality: whether somebody should look at it, and why; None after a failure.
        files: what was written for this scan alone.
        seconds: wall time of each step of the segmentation.
    """

    case: Case
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    scores: Sequence[Score] | None = None
    failure: str | None = None
    volumes: tuple[TissueVolume, ...] = ()
    quality: Quality | None = None
    files: tuple[Path, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def source_name(labelled: LabelledCase) -> str:
    """How results call the scan: its BIDS URI, or its file's name."""
    return labelled.case.source or Path(labelled.scan.path).name


def case_name(case: Case) -> str:
    """How the manifest calls a case: its results below the folder, "sub-01/anat/sub-01"."""
    return below(case.outputs.root, case.outputs.folder / case.outputs.name)
