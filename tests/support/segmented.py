"""A scan segmented with or without looking for its brain, and what tests ask of the result."""

import dataclasses

from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.network.model_file import Model


def segmented(
    model: Model,
    scan: Scan,
    *,
    finder: Model | None = None,
    views: int = 1,
    keep_probabilities: bool = False,
) -> SegmentedScan:
    """Returns a scan segmented by a model, which looks for a brain if there is a finder."""
    description = dataclasses.replace(model.description, find_brain=finder is not None)
    segmenter = Segmenter(dataclasses.replace(model, description=description), finder=finder)
    return segmenter.segment(scan, views=views, keep_probabilities=keep_probabilities)


def soft_voxels(found: SegmentedScan) -> list[float]:
    """Returns the summed probabilities of the classes, background first."""
    rows = [row for row in found.volumes if row.index is not None]
    return [row.soft_volume_mm3 / found.scan.grid.voxel_mm3 for row in rows]


def brain_found(found: SegmentedScan) -> bool:
    """Returns whether a scan was not flagged for want of a brain."""
    return all(flag.name != "brain_not_found" for flag in found.quality.flags)
