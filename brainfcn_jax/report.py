"""Pages to look at in a browser: one a scan, one for all scans of a call (output)."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, UInt8

from brainfcn_jax.charts import Area, histogram_area, outliers, strip
from brainfcn_jax.files import new_file
from brainfcn_jax.histograms import Histogram
from brainfcn_jax.labels import BACKGROUND_TISSUE, TISSUES
from brainfcn_jax.pages import page, shipped_text
from brainfcn_jax.quality import Flag, Quality
from brainfcn_jax.viewer import niivue_script, packed_niivue, viewer_volumes
from brainfcn_jax.volumes import TissueVolume

VERDICTS = ("PASS", "CHECK", "FAILED")

THUMBNAIL_BYTES = 6_000_000
"""All pictures of a group's page together, at most."""

_STRIP_SIZE, _HISTOGRAM_SIZE = (720, 24), (520, 120)


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


@dataclass(frozen=True)
class GroupRow:
    """One scan on the page of a group.

    Attributes:
        name: of the scan.
        verdict: "PASS", "CHECK", or "FAILED" where there are no labels.
        flags: why it should be looked at.
        volumes_mm3: volume of each row of the scan's volumes table, by abbreviation; empty where
            it failed.
        mean_entropy: of the labelled voxels, 0 to 1; None where it failed.
        thumbnail: small picture (JPEG), as `picture.thumbnail` makes it from that of the scan.
        page: link to the scan's page, relative to the group's and with "/"; None: none.
        failure: why there are no labels; None when there are.
    """

    name: str
    verdict: str
    flags: tuple[Flag, ...] = ()
    volumes_mm3: Mapping[str, float] = field(default_factory=dict)
    mean_entropy: float | None = None
    thumbnail: bytes | None = None
    page: str | None = None
    failure: str | None = None


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


def write_group_page(path: Path, rows: Sequence[GroupRow], overwrite: bool = False) -> None:
    """Write the page of a group, in the order of its rows.

    Raises OutputError when the file exists and `overwrite` is false, or it cannot be written.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row.volumes_mm3))
    columns = [name for name in columns if name != BACKGROUND_TISSUE.abbreviation]
    volumes_mm3 = {
        name: {row.name: row.volumes_mm3[name] for row in rows if name in row.volumes_mm3}
        for name in columns
    }
    thumbnails = affordable_thumbnails(rows)
    counts = [(verdict, sum(row.verdict == verdict for row in rows)) for verdict in VERDICTS]
    contents = {
        "rows": rows,
        "columns": columns,
        "counts": [(verdict, count) for verdict, count in counts if count],
        "strips": _strips(volumes_mm3),
        "strip_size": _STRIP_SIZE,
        "unusual": {
            (scan, name)
            for name, values in volumes_mm3.items()
            for scan, odd in zip(values, outliers(list(values.values())), strict=True)
            if odd
        },
        "thumbnails": [None if content is None else _base64(content) for content in thumbnails],
        "omitted": sum(
            row.thumbnail is not None and content is None
            for row, content in zip(rows, thumbnails, strict=True)
        ),
    }
    _write(path, page("group.html", "group.js", contents), overwrite)


def affordable_thumbnails(rows: Sequence[GroupRow]) -> list[bytes | None]:
    """The rows' thumbnails while they fit in `THUMBNAIL_BYTES`; those that did not pass first."""
    chosen: list[bytes | None] = [None] * len(rows)
    left = THUMBNAIL_BYTES
    for place in sorted(range(len(rows)), key=lambda place: rows[place].verdict == "PASS"):
        content = rows[place].thumbnail
        if content is not None and len(content) <= left:
            chosen[place] = content
            left -= len(content)
    return chosen


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


def _strips(volumes_mm3: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Rows of the chart of a group, in ml."""
    indices = {tissue.abbreviation: tissue.index for tissue in TISSUES}
    return [
        {
            "name": name,
            "unit": "ml",
            "swatch": f"t{indices[name]}" if name in indices else "",
            "strip": strip({scan: v / 1000 for scan, v in values.items()}, *_STRIP_SIZE),
        }
        for name, values in volumes_mm3.items()
        if values
    ]


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


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _write(path: Path, text: str, overwrite: bool) -> None:
    with new_file(path, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
