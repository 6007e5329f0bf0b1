"""What the JSON file beside each result says: how it was made, in the words of BIDS.

Source: the Brain Imaging Data Structure 1.10, derivatives, bids-specification.readthedocs.io.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

from brainfcn_jax.labels import Label, LabelTable

if TYPE_CHECKING:
    from brainfcn_jax.results.contents import ScanContents

Words = dict[str, Any]

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_OUTSIDE_BRAIN = {"ventricle": "ventricles", "fluid": "extracerebral fluid"}
"""How kinds of labels that are no brain are called."""
_SHARE = "volume_mm3 in percent of the intracranial one; n/a for that one and the background"
_NO_SHARE = "n/a, since the labels do not fill the intracranial space"


def label_values(table: LabelTable) -> dict[str, int]:
    """Return what values mean, as the sidecar of a label map tells it."""
    return {label.name: label.index for label in table.with_background}


def volume_columns(table: LabelTable) -> dict[str, dict[str, str]]:
    """Return what the columns of a table of volumes are."""
    kind = table.kind_word
    name = {"LongName": kind}
    if table.fills_brain:
        outside = [word for kind, word in _OUTSIDE_BRAIN.items() if kind in _kinds(table)]
        name["Description"] = (
            f"brain: all tissues{' but ' if outside else ''}{' and '.join(outside)}; "
            f"intracranial: all {_in_skull(table)} tissues"
        )
    return {
        "index": {"Description": "label value" + "; n/a for a sum of tissues" * table.fills_brain},
        "name": name,
        "abbreviation": {"Description": "short name"},
        "voxels": {"Description": "voxels with this label, after post-processing"},
        "volume_mm3": {"Description": "voxels times VoxelVolume", "Units": "mm^3"},
        "soft_volume_mm3": {
            "Description": "the probability of this label before post-processing, added up over "
            f"the whole grid, times VoxelVolume; background and {kind}s make up the grid's volume",
            "Units": "mm^3",
        },
        "percent_of_icv": {"Description": _SHARE if table.fills_brain else _NO_SHARE},
    }


def label_map(contents: "ScanContents") -> Words:
    """Describe the label map, also what its labels mean and what is worth knowing about it."""
    found, table = contents.segmented, contents.segmented.description.labels
    return {
        "Description": f"{'Brain tissues' if table.fills_brain else 'Labels'}, one label a voxel, "
        "on the grid of the scan",
        "LabelMap": label_values(table),
        **_common(contents),
        "SliceDirections": found.slice_axes,
        "NetworkSpacing": found.network_spacing_mm,
        "RegionsRemoved": found.removed_regions,
        "Quality": {
            "Verdict": found.quality.verdict,
            "Flags": [dataclasses.asdict(flag) for flag in found.quality.flags],
            "Measurements": dict(found.quality.measurements),
        },
        "Seconds": found.seconds,
    }


def brain_mask(contents: "ScanContents") -> Words:
    """Describe the brain mask."""
    count = _in_skull(contents.segmented.description.labels)
    return {
        "Description": f"1 where there is one of the {count} tissues, fluids included",
        "Type": "Brain",
        **_common(contents),
    }


def volumes(contents: "ScanContents") -> Words:
    """Describe the volumes table: its columns, and the volume of one voxel in mm³."""
    table = contents.segmented.description.labels
    sums = ", of the brain and of the intracranial space" if table.fills_brain else ""
    return {
        "Description": f"Volume of each {table.kind_word}{sums}",
        **volume_columns(table),
        "VoxelVolume": contents.segmented.scan.grid.voxel_mm3,
        **_common(contents),
    }


def probability(contents: "ScanContents", label: Label) -> Words:
    """Describe the probability map of a label."""
    return {
        "Description": f"Probability of {label.name}, before post-processing",
        **_common(contents),
    }


def uncertainty(contents: "ScanContents") -> Words:
    """Describe the entropy and how large it can be."""
    table = contents.segmented.description.labels
    return {
        "Description": f"Entropy of the {table.kind_word} probabilities before post-processing, "
        f"as a share of the largest possible (ln {table.classes}): 0 is sure, 1 is all labels "
        "equally probable",
        **_common(contents),
    }


def brain_image(contents: "ScanContents") -> Words:
    """Describe the scan that was cut to the brain."""
    return {
        "Description": "The scan where the brain mask is 1, and 0 elsewhere",
        **_common(contents),
        "SkullStripped": True,
    }


def _common(contents: "ScanContents") -> Words:
    """Return what the files of one scan have in common."""
    planned, found = contents.planned, contents.segmented
    return {
        "Sources": [planned.source_name],
        "SpatialReference": planned.source or "orig",
        "SkullStripped": found.skull_stripped,
        "Manual": False,
        **contents.provenance.as_sidecar(),
        "Notes": list(found.notes),
    }


def _kinds(table: LabelTable) -> set[str]:
    return {label.kind for label in table}


def _in_skull(table: LabelTable) -> str:
    """Return how many labels lie in the intracranial space."""
    count = len(table.indices_where("in_skull"))
    return _COUNTS[count] if count < len(_COUNTS) else str(count)
