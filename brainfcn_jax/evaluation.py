"""Scans from file to label map, sidecar and scores, one after another through one model."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int32

from brainfcn_jax.errors import BrainfcnError, InputError, UsageError, WeightsError
from brainfcn_jax.grid import SLICE_AXES
from brainfcn_jax.labels import TISSUES, find_scheme, to_tissues
from brainfcn_jax.metrics import Score, score
from brainfcn_jax.modality import modality_warnings
from brainfcn_jax.models import file_digest, find_model
from brainfcn_jax.nifti import Scan, load_codes, load_scan, save_label_map
from brainfcn_jax.outputs import (
    OutputPaths,
    make_folder,
    refuse_existing,
    write_scores,
    write_sidecar,
)
from brainfcn_jax.segmentation import Segmentation, segment_scan
from brainfcn_jax.weights import Model, load_model

DISTRIBUTION = "brainfcn-jax"


@dataclass(frozen=True)
class Case:
    """One scan to label, the labels to compare it with if any, and where the results go."""

    volume: str
    reference: str | None
    outputs: OutputPaths


@dataclass(frozen=True)
class EvaluationSettings:
    """What all cases of one call share.

    Attributes:
        model: the name of a shipped model; None: the weights are the user's own.
        weights: the user's weight file; None: a shipped model is named.
        frame: the volume to take from 4D scans; None: they have only one.
        scheme: the code scheme of the references.
        overwrite: whether results that are there already are replaced.
    """

    model: str | None
    weights: str | None
    frame: int | None
    scheme: str
    overwrite: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes:
        case: the case.
        notes: sentences for the user.
        warnings: sentences too, on why the labels may be wrong.
        scores: how the labels compare with the reference; None without one.
        failure: why there are no labels, in one line; None when there are.
    """

    case: Case
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    scores: Sequence[Score] | None = None
    failure: str | None = None


def evaluate_scans(cases: Sequence[Case], settings: EvaluationSettings) -> Iterator[Outcome]:
    """Label scan after scan; one that fails never stops the others.

    Raises:
        UsageError: neither a shipped model nor a weight file is named, or both are.
        WeightsError: the weight file cannot be used; before the first scan.
    """
    weights = weight_file(settings)
    model = load_tissue_model(weights)
    provenance = model_provenance(model, weights, settings)
    for case in cases:
        try:
            yield evaluate_scan(case, model, provenance, settings)
        except BrainfcnError as error:
            yield Outcome(case, failure=str(error))
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            reason = (str(error) or "not enough memory").splitlines()[0]
            yield Outcome(case, failure=f"'{case.volume}' cannot be labelled: {reason}")


def evaluate_scan(
    case: Case, model: Model, provenance: dict[str, Any], settings: EvaluationSettings
) -> Outcome:
    """Label one scan, write its files, and score it if it has a reference.

    All that can be wrong with the input is found before the network runs, and no file is written
    before all results are there.

    Raises:
        InputError: the scan or the reference cannot be used.
        OutputError: a result exists already or cannot be written.
    """
    outputs = case.outputs
    scan, reference = load_case(case, settings)
    make_folder(outputs.label_map.parent)
    segmentation = segment_scan(model, scan)
    notes = (*scan.notes, *segmentation.notes)
    modality = model.description.modality
    warnings = modality_warnings(scan.path, scan.data, segmentation.labels, modality)
    scores = None
    if reference is not None:
        scheme, axis = find_scheme(settings.scheme), SLICE_AXES[model.description.slice_axis]
        scores = score(segmentation.labels, reference, scan.spacing_mm, scheme, slice_axis=axis)
    save_label_map(outputs.label_map, segmentation.labels, scan, settings.overwrite)
    contents = sidecar(scan, segmentation, warnings, provenance)
    write_sidecar(outputs.sidecar, contents, settings.overwrite)
    if scores is not None:
        write_scores(outputs.scores, scores, settings.overwrite)
    return Outcome(case, notes, warnings, scores)


def load_case(
    case: Case, settings: EvaluationSettings
) -> tuple[Scan, Int32[np.ndarray, "x y z"] | None]:
    """The scan and the codes of its reference, when both and the output folder can be used.

    Raises:
        InputError: the scan or the reference cannot be used.
        OutputError: a result exists already.
    """
    outputs = case.outputs
    refuse_existing([outputs.label_map, outputs.sidecar], settings.overwrite)
    if case.reference is not None:
        refuse_existing([outputs.scores], settings.overwrite)
    scan = load_scan(case.volume, frame=settings.frame)
    if case.reference is None:
        return scan, None
    codes = load_codes(case.reference, scan)
    try:
        to_tissues(codes, find_scheme(settings.scheme))
    except InputError as error:
        raise InputError(f"'{case.reference}' {error}") from error
    return scan, codes


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


def load_tissue_model(path: str) -> Model:
    """The model of a weight file, if its classes are this package's tissues.

    Raises WeightsError.
    """
    model = load_model(path)
    expected = tuple(tissue.name for tissue in TISSUES)
    if model.description.tissues != expected:
        raise WeightsError(
            f"'{path}' labels {', '.join(model.description.tissues)}; "
            f"give weights that label {', '.join(expected)}"
        )
    return model


def model_provenance(model: Model, weights: str, settings: EvaluationSettings) -> dict[str, Any]:
    """The part of a sidecar that all scans share: software, weights and settings."""
    return {
        "GeneratedBy": [{"Name": DISTRIBUTION, "Version": software_version()}],
        "Weights": {"File": Path(weights).name, "SHA256": file_digest(weights)},
        "Model": dataclasses.asdict(model.description),
        "Settings": {"frame": settings.frame, "scheme": settings.scheme},
    }


def sidecar(
    scan: Scan,
    segmentation: Segmentation,
    warnings: Sequence[str],
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """What is worth knowing about a label map, as it goes into the JSON file beside it."""
    return {
        "Description": "Brain tissues, one label a voxel, on the grid of the scan",
        "Sources": [Path(scan.path).name],
        "LabelMap": {"background": 0, **{tissue.name: tissue.index for tissue in TISSUES}},
        **provenance,
        "Warnings": list(warnings),
        "Notes": [*scan.notes, *segmentation.notes],
        "NetworkSpacing": segmentation.network_spacing_mm,
        "RegionsRemoved": segmentation.removed_regions,
        "Seconds": segmentation.seconds,
    }


def software_version() -> str:
    """The version of this package, or "not installed" when it runs from its source folder."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed"
