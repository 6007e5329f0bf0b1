"""What one scan is at each step from its file to its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int32

from brainfcn_jax.errors import BrainfcnError, first_line
from brainfcn_jax.metrics import Score
from brainfcn_jax.nifti import Scan
from brainfcn_jax.outputs import OutputPaths
from brainfcn_jax.quality import Quality
from brainfcn_jax.segmentation import Segmentation
from brainfcn_jax.volumes import TissueVolume
from brainfcn_jax.weights import Model

CASE_ERRORS = (BrainfcnError, MemoryError, jax.errors.JaxRuntimeError)
"""What can go wrong with one scan and leaves the others as they are; all else is a bug."""


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
class OpenModel:
    """A model ready for any number of scans, and what their sidecars say of it."""

    model: Model
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class LoadedCase:
    """A case that was read and can be labelled; the reference has its own codes."""

    case: Case
    scan: Scan
    reference: Int32[np.ndarray, "x y z"] | None


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


def failed_outcome(case: Case, error: BaseException) -> Outcome:
    """What became of a case that ended with one of `CASE_ERRORS`."""
    if isinstance(error, BrainfcnError):
        return Outcome(case, failure=str(error))
    reason = first_line(error) if str(error) else "not enough memory"
    return Outcome(case, failure=f"'{case.volume}' cannot be labelled: {reason}")
