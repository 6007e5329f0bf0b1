"""The label tables, read as the viewers and BIDS read them."""

import csv
import io
import re

from brainfcn_jax.labels import TISSUES, table_text
from brainfcn_jax.results.label_tables import (
    freeview_table,
    fsleyes_table,
    itksnap_table,
    slicer_table,
)

LABELS = TISSUES.with_background


def data_lines(text: str) -> list[str]:
    assert text.endswith("\n")
    assert text.isascii()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_bids() -> None:
    rows = list(csv.DictReader(io.StringIO(table_text(TISSUES, kinds=False)), delimiter="\t"))
    assert [(int(row["index"]), row["name"], row["abbreviation"]) for row in rows] == [
        (label.index, label.name, label.abbreviation) for label in LABELS
    ]
    for row, label in zip(rows, LABELS, strict=True):
        assert re.fullmatch("#[0-9a-f]{6}", row["color"])
        assert bytes.fromhex(row["color"][1:]) == bytes(label.colour)
    # grey matter below the cortex, white matter, cortical grey matter in BIDS's common labels
    assert {row["abbreviation"]: row["mapping"] for row in rows}["BGT"] == "9"
    assert {row["abbreviation"]: row["mapping"] for row in rows}["WM"] == "2"
    assert {row["abbreviation"]: row["mapping"] for row in rows}["CoGM"] == "8"


def test_freeview_and_slicer_have_six_columns_without_spaces_in_names() -> None:
    for text, shown in ((freeview_table(TISSUES), 0), (slicer_table(TISSUES), 255)):
        rows = [line.split() for line in data_lines(text)]
        assert [(int(row[0]), row[1].replace("_", " ")) for row in rows] == [
            (label.index, label.name) for label in LABELS
        ]
        assert [tuple(map(int, row[2:5])) for row in rows] == [label.colour for label in LABELS]
        assert {int(row[5]) for row in rows[1:]} == {shown}
    assert slicer_table(TISSUES).startswith("# Color table file\n")


def test_itksnap() -> None:
    pattern = re.compile(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+([01])\s+([01])\s+"(.*)"')
    matches = [pattern.fullmatch(line) for line in data_lines(itksnap_table(TISSUES))]
    rows = [match.groups() for match in matches if match is not None]
    assert rows[0] == ("0", "0", "0", "0", "0", "0", "0", "Clear Label")
    assert [(int(row[0]), row[7]) for row in rows[1:]] == [(t.index, t.name) for t in TISSUES]
    assert [tuple(map(int, row[1:4])) for row in rows[1:]] == [t.colour for t in TISSUES]
    assert all(row[4:7] == ("1", "1", "1") for row in rows[1:])


def test_fsleyes() -> None:
    rows = [line.split(maxsplit=4) for line in data_lines(fsleyes_table(TISSUES))]
    assert [(int(row[0]), row[4]) for row in rows] == [(t.index, t.name) for t in TISSUES]
    colours = [tuple(round(255 * float(channel)) for channel in row[1:4]) for row in rows]
    assert colours == [t.colour for t in TISSUES]
