"""The contents of one scan's result files, but for what describes them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.labels import BACKGROUND, Label
from brainfcn_jax.measures.intensities import LabelIntensities, label_intensities
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.results.pages.picture import scan_picture
from brainfcn_jax.results.pages.scan_page import scan_page
from brainfcn_jax.results.paths import PAGE
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import Provenance
from brainfcn_jax.results.tables import dataclass_lines, volume_lines

LabelMap = UInt8[np.ndarray, "x y z"]
RealMap = Float32[np.ndarray, "x y z"]
Lines = list[list[Any]]
"""A table, its header first."""


@dataclass(frozen=True, eq=False)
class ScanContents:
    """What each file of a scan holds; maps are canonical.

    Attributes:
        planned: what was planned.
        segmented: what was found.
        provenance: what it was found with.
        scores: how the labels compare with the reference; None without one.
    """

    planned: PlannedScan
    segmented: SegmentedScan
    provenance: Provenance
    scores: Sequence[Score] | None = None

    def label_map(self) -> LabelMap:
        """Return the labels."""
        return self.segmented.canonical_labels

    def brain_mask(self) -> LabelMap:
        """Return 1 where there is a label."""
        return (self.segmented.canonical_labels != BACKGROUND).astype(np.uint8)

    def brain_image(self) -> RealMap:
        """Return the scan where there is a label, 0 elsewhere."""
        found = self.segmented
        return np.where(found.canonical_labels, found.scan.data, np.float32(0))

    def probability(self, label: Label) -> RealMap:
        """Return the probabilities of a label."""
        assert self.segmented.canonical_probabilities is not None
        return self.segmented.canonical_probabilities[label.index].astype(np.float32)

    def uncertainty(self) -> RealMap:
        """Return the entropy."""
        return self.segmented.canonical_entropy.astype(np.float32)

    def volumes(self) -> Lines:
        """Return the table of volumes."""
        return volume_lines(self.segmented.volumes)

    def intensities(self) -> Lines:
        """Return the table of the labels' intensities."""
        found = self.segmented
        table = found.description.labels
        return dataclass_lines(
            LabelIntensities, label_intensities(found.scan.data, found.canonical_labels, table)
        )

    def score_table(self) -> Lines:
        """Return the table of scores."""
        assert self.scores is not None
        return dataclass_lines(Score, self.scores)

    @cached_property
    def _picture(self) -> bytes:
        return scan_picture(self.segmented, self.planned.outputs.name)

    def picture(self) -> bytes:
        """Return the picture for quality control."""
        return self._picture

    def page(self) -> str:
        """Return the page for quality control, which links the page of all scans if there is one.

        There is when the run ends.
        """
        outputs = self.planned.outputs
        linked = self.planned.in_group or (outputs.root / PAGE).is_file()
        group_page = Path(os.path.relpath(outputs.root / PAGE, outputs.folder)).as_posix()
        return scan_page(
            self.planned,
            self.segmented,
            self.provenance,
            picture=self._picture,
            group_page=group_page if linked else None,
        )
