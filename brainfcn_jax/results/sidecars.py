"""What the JSON file beside each result says: how it was made, in the words of BIDS.

Source: the Brain Imaging Data Structure 1.10, derivatives, bids-specification.readthedocs.io.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brainfcn_jax
from brainfcn_jax.imaging.nifti import voxel_mm3
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.labels import BACKGROUND_TISSUE, TISSUES
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.network.shipped_models import FINDER, file_digest, shipped_file
from brainfcn_jax.results.paths import sidecar_path
from brainfcn_jax.results.scan_results import ScanResults
from brainfcn_jax.results.settings import SegmentationSettings

Contents = dict[str, Any]

VOLUME_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "index": {"Description": "label value; n/a for a sum of tissues"},
    "name": {
        "LongName": "tissue",
        "Description": "brain: all tissues but ventricles and extracerebral fluid; "
        "intracranial: all seven tissues",
    },
    "abbreviation": {"Description": "short name"},
    "voxels": {"Description": "voxels with this label, after post-processing"},
    "volume_mm3": {"Description": "voxels times VoxelVolume", "Units": "mm^3"},
    "soft_volume_mm3": {
        "Description": "the probability of this label before post-processing, added up over the "
        "whole grid, times VoxelVolume; background and tissues make up the grid's volume",
        "Units": "mm^3",
    },
    "percent_of_icv": {
        "Description": "volume_mm3 in percent of the intracranial one; n/a for that one and the "
        "background",
    },
}

LABEL_MAP = {tissue.name: tissue.index for tissue in (BACKGROUND_TISSUE, *TISSUES)}
"""What the labels mean, as the sidecar of a label map tells it."""

SOFTWARE = "brainfcn-jax"
"""How results call this software; the name it is installed by."""


def sidecars(results: ScanResults, settings: SegmentationSettings) -> dict[Path, Contents]:
    """Gives the JSON files of a scan and their contents."""
    outputs = results.planned.outputs
    of_results = {
        outputs.label_map: label_map_contents(results),
        outputs.brain_mask: brain_mask_contents(results),
        outputs.volumes: volumes_contents(results),
    }
    if settings.save_prob:
        for tissue in TISSUES:
            path = outputs.probabilities[tissue.index]
            of_results[path] = {
                "Description": f"Probability of {tissue.name}, before post-processing",
                **common_contents(results),
            }
    if settings.save_uncertainty:
        of_results[outputs.uncertainty] = {
            "Description": "Entropy of the tissue probabilities before post-processing, as a share "
            "of the largest possible (ln 8): 0 is sure, 1 is all labels equally probable",
            **common_contents(results),
        }
    if settings.brain_image:
        of_results[outputs.brain_image] = {
            "Description": "The scan where the brain mask is 1, and 0 elsewhere",
            **common_contents(results),
            "SkullStripped": True,
        }
    return {sidecar_path(path): contents for path, contents in of_results.items()}


def common_contents(results: ScanResults) -> Contents:
    """Gives what the files of one scan have in common."""
    return {
        "Sources": [results.planned.source_name],
        "SpatialReference": results.planned.source or "orig",
        "SkullStripped": results.segmented.skull_stripped,
        "Manual": False,
        **results.provenance,
        "Warnings": list(results.segmented.warnings),
        "Notes": list(results.segmented.notes),
    }


def label_map_contents(results: ScanResults) -> Contents:
    """Tells of the label map also what its labels mean and what is worth knowing about it."""
    segmentation, quality = results.segmented.segmentation, results.segmented.quality
    return {
        "Description": "Brain tissues, one label a voxel, on the grid of the scan",
        "LabelMap": LABEL_MAP,
        **common_contents(results),
        "SliceDirections": segmentation.slice_axes,
        "NetworkSpacing": segmentation.network_spacing_mm,
        "RegionsRemoved": segmentation.removed_regions,
        "Quality": {
            "Verdict": quality.verdict,
            "Flags": [dataclasses.asdict(flag) for flag in quality.flags],
            "Measurements": dict(quality.measurements),
        },
        "Seconds": segmentation.seconds,
    }


def brain_mask_contents(results: ScanResults) -> Contents:
    """Tells of the brain mask what it is."""
    return {
        "Description": "1 where there is one of the seven tissues, fluids included",
        "Type": "Brain",
        **common_contents(results),
    }


def volumes_contents(results: ScanResults) -> Contents:
    """Tells of the volumes table its columns, and the volume of one voxel in mm³."""
    return {
        "Description": "Volume of each tissue, of the brain and of the intracranial space",
        **VOLUME_COLUMNS,
        "VoxelVolume": voxel_mm3(results.segmented.scan),
        **common_contents(results),
    }


def model_provenance(model: Model, weights: str, settings: SegmentationSettings) -> dict[str, Any]:
    """Gives the part of a sidecar that all scans share: software, weights and settings."""
    finder = {}
    if finder_for(model.description) is not None:
        path = shipped_file(FINDER)
        finder = {"Finder": {"File": path.name, "SHA256": file_digest(path)}}
    return {
        "GeneratedBy": [{"Name": SOFTWARE, "Version": software_version()}],
        "Weights": {"File": Path(weights).name, "SHA256": file_digest(weights)},
        **finder,
        "Model": dataclasses.asdict(model.description),
        "Settings": {
            "frame": settings.frame,
            "scheme": settings.scheme,
            "contrast": settings.contrast,
            "views": settings.views,
        },
    }


def model_name(provenance: Mapping[str, Any]) -> str:
    """Gives the name of the model in tables and pages: its weight file, without the ending."""
    return str(provenance["Weights"]["File"]).removesuffix(".h5")


def software_version() -> str:
    """Returns the version of this package, or "not installed" when it runs from its source."""
    return brainfcn_jax.__version__
