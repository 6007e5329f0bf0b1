"""All files of one segmented scan, written: maps, tables, sidecars, picture and page (output)."""

import os
from pathlib import Path

import numpy as np

from brainfcn_jax.imaging.image_files import image_grid
from brainfcn_jax.imaging.nifti_writing import save_label_map, save_map
from brainfcn_jax.labels import BACKGROUND
from brainfcn_jax.results.pages.picture import scan_picture
from brainfcn_jax.results.pages.scan_page import ScanReport, write_scan_page
from brainfcn_jax.results.paths import PAGE
from brainfcn_jax.results.record import Summary
from brainfcn_jax.results.scan_results import Outcome, ScanResults
from brainfcn_jax.results.settings import SegmentationSettings
from brainfcn_jax.results.shared_files import shared_files, write_shared_files
from brainfcn_jax.results.sidecars import model_name, sidecars, software_version
from brainfcn_jax.results.tables import write_json, write_scores, write_volumes
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.text import number


def write_pages(results: ScanResults, overwrite: bool) -> None:
    """Writes the picture and the page of a scan.

    Raises OutputError when one of them exists already or cannot be written.
    """
    outputs, scan = results.planned.outputs, results.segmented.scan
    picture = scan_picture(
        scan.data, results.segmented.segmentation.labels, scan.spacing_mm, outputs.name
    )
    with new_file(outputs.picture, overwrite) as temporary:
        temporary.write_bytes(picture)
    write_scan_page(outputs.report, scan_report(results, picture), overwrite)


def scan_report(results: ScanResults, picture: bytes) -> ScanReport:
    """Gives all that the page of a scan shows."""
    segmentation, scan = results.segmented.segmentation, results.segmented.scan
    outputs = results.planned.outputs
    group_page = Path(os.path.relpath(outputs.root / PAGE, outputs.folder)).as_posix()
    linked = results.planned.in_group or (outputs.root / PAGE).is_file()
    return ScanReport(
        name=outputs.name,
        image=scan.data,
        labels=segmentation.labels,
        entropy=segmentation.entropy,
        grid=image_grid(scan.image),
        volumes=results.segmented.volumes,
        quality=results.segmented.quality,
        picture=picture,
        group_page=group_page if linked else None,
        name_in_group=results.planned.name,
        model=model_name(results.provenance),
        training=results.provenance["Model"]["training"],
        scan_histogram=segmentation.head_histogram,
        equalised_histogram=segmentation.equalised_histogram,
        provenance=provenance_rows(results),
        notes=results.segmented.notes,
        warnings=results.segmented.warnings,
    )


def provenance_rows(results: ScanResults) -> list[tuple[str, str]]:
    """Tells what made the labels, as pairs of words."""
    provenance = results.provenance
    (software,) = provenance["GeneratedBy"]
    model, weights = provenance["Model"], provenance["Weights"]
    spacing_mm = results.segmented.segmentation.network_spacing_mm
    return [
        ("scan", results.planned.source_name),
        ("software", f"{software['Name']} {software['Version']}"),
        ("weights", weights["File"]),
        ("SHA-256 of the weights", weights["SHA256"]),
        ("modality", model["modality"]),
        ("slices", ", ".join(results.segmented.segmentation.slice_axes)),
        ("voxels that the network saw", " x ".join(map(number, spacing_mm)) + " mm"),
        ("regions removed", str(results.segmented.segmentation.removed_regions)),
    ]


def write_results(results: ScanResults, settings: SegmentationSettings) -> Outcome:
    """Writes all files of a scan, each beside its name and renamed, and what scans share.

    Raises:
        OutputError: a result exists already or cannot be written.
    """
    planned, segmentation, overwrite = (
        results.planned,
        results.segmented.segmentation,
        settings.overwrite,
    )
    outputs = planned.outputs
    shared = shared_files(
        outputs.root,
        version=software_version(),
        flat=outputs.folder == outputs.root,
        source_dataset=settings.source_dataset,
    )
    notes = write_shared_files(shared)
    write_maps(results, settings)
    write_volumes(outputs.volumes, results.segmented.volumes, overwrite, settings.csv)
    contents = sidecars(results, settings)
    for path, content in contents.items():
        write_json(path, content, overwrite)
    if results.scores is not None:
        write_scores(outputs.scores, results.scores, overwrite, settings.csv)
    write_pages(results, overwrite)
    return Outcome(
        planned=planned,
        summary=summary(results),
        notes=(*results.segmented.notes, *notes),
        warnings=results.segmented.warnings,
        scores=results.scores,
        files=tuple(outputs.all(settings, scored=results.scores is not None)),
        seconds=segmentation.seconds,
    )


def summary(results: ScanResults) -> Summary:
    """Gives what is told of a scan among others."""
    quality = results.segmented.quality
    return Summary(
        verdict=quality.verdict,
        flags=quality.flags,
        mean_entropy=quality.measurements.get("mean_entropy"),
        volumes_mm3={row.abbreviation: row.volume_mm3 for row in results.segmented.volumes},
        model=model_name(results.provenance),
    )


def write_maps(results: ScanResults, settings: SegmentationSettings) -> None:
    """Writes the maps of a scan, all on its grid; raises OutputError as `write_results` does."""
    scan, segmentation, overwrite = (
        results.segmented.scan,
        results.segmented.segmentation,
        settings.overwrite,
    )
    outputs, labels = results.planned.outputs, segmentation.labels
    save_label_map(outputs.label_map, labels, scan, overwrite)
    save_label_map(outputs.brain_mask, (labels != BACKGROUND).astype(np.uint8), scan, overwrite)
    if settings.brain_image:
        save_map(outputs.brain_image, np.where(labels, scan.data, 0), scan, overwrite)
    if settings.save_prob:
        assert segmentation.probabilities is not None
        for index, path in outputs.probabilities.items():
            save_map(path, segmentation.probabilities[..., index], scan, overwrite)
    if settings.save_uncertainty:
        save_map(outputs.uncertainty, segmentation.entropy, scan, overwrite)
