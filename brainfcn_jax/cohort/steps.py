"""One scan of many from its file to its results: read, label, with one model for all."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Int32, UInt8

from brainfcn_jax.errors import BrainfcnError, InputError, UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.nifti import Scan, load_codes, load_scan, voxel_mm3
from brainfcn_jax.inference.prediction import BATCH_SLICES, Progress, unwatched
from brainfcn_jax.inference.segmentation import segment_scan
from brainfcn_jax.labels import find_scheme, to_tissues
from brainfcn_jax.measures.metrics import Score, score
from brainfcn_jax.measures.modality import looks_skull_stripped, modality_warnings
from brainfcn_jax.measures.quality import assess
from brainfcn_jax.measures.volumes import volume_table
from brainfcn_jax.network.model_file import Model, ModelDescription, load_tissue_model
from brainfcn_jax.network.shipped_models import find_model
from brainfcn_jax.results.case import Case, LabelledCase, Outcome
from brainfcn_jax.results.options import EvaluationSettings
from brainfcn_jax.results.paths import make_folder, refuse_existing
from brainfcn_jax.results.sidecars import model_provenance
from brainfcn_jax.runtime.jax_environment import is_out_of_memory
from brainfcn_jax.text import first_line

CASE_ERRORS = (BrainfcnError, MemoryError, jax.errors.JaxRuntimeError)
"""What can go wrong with one scan and leaves the others as they are; all else is a bug."""


@dataclass(frozen=True)
class OpenModel:
    """A model ready for any number of scans, and what their sidecars say of it."""

    model: Model
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class LoadedCase:
    """A case that was read and can be labelled; the reference has its own codes."""

    case: Case
    scan: Scan
    reference: Int32[np.ndarray, "x y z"] | None


def open_model(settings: EvaluationSettings) -> OpenModel:
    """The model that the settings name.

    Raises:
        UsageError: neither a shipped model nor a weight file is named, or both are.
        WeightsError: the weight file cannot be used.
    """
    weights = weight_file(settings)
    model = load_tissue_model(weights)
    return OpenModel(model, model_provenance(model, weights, settings))


def read_case(case: Case, settings: EvaluationSettings) -> LoadedCase:
    """The scan and the codes of its reference, when both and the output folder can be used.

    All that can be wrong with the input is found here, before the network runs.

    Raises:
        InputError: the scan or the reference cannot be used.
        OutputError: a result exists already, or there can be no folder for it.
    """
    outputs = case.outputs
    refuse_existing(outputs.all(settings, case.reference is not None), settings.overwrite)
    scan = load_scan(case.volume, frame=settings.frame)
    codes = None
    if case.reference is not None:
        codes = load_codes(case.reference, scan)
        try:
            to_tissues(codes, find_scheme(settings.scheme))
        except InputError as error:
            raise InputError(f"'{case.reference}' {error}") from error
    make_folder(outputs.folder)
    return LoadedCase(case, scan, codes)


def label_case(
    loaded: LoadedCase,
    opened: OpenModel,
    settings: EvaluationSettings,
    batch_slices: int = BATCH_SLICES,
    progress: Progress = unwatched,
) -> LabelledCase:
    """Everything that is computed of a scan: labels, volumes, quality, scores.

    Raises:
        InputError: the scan would be absurdly large at the model's voxel size.
    """
    scan, description = loaded.scan, opened.model.description
    segmentation = segment_scan(
        opened.model,
        scan,
        batch_slices=batch_slices,
        keep_probabilities=settings.save_prob,
        progress=progress,
    )
    labels = segmentation.labels
    volumes = volume_table(labels, segmentation.soft_voxels, voxel_mm3(scan))
    return LabelledCase(
        case=loaded.case,
        scan=scan,
        segmentation=segmentation,
        volumes=volumes,
        quality=assess(
            labels,
            scan.data,
            segmentation.entropy,
            volumes,
            segmentation.removed_regions,
            scan.spacing_mm,
            description.modality,
        ),
        skull_stripped=looks_skull_stripped(scan.data, labels),
        provenance=opened.provenance,
        notes=(*scan.notes, *segmentation.notes),
        warnings=modality_warnings(scan.path, scan.data, labels, description.modality),
        scores=reference_scores(loaded, labels, description, settings),
    )


def reference_scores(
    loaded: LoadedCase,
    labels: UInt8[np.ndarray, "x y z"],
    description: ModelDescription,
    settings: EvaluationSettings,
) -> list[Score] | None:
    """How labels compare with the case's reference; None when it has none."""
    if loaded.reference is None:
        return None
    scheme, axis = find_scheme(settings.scheme), SLICE_AXES[description.slice_axis]
    return score(labels, loaded.reference, loaded.scan.spacing_mm, scheme, slice_axis=axis)


def weight_file(settings: EvaluationSettings) -> str:
    """The weight file that the settings name, checked against its SHA-256 if it is shipped.

    Raises:
        UsageError: neither a shipped model nor a weight file is named, or both are.
        WeightsError: the shipped model is missing or damaged.
    """
    if settings.model is not None and settings.weights is None:
        return str(find_model(settings.model))
    if settings.weights is not None and settings.model is None:
        return settings.weights
    raise UsageError("name either a shipped model or a weight file")


def failed_outcome(case: Case, error: BaseException) -> Outcome:
    """What became of a case that ended with one of `CASE_ERRORS`."""
    if isinstance(error, BrainfcnError):
        return Outcome(case, failure=str(error))
    reason = first_line(error) if str(error) else "not enough memory"
    return Outcome(case, failure=f"'{case.volume}' cannot be labelled: {reason}")


class Labeller:
    """Labels cases with one model; remembers the batch size that fitted.

    Attributes:
        batch_slices: how many slices go through the network at once.
    """

    def __init__(self, opened: OpenModel, batch_slices: int = BATCH_SLICES) -> None:
        self._opened = opened
        self.batch_slices = batch_slices

    def label(
        self, loaded: LoadedCase, settings: EvaluationSettings, progress: Progress = unwatched
    ) -> LabelledCase:
        """Labels a case; where the device's memory runs out, with half the slices at once.

        A note says so.

        Raises:
            InputError: as `label_case` does.
            BrainfcnError: even one slice is too much for the device.
        """
        asked_for = self.batch_slices
        while True:
            try:
                labelled = label_case(loaded, self._opened, settings, self.batch_slices, progress)
                break
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_slices == 1:
                    raise BrainfcnError(
                        f"'{loaded.case.volume}' cannot be labelled: the device's memory is too "
                        f"small for it, one slice at a time too ({first_line(error)}); end what "
                        "else uses the device, or label on the processor, with JAX_PLATFORMS=cpu"
                    ) from error
                self.batch_slices //= 2
        if self.batch_slices == asked_for:
            return labelled
        note = (
            f"the device's memory was too small for {asked_for} slices at once; "
            f"{self.batch_slices} were taken from here on"
        )
        return dataclasses.replace(labelled, notes=(*labelled.notes, note))
