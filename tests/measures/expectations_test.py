"""docs/quality.md gives the limits that the code holds to."""

import re
from pathlib import Path

import pytest

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.measures.plausible_volumes import ADULT, NEWBORN, PlausibleVolumes
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


@pytest.mark.parametrize(("column", "expected"), [(0, ADULT), (1, NEWBORN)])
def test_page_and_code_give_the_same_limits(column: int, expected: PlausibleVolumes) -> None:
    assert limits_on_the_page(column) == expected.limits_ml
