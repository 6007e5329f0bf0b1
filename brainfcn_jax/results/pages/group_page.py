"""The page of all scans of a folder, to look at in a browser (plain Python, but for templates)."""

from collections.abc import Mapping
from typing import Any

from brainfcn_jax.labels import BACKGROUND_LABEL
from brainfcn_jax.results.pages.charts import outliers, strip
from brainfcn_jax.results.pages.html import base64_text, page
from brainfcn_jax.results.record import FAILED, Record

VERDICTS = ("PASS", "CHECK", FAILED)

_STRIP_SIZE = (720, 24)


def group_page(
    records: Mapping[str, Record],
    pages: Mapping[str, str],
    thumbnails: Mapping[str, bytes],
    omitted: int = 0,
) -> str:
    """Return the page of a group, in the order of its records.

    Args:
        records: by the scans' names.
        pages: links to the scans' pages, relative to the group's and with "/", as far as there are
            any.
        thumbnails: small pictures (JPEG), as `picture.thumbnail` makes them, as far as there are
            any.
        omitted: how many were left out, for want of room.
    """
    told = {name: record.summary for name, record in records.items() if record.summary}
    columns = dict.fromkeys(column for summary in told.values() for column in summary.volumes_mm3)
    columns.pop(BACKGROUND_LABEL.abbreviation, None)
    volumes_mm3 = {
        column: {
            name: summary.volumes_mm3[column]
            for name, summary in told.items()
            if column in summary.volumes_mm3
        }
        for column in columns
    }
    colours = {
        label: colour for summary in told.values() for label, colour in summary.colours.items()
    }
    verdicts = [record.verdict for record in records.values()]
    contents = {
        "records": records,
        "pages": pages,
        "columns": list(columns),
        "models": list(dict.fromkeys(summary.model for summary in told.values())),
        "counts": [
            (verdict, verdicts.count(verdict)) for verdict in VERDICTS if verdict in verdicts
        ],
        "strips": _strips(volumes_mm3, list(colours)),
        "strip_size": _STRIP_SIZE,
        "unusual": {
            (scan, column)
            for column, values in volumes_mm3.items()
            for scan, odd in zip(values, outliers(list(values.values())), strict=True)
            if odd
        },
        "thumbnails": {name: base64_text(picture) for name, picture in thumbnails.items()},
        "omitted": omitted,
    }
    return page("group.html", "group.js", contents, colours.values())


def _strips(
    volumes_mm3: Mapping[str, Mapping[str, float]], swatches: list[str]
) -> list[dict[str, Any]]:
    """Return the rows of the chart of a group, in ml."""
    return [
        {
            "name": name,
            "unit": "ml",
            "swatch": f"t{1 + swatches.index(name)}" if name in swatches else "",
            "strip": strip({scan: v / 1000 for scan, v in values.items()}, *_STRIP_SIZE),
        }
        for name, values in volumes_mm3.items()
    ]
