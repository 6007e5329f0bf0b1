"""The page of one scan, to look at in a browser (plain Python, but for the templates)."""

import dataclasses
from typing import Any

from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.results.pages.charts import Area, histogram_area
from brainfcn_jax.results.pages.html import base64_text, page
from brainfcn_jax.results.pages.training_record import all_settings, training_rows
from brainfcn_jax.results.pages.viewer import viewer_volumes
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import SOFTWARE, Provenance
from brainfcn_jax.text import number

_HISTOGRAM_SIZE = (520, 120)


def scan_page(
    planned: PlannedScan,
    segmented: SegmentedScan,
    provenance: Provenance,
    *,
    picture: bytes,
    group_page: str | None = None,
) -> str:
    """Return the page of one scan, which holds all that it shows.

    Args:
        planned: what was planned.
        segmented: what was found.
        provenance: what it was found with.
        picture: of the scan (PNG), as `picture.scan_picture` draws it.
        group_page: path from this page's folder to the page of all scans, with "/", if there is one
            when the run ends; None: there is none.
    """
    labels, training = segmented.description.labels, segmented.description.training
    contents = {
        "name": planned.outputs.name,
        "name_in_group": planned.name,
        "model": provenance.model_name,
        "segmented": segmented,
        "quality": segmented.quality,
        "kind": labels.kind_word,
        "picture": base64_text(picture),
        "group_page": group_page,
        "tissues": labels,
        "viewer_data": viewer_data(segmented),
        "histograms": _histograms(segmented),
        "histogram_size": _HISTOGRAM_SIZE,
        "mean_entropy": segmented.quality.measurements.get("mean_entropy"),
        "provenance": provenance_rows(planned, segmented, provenance),
        "training": training_rows(training),
        "settings": all_settings(training),
    }
    return page("scan.html", "viewer.js", contents, [label.colour for label in labels])


def viewer_data(segmented: SegmentedScan) -> dict[str, Any]:
    """Return what the viewer's script reads: the volumes, and names and colours of the labels."""
    volumes = viewer_volumes(
        segmented.scan.data,
        segmented.canonical_labels,
        segmented.canonical_entropy,
        segmented.scan.grid,
    )
    shown = [
        {"name": label.name, "colour": label.colour}
        for label in segmented.description.labels.with_background
    ]
    return {**dataclasses.asdict(volumes), "tissues": shown}


def provenance_rows(
    planned: PlannedScan, segmented: SegmentedScan, provenance: Provenance
) -> list[tuple[str, str]]:
    """Return what made the labels, as pairs of words."""
    spacing_mm = segmented.network_spacing_mm
    return [
        ("scan", planned.source_name),
        ("software", f"{SOFTWARE} {provenance.version}"),
        ("weights", provenance.weights.name),
        ("SHA-256 of the weights", provenance.weights.sha256),
        ("people", segmented.description.people),
        ("contrasts", ", ".join(segmented.description.contrasts)),
        ("slices", ", ".join(segmented.slice_axes)),
        ("voxels that the network saw", " x ".join(map(number, spacing_mm)) + " mm"),
        ("regions removed", str(segmented.removed_regions)),
    ]


def _histograms(segmented: SegmentedScan) -> list[tuple[str, Area]]:
    titles = ("Before equalisation, in the scan's unit", "After equalisation, in grey levels")
    return [
        (title, histogram_area(histogram, *_HISTOGRAM_SIZE))
        for title, histogram in zip(titles, segmented.histograms, strict=True)
    ]
