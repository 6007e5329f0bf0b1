"""Whether a segmentation should be looked at: measurements, flags and a verdict (numpy).

Nothing here needs a reference. docs/quality.md says where each threshold comes from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float16, Float32, UInt8

from brainfcn_jax.imaging.boxes import bounding_box, box_slices
from brainfcn_jax.labels import BACKGROUND, LabelTable
from brainfcn_jax.measures.expectations import Expectations
from brainfcn_jax.measures.symmetry import halves
from brainfcn_jax.measures.volumes import LabelVolume
from brainfcn_jax.text import number

OTHER_CONTRAST = "other_contrast"
"""Name of the flag of a scan that is not what its name, its model or the user says."""

MOST_ASYMMETRY = 0.10
"""Of |right - left| / (right + left); the largest in 35 label maps of adults is 0.07."""

MOST_MISMATCH = 0.50
"""Of the brain that its mirror image does not match; at most 0.41 in the same maps."""

MOST_CUT_OFF = 0.01
"""Of the brain, what the field of view may leave out: less than volumes are uncertain by."""

MOST_REMOVED_PER_SLICE = 3.0
"""Regions that the post-processing removed, for each slice that holds tissue."""

MOST_MEAN_ENTROPY = 0.30
"""Mean uncertainty of the labelled voxels, as a fraction of the largest possible."""

MOST_UNLABELLED = 0.10
"""Of a brain that was found in a head, what has no label."""

_FILLED = 0.5
_ML_PER_MM3 = 1e-3
_FACES = (("left", "right"), ("back", "front"), ("bottom", "top"))


@dataclass(frozen=True)
class Flag:
    """One reason to look at a segmentation: a short name for tables, and a sentence."""

    name: str
    reason: str


@dataclass(frozen=True)
class Quality:
    """What is known of a segmentation's quality without a reference.

    Attributes:
        verdict: "CHECK" when there is a flag, else "PASS".
        flags: why somebody should look at it.
        measurements: what the flags were decided on, by name with its unit; finite numbers only,
            so that one that cannot be measured is left out.
    """

    verdict: Literal["PASS", "CHECK"]
    flags: tuple[Flag, ...]
    measurements: Mapping[str, float]


@dataclass(frozen=True)
class Finding:
    """What one check measured, and its flag if it has one."""

    measurements: Mapping[str, float]
    flag: Flag | None = None


def verdict_of(findings: Iterable[Finding]) -> Quality:
    """Return the verdict that several checks come to together."""
    findings = tuple(findings)
    flags = tuple(finding.flag for finding in findings if finding.flag is not None)
    measurements: dict[str, float] = {}
    for finding in findings:
        measurements |= finding.measurements
    return Quality("CHECK" if flags else "PASS", flags, measurements)


def label_checks(
    labels: UInt8[np.ndarray, "x y z"],
    image: Float32[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    volumes: Sequence[LabelVolume],
    table: LabelTable,
    expected: Expectations,
) -> tuple[Finding, ...]:
    """Return what checks find that compare labels with what is expected of them in people."""
    return (
        missing_labels(volumes, table),
        implausible_volumes(volumes, expected),
        asymmetry(labels, spacing_mm, table, expected),
        cut_by_field_of_view(labels, image, spacing_mm, table, expected),
    )


def missing_labels(volumes: Sequence[LabelVolume], table: LabelTable) -> Finding:
    """Flag labels that everyone has without a voxel."""
    asked = table.indices_where("in_everyone")
    missing = [row.name for row in volumes if row.index in asked and row.voxels == 0]
    if missing and len(missing) == len(asked):
        return Finding({}, Flag("missing_tissue", f"no {table.kind_word} was found"))
    return _flagged_if(missing, {}, "missing_tissue", f"not found: {', '.join(missing)}")


def implausible_volumes(volumes: Sequence[LabelVolume], expected: Expectations) -> Finding:
    """Flag volumes outside the limits of what is expected, but not those of missing labels."""
    reasons = []
    for row in volumes:
        low_ml, high_ml = expected.limits_ml.get(row.abbreviation, (0, np.inf))
        volume_ml = row.volume_mm3 * _ML_PER_MM3
        if row.voxels and not low_ml <= volume_ml <= high_ml:
            plausible = f"{number(low_ml)} to {number(high_ml)}"
            reasons.append(f"{row.name} {number(volume_ml)} ml (plausible: {plausible})")
    reason = f"for {expected.people}, {'; '.join(reasons)}"
    return _flagged_if(reasons, {}, "implausible_volume", reason)


def asymmetry(
    labels: UInt8[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    table: LabelTable,
    expected: Expectations,
) -> Finding:
    """Flag halves of different size, and a brain that is nothing like its mirror image.

    The index of a tissue is (right - left) / (right + left), of volumes on the two sides of
    `symmetry.halves`' plane.
    """
    found = halves(labels, spacing_mm, table) if expected.compared_sides else None
    if found is None:
        return Finding({})
    measured = {"mirror_mismatch": found.mismatch}
    reasons = []
    for tissue in (label for label in table if label.index in expected.compared_sides):
        left, right = (side[tissue.index] for side in (found.left_mm3, found.right_mm3))
        if left + right == 0:
            continue
        index = float((right - left) / (right + left))
        measured[f"asymmetry_{tissue.abbreviation}"] = index
        if abs(index) > MOST_ASYMMETRY:
            side, excess = ("right", index) if index > 0 else ("left", -index)
            reasons.append(f"{(1 + excess) / 2:.0%} of the {tissue.name} is on the {side}")
    if found.mismatch > MOST_MISMATCH:
        reasons.append(
            f"{found.mismatch:.0%} of the brain has another tissue as its mirror image "
            f"(usual: less than {MOST_MISMATCH:.0%})"
        )
    return _flagged_if(reasons, measured, "asymmetry", "; ".join(reasons))


def cut_by_field_of_view(
    labels: UInt8[np.ndarray, "x y z"],
    image: Float32[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    table: LabelTable,
    expected: Expectations,
) -> Finding:
    """Flag brain of which the field of view leaves out too much, by the sections on its edges.

    The edge is the outermost plane of the grid, or the outermost one whose intensities are not
    all the same where a scan is padded. What lies around the brain does not count, nor do at the
    bottom the labels that go on there.
    """
    if not table.fills_brain:
        return Finding({})
    around = set(table.indices_where("around_brain"))
    counted = sorted(set(table.indices_where("in_skull")) - around)
    brain = np.isin(labels, counted)
    brain_mm3 = float(brain.sum() * np.prod(spacing_mm))
    measured, reasons, cut_off = {}, [], 0.0
    for axis, names in enumerate(_FACES):
        pixel_mm2 = float(np.prod(spacing_mm)) / spacing_mm[axis]
        for name, index in zip(names, _edges(image, axis), strict=True):
            gone_on = expected.through_bottom if name == "bottom" else ()
            plane = labels.take(index, axis)
            section = np.isin(plane, [label for label in counted if label not in gone_on])
            section_mm2 = float(section.sum()) * pixel_mm2
            if 0 < index < image.shape[axis] - 1 and not _is_filled(image.take(index, axis)):
                section_mm2 = 0.0  # a masked scan: its brain ends here, its field of view does not
            measured[f"section_at_{name}_mm2"] = section_mm2
            if section_mm2 > 0:
                cut_off += share_beyond(section_mm2, brain_mm3)
                reasons.append(f"{number(section_mm2 / 100)} cm2 of brain lie on its {name} edge")
    measured["share_cut_off"] = cut_off
    reason = f"the field of view may cut the brain, by {cut_off:.0%}: {', '.join(reasons)}"
    return _flagged_if(cut_off > MOST_CUT_OFF, measured, "cut_by_field_of_view", reason)


def share_beyond(section_mm2: float, brain_mm3: float) -> float:
    """Return how much of a ball of the brain's volume lies beyond a plane with this section.

    It is the smaller part, and half where no plane cuts the ball in so large a section.

    >>> round(share_beyond(0.75 * math.pi, 4 / 3 * math.pi), 3)  # half a radius from its centre
    0.156
    """
    radius_mm = (0.75 * brain_mm3 / math.pi) ** (1 / 3)
    height_mm = radius_mm - math.sqrt(max(0.0, radius_mm**2 - section_mm2 / math.pi))
    return math.pi * height_mm**2 * (radius_mm - height_mm / 3) / brain_mm3


def many_removed_regions(labels: UInt8[np.ndarray, "x y z"], removed_regions: int) -> Finding:
    """Flag a post-processing that had much to remove.

    They are counted against the slices that hold tissue, along the axis that has the most.
    """
    holding = [int(np.count_nonzero(labels.any(axis=axes))) for axes in ((1, 2), (0, 2), (0, 1))]
    per_slice = float(removed_regions / max(1, *holding))
    reason = (
        f"{removed_regions} regions had been labelled that are small or away from the brain "
        f"({per_slice:.1f} a slice)"
    )
    measured = {"removed_regions": float(removed_regions), "removed_per_slice": per_slice}
    return _flagged_if(per_slice > MOST_REMOVED_PER_SLICE, measured, "many_removed_regions", reason)


def high_uncertainty(
    labels: UInt8[np.ndarray, "x y z"], entropy: Float16[np.ndarray, "x y z"], table: LabelTable
) -> Finding:
    """Flag labels that the network was not sure of, by the mean entropy of labelled voxels.

    The mean of each label is measured too.
    """
    classes = table.classes
    voxels, sums = np.zeros(classes), np.zeros(classes)
    box = bounding_box(labels)
    if box is None:
        return Finding({})
    labelled = box_slices(box)
    for sagittal, uncertainty in zip(labels[labelled], entropy[labelled], strict=True):
        voxels += np.bincount(sagittal.ravel(), minlength=classes)
        sums += np.bincount(sagittal.ravel(), uncertainty.ravel(), minlength=classes)
    voxels[BACKGROUND] = sums[BACKGROUND] = 0
    mean = float(sums.sum() / voxels.sum())
    measured = {"mean_entropy": mean} | {
        f"mean_entropy_{tissue.abbreviation}": float(total / count)
        for tissue, total, count in zip(table, sums[1:], voxels[1:], strict=True)
        if count
    }
    reason = f"the labels are uncertain: mean entropy {mean:.2f} (usual: up to {MOST_MEAN_ENTROPY})"
    return _flagged_if(mean > MOST_MEAN_ENTROPY, measured, "high_uncertainty", reason)


def brain_left_out(
    brain_found: bool | None,
    labels: UInt8[np.ndarray, "x y z"],
    in_brain: Bool[np.ndarray, "x y z"] | None,
) -> Finding:
    """Flag a scan in which no brain was found, and one whose brain was not labelled in full.

    Args:
        brain_found: whether there is one; None where it was not looked for.
        labels: before post-processing, where the network looked.
        in_brain: which of these voxels are in the brain; None where that is not known.
    """
    if brain_found is False:
        reason = "no brain was found in it, so that anything in it may be labelled"
        return Finding({}, Flag("brain_not_found", reason))
    if in_brain is None:
        return Finding({})
    unlabelled = int((in_brain & (labels == BACKGROUND)).sum())
    unlabelled_brain = unlabelled / max(1, int(in_brain.sum()))
    reason = f"{unlabelled_brain:.0%} of the brain that was found has no label"
    measured = {"unlabelled_brain": unlabelled_brain}
    found = unlabelled_brain > MOST_UNLABELLED
    return _flagged_if(found, measured, "unlabelled_brain", reason)


def _edges(image: Float32[np.ndarray, "x y z"], axis: int) -> tuple[int, int]:
    """Return the outermost planes across an axis whose voxels differ; else the grid's."""
    others = tuple(other for other in range(3) if other != axis)
    varied = np.flatnonzero(image.min(axis=others) != image.max(axis=others))
    return (int(varied[0]), int(varied[-1])) if varied.size else (0, image.shape[axis] - 1)


def _is_filled(plane: Float32[np.ndarray, "height width"]) -> bool:
    """Return whether less than half of a plane is empty, which is its lowest intensity."""
    outside: Bool[np.ndarray, "height width"] = plane == plane.min()
    return bool(outside.mean() < _FILLED)


def _flagged_if(
    found: Iterable[str] | bool, measured: Mapping[str, float], name: str, reason: str
) -> Finding:
    return Finding(measured, Flag(name, reason) if found else None)
