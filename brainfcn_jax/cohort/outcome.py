"""What became of one scan of a run."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax

from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.record import Summary
from brainfcn_jax.text import first_line

SCAN_ERRORS = (BrainfcnError, MemoryError, jax.errors.JaxRuntimeError)
"""What can go wrong with one scan and leaves the others as they are; all else is a bug."""


@dataclass(frozen=True)
class Outcome:
    """What became of a planned scan.

    Attributes:
        planned: what was planned.
        summary: verdict and volumes; None after a failure.
        failure: why there are no labels, in one line; None when there are.
        skipped: whether an earlier run had finished it.
        notes: sentences for the user.
        scores: how the labels compare with the reference; None without one.
        files: what was written for this scan alone.
        seconds: wall time of each step of the segmentation.
        trace: lines on where in the program an unforeseen error came up.
    """

    planned: PlannedScan
    summary: Summary | None = None
    failure: str | None = None
    skipped: bool = False
    notes: tuple[str, ...] = ()
    scores: Sequence[Score] | None = None
    files: tuple[Path, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    trace: tuple[str, ...] = ()


def failed_outcome(planned: PlannedScan, error: Exception) -> Outcome:
    """Return why there are no labels; an error that is not of `SCAN_ERRORS` shows where it was."""
    if isinstance(error, BrainfcnError):
        return Outcome(planned, failure=str(error))
    trace: tuple[str, ...] = ()
    if isinstance(error, SCAN_ERRORS):
        reason = first_line(error) if str(error) else "not enough memory"
    else:
        trace = tuple("".join(traceback.format_exception(error)).splitlines())
        reason = f"an unforeseen {type(error).__name__}: {' '.join(str(error).split())}"
    return Outcome(planned, failure=f"'{planned.path}' cannot be labelled: {reason}", trace=trace)
