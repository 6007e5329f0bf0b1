"""All files of one segmented scan, written: maps, tables, sidecars, picture and page (output)."""

import os
from pathlib import Path

import numpy as np

from brainfcn_jax.imaging.nifti import image_grid
from brainfcn_jax.imaging.nifti_writing import save_label_map, save_map
from brainfcn_jax.labels import BACKGROUND
from brainfcn_jax.results.case import LabelledCase, Outcome, case_name, source_name
from brainfcn_jax.results.options import EvaluationSettings
from brainfcn_jax.results.pages.picture import scan_picture
from brainfcn_jax.results.pages.scan_page import ScanReport, write_scan_page
from brainfcn_jax.results.paths import PAGE
from brainfcn_jax.results.shared_files import shared_files, write_shared_files
from brainfcn_jax.results.sidecars import sidecars, software_version
from brainfcn_jax.results.tables import write_json, write_scores, write_volumes
from brainfcn_jax.runtime.atomic_files import new_file


def write_pages(labelled: LabelledCase, overwrite: bool) -> None:
    """Write the picture and the page of a case.

    Raises OutputError when one of them exists already or cannot be written.
    """
    outputs, scan = labelled.case.outputs, labelled.scan
    picture = scan_picture(scan.data, labelled.segmentation.labels, scan.spacing_mm, outputs.name)
    with new_file(outputs.picture, overwrite) as temporary:
        temporary.write_bytes(picture)
    write_scan_page(outputs.report, scan_report(labelled, picture), overwrite)


def scan_report(labelled: LabelledCase, picture: bytes) -> ScanReport:
    """All that the page of a case shows."""
    segmentation, scan = labelled.segmentation, labelled.scan
    outputs = labelled.case.outputs
    group_page = Path(os.path.relpath(outputs.root / PAGE, outputs.folder)).as_posix()
    return ScanReport(
        name=outputs.name,
        image=scan.data,
        labels=segmentation.labels,
        entropy=segmentation.entropy,
        grid=image_grid(scan.image),
        volumes=labelled.volumes,
        quality=labelled.quality,
        picture=picture,
        group_page=group_page if (outputs.folder / group_page).is_file() else None,
        name_in_group=case_name(labelled.case),
        model=Path(labelled.provenance["Weights"]["File"]).stem,
        training=labelled.provenance["Model"]["training"],
        scan_histogram=segmentation.head_histogram,
        equalised_histogram=segmentation.equalised_histogram,
        provenance=provenance_rows(labelled),
        notes=labelled.notes,
        warnings=labelled.warnings,
    )


def provenance_rows(labelled: LabelledCase) -> list[tuple[str, str]]:
    """What made the labels, as pairs of words."""
    provenance = labelled.provenance
    (software,) = provenance["GeneratedBy"]
    model, weights = provenance["Model"], provenance["Weights"]
    spacing_mm = labelled.segmentation.network_spacing_mm
    return [
        ("scan", source_name(labelled)),
        ("software", f"{software['Name']} {software['Version']}"),
        ("weights", weights["File"]),
        ("SHA-256 of the weights", weights["SHA256"]),
        ("modality", model["modality"]),
        ("slices", model["slice_axis"]),
        ("voxels that the network saw", " x ".join(f"{mm:.3g}" for mm in spacing_mm) + " mm"),
        ("regions removed", str(labelled.segmentation.removed_regions)),
    ]


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
