"""One scan of a run: what is planned for it, what was found in it, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.results.paths import OutputPaths
from brainfcn_jax.results.record import Summary, below


@dataclass(frozen=True)
class PlannedScan:
    """One scan to segment, the labels to score it against if any, and where the results go.

    Attributes:
        path: the scan's file.
        reference: a label map of it, or None.
        outputs: where the results go.
        source: how the sidecars call the scan, as a BIDS URI; None: by its file's name.
        in_group: whether the run has other scans, and so ends with the page of all.
    """

    path: str
    reference: str | None
    outputs: OutputPaths
    source: str | None = None
    in_group: bool = False

    @property
    def name(self) -> str:
        """How records and tables call the scan: its results' place, "sub-01/anat/sub-01"."""
        return below(self.outputs.root, self.outputs.folder / self.outputs.name)

    @property
    def source_name(self) -> str:
        """How results call the scan: its BIDS URI, or its file's name."""
        return self.source or Path(self.path).name


@dataclass(frozen=True)
class ScanResults:
    """All that is known of a planned scan before its files are written.

    Attributes:
        planned: what was planned.
        segmented: what was found in the scan.
        provenance: what the sidecars say of the model.
        scores: how the labels compare with the reference; None without one.
    """

    planned: PlannedScan
    segmented: SegmentedScan
    provenance: Mapping[str, Any]
    scores: Sequence[Score] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a planned scan.

    Attributes:
        planned: what was planned.
        summary: verdict and volumes; None after a failure.
        failure: why there are no labels, in one line; None when there are.
        skipped: whether an earlier run had finished it.
        notes: sentences for the user.
        warnings: sentences too, on why the labels may be wrong.
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
    warnings: tuple[str, ...] = ()
    scores: Sequence[Score] | None = None
    files: tuple[Path, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    trace: tuple[str, ...] = ()
