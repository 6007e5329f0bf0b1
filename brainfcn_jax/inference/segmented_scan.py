"""One scan analysed: its tissues, their volumes, and whether they can be trusted."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float16, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.nifti import Image, Scan, image_of, to_input_grid, voxel_mm3
from brainfcn_jax.inference.prediction import BATCH_SLICES, Progress, unwatched
from brainfcn_jax.inference.segmentation import Segmentation, segment_scan
from brainfcn_jax.labels import BACKGROUND, TISSUES
from brainfcn_jax.measures.modality import looks_skull_stripped, modality_warnings
from brainfcn_jax.measures.quality import Quality, assess
from brainfcn_jax.measures.summary import summary_html, summary_text
from brainfcn_jax.measures.volumes import Volumes, volume_table
from brainfcn_jax.network.model_file import Model


@dataclass(frozen=True, eq=False)
class SegmentedScan:
    """The tissues of one scan; printed, and in notebooks, its verdict and its volumes.

    Arrays have the shape and axis order of the scan (i, j, k); images are nibabel's, on exactly
    its grid, to be saved with `image.to_filename("labels.nii.gz")`. Labels are 0 background,
    1 cortical grey matter (CoGM), 2 basal ganglia and thalami (BGT), 3 white matter (WM),
    4 brainstem (BS), 5 cerebellum (CB), 6 ventricles (Vent), 7 extracerebral fluid (CSF).

    >>> from brainfcn_jax import load_model, segment
    >>> found = segment("sub-01_T1w.nii.gz", load_model(weights="runs/mine/best.h5"))
    >>> white_matter_mm3 = found.volume_mm3("WM")
    >>> int(found.labels.max()), bool((found.brain_mask == (found.labels > 0)).all())
    (3, True)

    Attributes:
        scan: the scan as it was read.
        segmentation: what was found, in the canonical frame (RAS+).
        volumes: of the background, the seven tissues, the brain and the intracranial space.
        quality: a verdict, "PASS" or "CHECK", and the reasons.
        skull_stripped: whether the scan looks as if its skull had been removed.
        notes: sentences on what was assumed or repaired.
        warnings: sentences on why the labels may be wrong.
    """

    scan: Scan
    segmentation: Segmentation
    volumes: Volumes
    quality: Quality
    skull_stripped: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        """The scan's name, its verdict and the reasons, notes and warnings, and its volumes."""
        name = Path(self.scan.path).name
        return summary_text(name, self.quality, self.volumes, self.warnings, self.notes)

    def _repr_html_(self) -> str:
        """The same as HTML, which notebooks show."""
        name = Path(self.scan.path).name
        return summary_html(name, self.quality, self.volumes, self.warnings, self.notes)

    @cached_property
    def labels(self) -> UInt8[np.ndarray, "i j k"]:
        """The label of each voxel, after post-processing."""
        return to_input_grid(self.segmentation.labels, self.scan)

    @cached_property
    def brain_mask(self) -> Bool[np.ndarray, "i j k"]:
        """Where there is one of the seven tissues, fluids included."""
        return self.labels != BACKGROUND

    @cached_property
    def uncertainty(self) -> Float16[np.ndarray, "i j k"]:
        """Entropy of the probabilities before post-processing: 0 sure, 1 all labels alike."""
        return to_input_grid(self.segmentation.entropy, self.scan)

    @cached_property
    def probabilities(self) -> Float16[np.ndarray, "i j k label"] | None:
        """Of every label before post-processing, in half precision, if they were kept."""
        kept = self.segmentation.probabilities
        return None if kept is None else to_input_grid(kept, self.scan)

    @cached_property
    def label_image(self) -> Image:
        """The labels as an image."""
        return image_of(self.segmentation.labels, self.scan)

    @cached_property
    def uncertainty_image(self) -> Image:
        """The uncertainty as an image."""
        return image_of(self.segmentation.entropy.astype(np.float32), self.scan)

    @cached_property
    def probability_images(self) -> dict[str, Image]:
        """The probability map of each tissue, by its abbreviation; empty if they were not kept."""
        kept = self.segmentation.probabilities
        if kept is None:
            return {}
        return {
            tissue.abbreviation: image_of(kept[..., tissue.index].astype(np.float32), self.scan)
            for tissue in TISSUES
        }

    def volume_mm3(self, abbreviation: str) -> float:
        """The volume of "CoGM", "WM", ..., "Brain" or "ICV" (intracranial).

        Raises UsageError for an abbreviation that there is not.
        """
        found = {row.abbreviation: row.volume_mm3 for row in self.volumes}
        if abbreviation not in found:
            raise UsageError(f"no volume is called {abbreviation!r}; there are {', '.join(found)}")
        return found[abbreviation]


def analyse_scan(
    model: Model,
    scan: Scan,
    *,
    finder: Model | None = None,
    views: int = 1,
    batch_slices: int = BATCH_SLICES,
    keep_probabilities: bool = False,
    contrast: str | None = None,
    progress: Progress = unwatched,
) -> SegmentedScan:
    """Segments a scan and measures what was found: volumes, quality, signs of a wrong modality.

    `finder`, `views` and `progress` are as `segment_scan` has them; `contrast` is what the scan
    shows, where that is known otherwise than by its name.

    Raises InputError when the scan would be absurdly large at the model's voxel size.
    """
    found = segment_scan(
        model,
        scan,
        finder=finder,
        views=views,
        batch_slices=batch_slices,
        keep_probabilities=keep_probabilities,
        progress=progress,
    )
    labels, modality = found.labels, model.description.modality
    volumes = volume_table(labels, found.soft_voxels, voxel_mm3(scan))
    return SegmentedScan(
        scan=scan,
        segmentation=found,
        volumes=volumes,
        quality=assess(
            labels,
            scan.data,
            found.entropy,
            volumes,
            found.removed_regions,
            scan.spacing_mm,
            modality,
            found.brain_found,
            found.unlabelled_brain,
        ),
        skull_stripped=looks_skull_stripped(scan.data, labels),
        notes=(*scan.notes, *found.notes),
        warnings=modality_warnings(scan.path, scan.data, labels, modality, contrast),
    )
