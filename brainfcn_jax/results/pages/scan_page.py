"""The page of one scan, to look at in a browser (output)."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, UInt8

from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.labels import BACKGROUND_TISSUE, TISSUES
from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.volumes import TissueVolume
from brainfcn_jax.results.pages.charts import Area, histogram_area
from brainfcn_jax.results.pages.html import _base64, _write, page, shipped_text
from brainfcn_jax.results.pages.viewer import niivue_script, packed_niivue, viewer_volumes

_HISTOGRAM_SIZE = (520, 120)


@dataclass(frozen=True)
class ScanReport:
    """All that the page of one scan shows. Arrays are in the canonical frame.

    Attributes:
        name: of the scan, as its result files are named.
        image: intensities of the scan.
        labels: tissues after post-processing, on the same grid.
        entropy: uncertainty, 0 (sure) to 1.
        spacing_mm: voxel size (x, y, z).
        volumes: rows of the volumes table.
        quality: verdict, flags and measurements.
        scan_histogram: intensities of the head before equalisation; None when not known.
        equalised_histogram: grey levels of the head after equalisation; None when not known.
        picture: the picture of the scan (PNG), as `picture.scan_picture` draws it.
        group_page: path from this page's folder to the page of all scans, with "/". That is
            written later, and only where the folder of results has two scans or more.
        name_in_group: of the scan, as that page calls it.
        provenance: (what, value) pairs for the page's last table: software, weights, source, ...
        notes: sentences for the user.
        warnings: sentences on why the labels may be wrong.
    """

    name: str
    image: Float32[np.ndarray, "x y z"]
    labels: UInt8[np.ndarray, "x y z"]
    entropy: Float16[np.ndarray, "x y z"]
    spacing_mm: tuple[float, float, float]
    volumes: tuple[TissueVolume, ...]
    quality: Quality
    picture: bytes
    group_page: str
    name_in_group: str
    scan_histogram: Histogram | None = None
    equalised_histogram: Histogram | None = None
    provenance: Sequence[tuple[str, str]] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def write_scan_page(path: Path, report: ScanReport, overwrite: bool = False) -> None:
    """Write the page of one scan, which holds all that it shows.

    Raises:
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
        InputError: the viewer's script, which nilearn ships, is not installed.
    """
    niivue = niivue_script()
    contents = {
        "report": report,
        "picture": _base64(report.picture),
        "viewer_data": viewer_data(report),
        "histograms": _histograms(report),
        "histogram_size": _HISTOGRAM_SIZE,
        "mean_entropy": report.quality.measurements.get("mean_entropy"),
        "licence": shipped_text("niivue_licence.txt"),
    }
    _write(path, page("scan.html", "viewer.js", contents, [niivue]), overwrite)


def viewer_data(report: ScanReport) -> dict[str, Any]:
    """What the viewer's script reads: volumes, the colours of the tissues, NiiVue itself."""
    volumes = viewer_volumes(report.image, report.labels, report.entropy, report.spacing_mm)
    tissues = (BACKGROUND_TISSUE, *TISSUES)
    red, green, blue = ([tissue.colour[part] for tissue in tissues] for part in range(3))
    return {
        **dataclasses.asdict(volumes),
        "niivue": packed_niivue(),
        "colours": {
            "R": red,
            "G": green,
            "B": blue,
            "A": [0, *[255] * len(TISSUES)],
            "I": [tissue.index for tissue in tissues],
            "labels": [tissue.name for tissue in tissues],
        },
    }


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
