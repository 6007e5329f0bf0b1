"""The picture and the page of one scan, for quality control."""

import os
from pathlib import Path

from brainfcn_jax import group
from brainfcn_jax.cases import LabelledCase, source_name
from brainfcn_jax.files import new_file
from brainfcn_jax.ledger import case_name
from brainfcn_jax.picture import scan_picture
from brainfcn_jax.report import ScanReport, write_scan_page


def write_pages(labelled: LabelledCase, overwrite: bool) -> None:
    """Write the picture and the page of a case.

    Raises:
        InputError: the viewer's script, which nilearn ships, is not installed.
        OutputError: one of them exists already or cannot be written.
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
    return ScanReport(
        name=outputs.name,
        image=scan.data,
        labels=segmentation.labels,
        entropy=segmentation.entropy,
        spacing_mm=scan.spacing_mm,
        volumes=labelled.volumes,
        quality=labelled.quality,
        picture=picture,
        group_page=Path(os.path.relpath(outputs.root / group.PAGE, outputs.folder)).as_posix(),
        name_in_group=case_name(labelled.case),
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
        ("training", model["training"]),
        ("modality", model["modality"]),
        ("slices", model["slice_axis"]),
        ("voxels that the network saw", " x ".join(f"{mm:.3g}" for mm in spacing_mm) + " mm"),
        ("regions removed", str(labelled.segmentation.removed_regions)),
    ]
