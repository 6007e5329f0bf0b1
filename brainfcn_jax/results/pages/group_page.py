"""The page of all scans of a folder, to look at in a browser (output)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainfcn_jax.labels import BACKGROUND_TISSUE, TISSUES
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.pages.charts import outliers, strip
from brainfcn_jax.results.pages.html import _base64, _write, page

VERDICTS = ("PASS", "CHECK", "FAILED")

_STRIP_SIZE = (720, 24)


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
        model: name of the model that made the labels; None where that is not known.
    """

    name: str
    verdict: str
    flags: tuple[Flag, ...] = ()
    volumes_mm3: Mapping[str, float] = field(default_factory=dict)
    mean_entropy: float | None = None
    thumbnail: bytes | None = None
    page: str | None = None
    failure: str | None = None
    model: str | None = None


def write_group_page(
    path: Path, rows: Sequence[GroupRow], overwrite: bool = False, omitted: int = 0
) -> None:
    """Writes the page of a group, in the order of its rows.

    `omitted` is the number of rows whose thumbnails were left out, for want of room.

    Raises OutputError when the file exists and `overwrite` is false, or it cannot be written.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row.volumes_mm3))
    columns = [name for name in columns if name != BACKGROUND_TISSUE.abbreviation]
    volumes_mm3 = {
        name: {row.name: row.volumes_mm3[name] for row in rows if name in row.volumes_mm3}
        for name in columns
    }
    counts = [(verdict, sum(row.verdict == verdict for row in rows)) for verdict in VERDICTS]
    contents = {
        "rows": rows,
        "columns": columns,
        "models": list(dict.fromkeys(row.model for row in rows if row.model is not None)),
        "counts": [(verdict, count) for verdict, count in counts if count],
        "strips": _strips(volumes_mm3),
        "strip_size": _STRIP_SIZE,
        "unusual": {
            (scan, name)
            for name, values in volumes_mm3.items()
            for scan, odd in zip(values, outliers(list(values.values())), strict=True)
            if odd
        },
        "thumbnails": [None if row.thumbnail is None else _base64(row.thumbnail) for row in rows],
        "omitted": omitted,
    }
    _write(path, page("group.html", "group.js", contents), overwrite)


def _strips(volumes_mm3: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Returns the rows of the chart of a group, in ml."""
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
