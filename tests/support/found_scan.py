"""A segmented scan without a network, and what goes with it, for tests of results and pages."""

import dataclasses
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from jaxtyping import Float32, UInt8
from support.labelled_brain import entropies, intensities, labelled_brain
from support.threshold_model import DESCRIPTION

from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.imaging.image_files import image_grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.volumes import volume_table
from brainfcn_jax.results.options import Analysis
from brainfcn_jax.results.paths import output_paths
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import Provenance, WeightFile

AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])
SHAPE = (30, 35, 33)


def small_brain() -> UInt8[np.ndarray, "x y z"]:
    """`labelled_brain` in voxels of `AFFINE`."""
    return labelled_brain(SHAPE, (6.0, 6.0, 6.0))


def found_scan(
    labels: UInt8[np.ndarray, "x y z"],
    image: Float32[np.ndarray, "x y z"] | None = None,
    affine: np.ndarray = AFFINE,
    **changes: Any,
) -> SegmentedScan:
    """A scan with these labels; both are canonical, `affine` may turn axes of its file round."""
    flips = [slice(None, None, int(np.sign(affine[axis, axis]))) for axis in range(3)]
    canonical = intensities(labels) if image is None else image
    file = nibabel.Nifti1Image(canonical[tuple(flips)], affine)
    right_mm, front_mm, top_mm = np.abs(np.diag(affine)[:3]).tolist()
    scan = Scan(canonical, (right_mm, front_mm, top_mm), image_grid(file), file, "scan.nii", ())
    description = changes.get("description", DESCRIPTION)
    counts = np.bincount(labels.ravel(), minlength=description.labels.classes).astype(float)
    voxel_mm3 = float(np.prod(scan.spacing_mm))
    histogram = Histogram(np.array([0.0, 1.0, 2.0]), np.array([3, 4]))
    settings: dict[str, Any] = {
        "scan": scan,
        "description": description,
        "canonical_labels": labels,
        "canonical_entropy": entropies(labels),
        "canonical_probabilities": None,
        "volumes": volume_table(labels, counts.tolist(), voxel_mm3, description.labels),
        "quality": Quality("PASS", (), {"mean_entropy": 0.2}),
        "skull_stripped": False,
        "slice_axes": ("axial",),
        "network_spacing_mm": scan.spacing_mm,
        "removed_regions": 0,
        "histograms": (histogram, histogram),
        "seconds": {},
        "notes": (),
    }
    return SegmentedScan(**(settings | changes))


def planned_scan(name: str, folder: str = "", out: Path = Path("out")) -> PlannedScan:
    """The plan of a scan."""
    return PlannedScan(f"{name}.nii", None, output_paths(out, name, folder))


def provenance(model: str = "mine", version: str = "1.2", **changes: Any) -> Provenance:
    """The provenance of what the threshold model finds."""
    found = Provenance(version, WeightFile(f"{model}.h5", "ab" * 32), None, DESCRIPTION, Analysis())
    return dataclasses.replace(found, **changes)
