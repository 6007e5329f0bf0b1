"""What is expected of whom; docs/quality.md gives the limits that the code holds to."""

import re
from pathlib import Path

import pytest
from support.own_labels import OWN

from brainfcn_jax.labels import BRAIN, TISSUES
from brainfcn_jax.measures.expectations import (
    ADULTS,
    ANYONE,
    NEWBORNS,
    NOTHING,
    Expectations,
    expected_of,
)
from brainfcn_jax.measures.volumes import BRAIN_ABBREVIATION, INTRACRANIAL_ABBREVIATION

PAGE = Path(__file__).parents[2] / "docs" / "quality.md"
ABBREVIATIONS = {tissue.name: tissue.abbreviation for tissue in TISSUES} | {
    "brain": BRAIN_ABBREVIATION,
    "intracranial": INTRACRANIAL_ABBREVIATION,
}


def limits_on_the_page(column: int) -> dict[str, tuple[float, float]]:
    """Limits in ml by abbreviation, from a column of the page's table (0 adults, 1 newborns)."""
    rows = re.findall(r"^\| ([a-z ]+) \| (.*) \|$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    found = {}
    for name, cells in rows:
        ends = re.fullmatch(r"([\d.]+) - ([\d.]+)", cells.split(" | ")[column])
        if name in ABBREVIATIONS and ends is not None:
            found[ABBREVIATIONS[name]] = (float(ends[1]), float(ends[2]))
    return found


@pytest.mark.parametrize(("column", "expected"), [(0, ADULTS), (1, NEWBORNS)])
def test_page_and_code_give_the_same_limits(column: int, expected: Expectations) -> None:
    assert limits_on_the_page(column) == expected.limits_ml


def test_nothing_is_expected_of_labels_of_ones_own() -> None:
    assert expected_of(TISSUES, "adults") == ADULTS
    assert expected_of(TISSUES, "newborns") == NEWBORNS
    assert expected_of(TISSUES, "anyone") == ANYONE
    assert not ANYONE.limits_ml
    for people in ("adults", "newborns", "anyone"):
        assert expected_of(OWN, people) == expected_of(BRAIN, people) == NOTHING
    assert NOTHING == Expectations()
