"""The page of one scan, to look at in a browser (output)."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, UInt8

from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.labels import BACKGROUND_TISSUE, TISSUES
from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.volumes import TissueVolume
from brainfcn_jax.results.pages.charts import Area, histogram_area
from brainfcn_jax.results.pages.html import _base64, _write, page
from brainfcn_jax.results.pages.training_record import all_settings, training_rows
from brainfcn_jax.results.pages.viewer import viewer_volumes

_HISTOGRAM_SIZE = (520, 120)


@dataclass(frozen=True)
class ScanReport:
    """All that the page of one scan shows. Arrays are in the canonical frame.

    Attributes:
        name: of the scan, as its result files are named.
        image: intensities of the scan.
        labels: tissues after post-processing, on the same grid.
        entropy: uncertainty, 0 (certain) to 1.
        grid: where the voxels of the scan's file lie, in the file's own axis order.
        volumes: rows of the volumes table.
        quality: verdict, flags and measurements.
        scan_histogram: intensities of the head before equalisation; None when not known.
        equalised_histogram: grey levels of the head after equalisation; None when not known.
        picture: the picture of the scan (PNG), as `picture.scan_picture` draws it.
        group_page: path from this page's folder to the page of all scans, with "/", if there is one
            when the run ends; None: there is none.
        name_in_group: of the scan, as that page calls it.
        model: name of the model that made the labels.
        training: how that was trained, as `ModelDescription.training` has it.
        provenance: (what, value) pairs for the page's last table: software, weights, source, ...
        notes: sentences for the user.
        warnings: sentences on why the labels may be wrong.
    """

    name: str
    image: Float32[np.ndarray, "x y z"]
    labels: UInt8[np.ndarray, "x y z"]
    entropy: Float16[np.ndarray, "x y z"]
    grid: Grid
    volumes: tuple[TissueVolume, ...]
    quality: Quality
    picture: bytes
    group_page: str | None
    name_in_group: str
    model: str
    training: str
    scan_histogram: Histogram | None = None
    equalised_histogram: Histogram | None = None
    provenance: Sequence[tuple[str, str]] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def write_scan_page(path: Path, report: ScanReport, overwrite: bool = False) -> None:
    """Writes the page of one scan, which holds all that it shows.

    Raises OutputError when the file exists and `overwrite` is false, or it cannot be written.
    """
    contents = {
        "report": report,
        "picture": _base64(report.picture),
        "tissues": TISSUES,
        "viewer_data": viewer_data(report),
        "histograms": _histograms(report),
        "histogram_size": _HISTOGRAM_SIZE,
        "mean_entropy": report.quality.measurements.get("mean_entropy"),
        "training": training_rows(report.training),
        "settings": all_settings(report.training),
    }
    _write(path, page("scan.html", "viewer.js", contents), overwrite)


def viewer_data(report: ScanReport) -> dict[str, Any]:
    """Returns what the viewer's script reads: the volumes, and names and colours of the labels."""
    volumes = viewer_volumes(report.image, report.labels, report.entropy, report.grid)
    tissues = [
        {"name": tissue.name, "colour": tissue.colour} for tissue in (BACKGROUND_TISSUE, *TISSUES)
    ]
    return {**dataclasses.asdict(volumes), "tissues": tissues}


def _histograms(report: ScanReport) -> list[tuple[str, Area]]:
    titles = {
        "Before equalisation, in the scan's unit": report.scan_histogram,
        "After equalisation, in grey levels": report.equalised_histogram,
    }
    return [
        (title, histogram_area(histogram, *_HISTOGRAM_SIZE))
        for title, histogram in titles.items()
        if histogram is not None
    ]
