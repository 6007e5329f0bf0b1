"""One scan from its file to its results in three steps, which may overlap: read, label, write."""

import dataclasses
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.bids_files import SOFTWARE, shared_files, write_shared_files
from brainfcn_jax.cases import Case, LabelledCase, LoadedCase, OpenModel, Outcome
from brainfcn_jax.errors import InputError, UsageError, WeightsError
from brainfcn_jax.evaluation_settings import EvaluationSettings
from brainfcn_jax.grid import SLICE_AXES
from brainfcn_jax.labels import BACKGROUND, TISSUES, find_scheme, to_tissues
from brainfcn_jax.map_files import save_label_map, save_map
from brainfcn_jax.metrics import Score, score
from brainfcn_jax.modality import looks_skull_stripped, modality_warnings
from brainfcn_jax.models import file_digest, find_model
from brainfcn_jax.nifti import load_codes, load_scan, voxel_mm3
from brainfcn_jax.outputs import (
    make_folder,
    refuse_existing,
    write_json,
    write_scores,
    write_volumes,
)
from brainfcn_jax.predict import BATCH_SLICES
from brainfcn_jax.quality import assess
from brainfcn_jax.scan_pages import write_pages
from brainfcn_jax.segmentation import segment_scan
from brainfcn_jax.sidecars import sidecars
from brainfcn_jax.volumes import volume_table
from brainfcn_jax.weights import Model, ModelDescription, load_model


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
) -> LabelledCase:
    """Everything that is computed of a scan: labels, volumes, quality, scores.

    Raises:
        InputError: the scan would be absurdly large at the model's voxel size.
    """
    scan, description = loaded.scan, opened.model.description
    segmentation = segment_scan(
        opened.model, scan, batch_slices=batch_slices, keep_probabilities=settings.save_prob
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


def write_case(labelled: LabelledCase, settings: EvaluationSettings) -> Outcome:
    """Write all files of a scan, each beside its name and renamed, and what scans share.

    Raises:
        OutputError: a result exists already or cannot be written.
    """
    case, segmentation, overwrite = labelled.case, labelled.segmentation, settings.overwrite
    outputs = case.outputs
    shared = shared_files(
        outputs.root,
        version=software_version(),
        flat=outputs.folder == outputs.root,
        source_dataset=settings.source_dataset,
    )
    notes = write_shared_files(shared)
    write_maps(labelled, settings)
    write_volumes(outputs.volumes, labelled.volumes, overwrite)
    contents = sidecars(labelled, settings.save_prob, settings.save_uncertainty)
    for path, content in contents.items():
        write_json(path, content, overwrite)
    if labelled.scores is not None:
        write_scores(outputs.scores, labelled.scores, overwrite)
    write_pages(labelled, overwrite)
    return Outcome(
        case=case,
        notes=(*labelled.notes, *notes),
        warnings=labelled.warnings,
        scores=labelled.scores,
        volumes=labelled.volumes,
        quality=labelled.quality,
        files=tuple(outputs.all(settings, scored=labelled.scores is not None)),
        seconds=segmentation.seconds,
    )


def write_maps(labelled: LabelledCase, settings: EvaluationSettings) -> None:
    """Write the maps of a scan, all on its grid; raises OutputError as `write_case` does."""
    scan, segmentation, overwrite = labelled.scan, labelled.segmentation, settings.overwrite
    outputs, labels = labelled.case.outputs, segmentation.labels
    save_label_map(outputs.label_map, labels, scan, overwrite)
    save_label_map(outputs.brain_mask, (labels != BACKGROUND).astype(np.uint8), scan, overwrite)
    if settings.save_prob:
        assert segmentation.probabilities is not None
        for index, path in outputs.probabilities.items():
            save_map(path, segmentation.probabilities[..., index], scan, overwrite)
    if settings.save_uncertainty:
        save_map(outputs.uncertainty, segmentation.entropy, scan, overwrite)


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
        "GeneratedBy": [{"Name": SOFTWARE, "Version": software_version()}],
        "Weights": {"File": Path(weights).name, "SHA256": file_digest(weights)},
        "Model": dataclasses.asdict(model.description),
        "Settings": {"frame": settings.frame, "scheme": settings.scheme},
    }


def software_version() -> str:
    """The version of this package, or "not installed" when it runs from its source folder."""
    try:
        return metadata.version(SOFTWARE)
    except metadata.PackageNotFoundError:
        return "not installed"
