"""One segmented scan: its labels, their volumes, and whether they can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float16, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SliceAxis
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.imaging.nifti import Image, Scan, image_of, to_input_grid
from brainfcn_jax.imaging.slicing import channels_last
from brainfcn_jax.labels import BACKGROUND
from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.summary import summary_html, summary_text
from brainfcn_jax.measures.volumes import Volumes
from brainfcn_jax.network.model_file import ModelDescription


@dataclass(frozen=True, eq=False)
class SegmentedScan:
    """The labels of one scan; printed, and in notebooks, its verdict and its volumes.

    Arrays have the shape and axis order of the scan (i, j, k), but for those called canonical,
    which have axes to the right, front and top (RAS+); images are nibabel's, on exactly the scan's
    grid, to be saved with `image.to_filename("labels.nii.gz")`. What labels mean says
    `description.labels`; those of the shipped models are 0 background, 1 cortical grey matter
    (CoGM), 2 basal ganglia and thalami (BGT), 3 white matter (WM), 4 brainstem (BS), 5 cerebellum
    (CB), 6 ventricles (Vent), 7 extracerebral fluid (CSF).

    >>> from brainfcn_jax import load_model, segment
    >>> found = segment("sub-01_T1w.nii.gz", load_model(weights="runs/mine/best.h5"))
    >>> white_matter_mm3 = found.volume_mm3("WM")
    >>> int(found.labels.max()), bool((found.brain_mask == (found.labels > 0)).all())
    (3, True)

    Attributes:
        scan: the scan as it was read.
        description: of the model that labelled it.
        canonical_labels: after post-processing.
        canonical_entropy: of the probabilities before post-processing, as a fraction of the largest
            possible: 0 is certain; 0 outside what the network saw.
        canonical_probabilities: of every class before post-processing, in half precision, if they
            were kept.
        volumes: of the background and the labels, and of brain and intracranial space where the
            labels fill them.
        quality: a verdict, "PASS" or "CHECK", and the reasons.
        skull_stripped: whether the scan looks as if its skull had been removed.
        slice_axes: the directions of the slices that the network saw.
        network_spacing_mm: voxel size (x, y, z) of the grid that the network saw.
        removed_regions: how many in-slice regions the post-processing took away.
        histograms: of the intensities that take part in the equalisation, and of the grey levels
            that they become.
        seconds: wall time of each step.
        notes: sentences on what was assumed or repaired.
    """

    scan: Scan
    description: ModelDescription
    canonical_labels: UInt8[np.ndarray, "x y z"]
    canonical_entropy: Float16[np.ndarray, "x y z"]
    canonical_probabilities: Float16[np.ndarray, "classes x y z"] | None
    volumes: Volumes
    quality: Quality
    skull_stripped: bool
    slice_axes: tuple[SliceAxis, ...]
    network_spacing_mm: tuple[float, float, float]
    removed_regions: int
    histograms: tuple[Histogram, Histogram]
    seconds: Mapping[str, float]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the scan's name, its verdict and why, notes, and its volumes."""
        name = Path(self.scan.path).name
        return summary_text(name, self.quality, self.volumes, self.notes)

    def _repr_html_(self) -> str:
        """Return the same as HTML, which notebooks show."""
        name = Path(self.scan.path).name
        return summary_html(name, self.quality, self.volumes, self.notes)

    @cached_property
    def labels(self) -> UInt8[np.ndarray, "i j k"]:
        """The label of each voxel, after post-processing."""
        return to_input_grid(self.canonical_labels, self.scan)

    @cached_property
    def brain_mask(self) -> Bool[np.ndarray, "i j k"]:
        """Where there is a label, fluids included."""
        return self.labels != BACKGROUND

    @cached_property
    def uncertainty(self) -> Float16[np.ndarray, "i j k"]:
        """Entropy of the probabilities before post-processing: 0 sure, 1 all labels alike."""
        return to_input_grid(self.canonical_entropy, self.scan)

    @cached_property
    def probabilities(self) -> Float16[np.ndarray, "i j k label"] | None:
        """Of every label before post-processing, in half precision, if they were kept."""
        kept = self.canonical_probabilities
        return None if kept is None else to_input_grid(channels_last(kept), self.scan)

    @cached_property
    def label_image(self) -> Image:
        """The labels as an image."""
        return image_of(self.canonical_labels, self.scan)

    @cached_property
    def uncertainty_image(self) -> Image:
        """The uncertainty as an image."""
        return image_of(self.canonical_entropy.astype(np.float32), self.scan)

    @cached_property
    def probability_images(self) -> dict[str, Image]:
        """The probability map of each label, by its abbreviation; empty if they were not kept."""
        kept = self.canonical_probabilities
        if kept is None:
            return {}
        return {
            label.abbreviation: image_of(kept[label.index].astype(np.float32), self.scan)
            for label in self.description.labels
        }

    def volume_mm3(self, abbreviation: str) -> float:
        """Return the volume of "CoGM", "WM", ..., "Brain" or "ICV" (intracranial).

        Raises UsageError for an abbreviation that there is not.
        """
        found = {row.abbreviation: row.volume_mm3 for row in self.volumes}
        if abbreviation not in found:
            raise UsageError(f"no volume is called {abbreviation!r}; there are {', '.join(found)}")
        return found[abbreviation]
