"""For programs: one scan in, its tissues out, without files in between."""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath

import numpy as np
from jaxtyping import Bool, Float16, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.nifti import Image, Scan, image_of, load_scan, to_input_grid, voxel_mm3
from brainfcn_jax.inference.prediction import BATCH_SLICES
from brainfcn_jax.inference.segmentation import Segmentation, segment_scan
from brainfcn_jax.labels import BACKGROUND, TISSUES
from brainfcn_jax.measures.modality import modality_warnings
from brainfcn_jax.measures.quality import Quality, assess
from brainfcn_jax.measures.volumes import TissueVolume, volume_table
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, find_model


@dataclass(frozen=True, eq=False)
class SegmentedScan:
    """The tissues of one scan.

    Arrays have the shape and axis order of the scan (i, j, k); images are nibabel's, on exactly
    its grid, to be saved with `image.to_filename("labels.nii.gz")`. Labels are 0 background,
    1 cortical grey matter (CoGM), 2 basal ganglia and thalami (BGT), 3 white matter (WM),
    4 brainstem (BS), 5 cerebellum (CB), 6 ventricles (Vent), 7 extracerebral fluid (CSF).

    Attributes:
        scan: the scan as it was read.
        segmentation: what was found, in the canonical frame (RAS+).
        volumes: of the background, the seven tissues, the brain and the intracranial space.
        quality: a verdict, "PASS" or "CHECK", and the reasons.
        notes: sentences on what was assumed or repaired.
        warnings: sentences on why the labels may be wrong.
    """

    scan: Scan
    segmentation: Segmentation
    volumes: tuple[TissueVolume, ...]
    quality: Quality
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

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


def segment(
    image: str | PathLike[str] | Image,
    model: str | Model | None = None,
    *,
    weights: str | PathLike[str] | None = None,
    frame: int | None = None,
    keep_probabilities: bool = False,
    batch_slices: int = BATCH_SLICES,
) -> SegmentedScan:
    """Labels the tissues in a scan of the brain.

    >>> from brainfcn_jax import load_model, segment
    >>> model = load_model(weights="runs/mine/best.h5")
    >>> found = segment("sub-01_T1w.nii.gz", model)
    >>> found.label_image.to_filename("sub-01_dseg.nii.gz")
    >>> round(found.volume_mm3("WM") / 1000)  # ml
    473

    Args:
        image: a NIfTI, MGH or Analyze file, or an image of nibabel's, which needs no file.
        model: the name of a shipped model ("adult_t1w" unless given), or one from `load_model`,
            which saves reading it again for the next scan.
        weights: a weight file of your own, instead of a model.
        frame: the volume to take from a 4D scan, from 0.
        keep_probabilities: whether `probabilities` is kept, 16 bytes a voxel.
        batch_slices: how many slices go through the network at a time.

    Raises:
        InputError: the scan cannot be used.
        UsageError: there is no such model, or both `model` and `weights` are given.
        WeightsError: the weights are missing or damaged.
    """
    if not isinstance(model, Model):
        model = load_model(model, weights=weights)
    elif weights is not None:
        raise UsageError("model and weights are both given; give one of them")
    scan = load_scan(image if isinstance(image, Image) else fspath(image), frame)
    found = segment_scan(
        model, scan, batch_slices=batch_slices, keep_probabilities=keep_probabilities
    )
    volumes = volume_table(found.labels, found.soft_voxels, voxel_mm3(scan))
    modality = model.description.modality
    return SegmentedScan(
        scan=scan,
        segmentation=found,
        volumes=volumes,
        quality=assess(
            found.labels,
            scan.data,
            found.entropy,
            volumes,
            found.removed_regions,
            scan.spacing_mm,
            modality,
        ),
        notes=(*scan.notes, *found.notes),
        warnings=modality_warnings(scan.path, scan.data, found.labels, modality),
    )


def load_model(name: str | None = None, *, weights: str | PathLike[str] | None = None) -> Model:
    """A shipped model by its name ("adult_t1w" unless given), or that of a weight file.

    Raises:
        UsageError: no shipped model has that name, or both are given.
        WeightsError: the weights are missing or damaged.
    """
    if weights is None:
        return load_tissue_model(str(find_model(name or DEFAULT_MODEL)))
    if name is not None:
        raise UsageError("model and weights are both given; give one of them")
    return load_tissue_model(fspath(weights))
