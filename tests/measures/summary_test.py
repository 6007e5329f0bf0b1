"""What is shown of a segmented scan, as text and as HTML."""

import pytest
from support.labelled_brain import labelled_brain, volumes

from brainfcn_jax.measures.quality import Flag, Quality
from brainfcn_jax.measures.summary import summary_html, summary_text
from brainfcn_jax.measures.volumes import Volumes

QUALITY = Quality("CHECK", (Flag("cut", "the brain is cut at the top"),), {})


@pytest.fixture
def table() -> Volumes:
    return volumes(labelled_brain((30, 35, 33), (6.0, 6.0, 6.0)), (6.0, 6.0, 6.0))


def test_a_scan_is_told_in_lines(table: Volumes) -> None:
    lines = summary_text("sub-01.nii", QUALITY, table, ("one frame",)).splitlines()
    assert lines[:3] == [
        "sub-01.nii: CHECK",
        "the brain is cut at the top (cut)",
        "Note: one frame",
    ]
    assert "\n".join(lines[3:]) == str(table)


def test_a_notebook_shows_the_same_and_nothing_hostile(table: Volumes) -> None:
    html = summary_html("<script>\x1b[2J", QUALITY, table, ("<img src=x>",))
    assert "&lt;script&gt;\\x1b[2J: CHECK" in html
    assert "<script" not in html and "<img" not in html and "\x1b" not in html
    assert "the brain is cut at the top" in html and table._repr_html_() in html
