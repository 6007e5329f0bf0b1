"""What is planned for one scan of a run (no file is touched here)."""

from dataclasses import dataclass
from pathlib import Path

from brainfcn_jax.results.paths import OutputPaths, below


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
