"""Tables of labels: the seven tissues, tables as text, and what makes a table unusable."""

import dataclasses

import pytest
from support.own_labels import OWN

from brainfcn_jax import labels
from brainfcn_jax.errors import InputError
from brainfcn_jax.labels import (
    BRAIN,
    KINDS,
    MOST_LABELS,
    TISSUES,
    Label,
    LabelTable,
    named_table,
    parsed_table,
    table_problems,
    table_text,
)

BIDS_TEXT_OF_TISSUES = """\
index\tname\tabbreviation\tcolor\tmapping
0\tbackground\tBG\t#000000\t0
1\tcortical grey matter\tCoGM\t#e68228\t8
2\tbasal ganglia and thalami\tBGT\t#c83ca0\t9
3\twhite matter\tWM\t#f0f0dc\t2
4\tbrainstem\tBS\t#5aaa46\t10
5\tcerebellum\tCB\t#dc3232\t11
6\tventricles\tVent\t#3c5adc\t3
7\textracerebral cerebrospinal fluid\tCSF\t#46c8dc\t3
"""
OWN_TEXT = """\
index\tname\tabbreviation\tcolor\tmapping\tkind
0\tbackground\tBG\t#000000\t0\tother
1\tlesion\tLesion\t#ff0010\tn/a\tother
2\tcyst\tCyst\t#0080ff\t3\tventricle
3\tœdème\tOedema\t#010203\tn/a\tother
"""


def test_the_tissues_are_those_of_the_papers_table_in_its_order() -> None:
    abbreviations = [tissue.abbreviation for tissue in TISSUES]
    assert abbreviations == ["CoGM", "BGT", "WM", "BS", "CB", "Vent", "CSF"]
    assert [tissue.index for tissue in TISSUES] == [1, 2, 3, 4, 5, 6, 7]
    assert len({tissue.colour for tissue in TISSUES}) == 7
    assert all(0 <= part <= 255 for tissue in TISSUES for part in tissue.colour)
    constants = [getattr(labels, name.upper()) for name in abbreviations]
    assert constants == [tissue.index for tissue in TISSUES]
    assert TISSUES.classes == 8


def test_kinds_say_what_adds_up_to_brain_and_skull() -> None:
    assert TISSUES.indices_where("in_brain") == (1, 2, 3, 4, 5)
    assert TISSUES.indices_where("in_skull") == (1, 2, 3, 4, 5, 6, 7)
    assert TISSUES.indices_where("around_brain") == (7,)
    assert TISSUES.fills_brain and BRAIN.fills_brain
    assert not OWN.fills_brain
    assert OWN.indices_where("in_skull") == (2,)


@pytest.mark.parametrize("table", [TISSUES, BRAIN, OWN])
def test_the_tables_are_usable_and_come_back_from_their_text(table: LabelTable) -> None:
    assert table_problems(table) == []
    assert parsed_table(table_text(table)) == table
    assert isinstance(parsed_table(table_text(table)), LabelTable)


def test_texts_by_hand() -> None:
    assert table_text(TISSUES, kinds=False) == BIDS_TEXT_OF_TISSUES
    assert table_text(OWN) == OWN_TEXT


def test_columns_that_may_be_absent_are_and_others_do_not_matter() -> None:
    text = "abbreviation\tcolor\tindex\tauthor\tname\nA\t#00ff00\t1\tme\ta b\nB\tABCDEF\t2\t\tc\n"
    assert parsed_table(text) == (
        Label(1, "a b", "A", (0, 255, 0), "other"),
        Label(2, "c", "B", (0xAB, 0xCD, 0xEF), "other"),
    )
    assert parsed_table(text.replace("\n", "\r\n")) == parsed_table(text)
    quoted = parsed_table('index\tname\tabbreviation\tcolor\n1\t"a" b\tA\t#000000\n')
    assert parsed_table(table_text(quoted)) == quoted
    assert quoted.names == ('"a" b',)


LINES = OWN_TEXT.splitlines()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the columns index, name, abbreviation, color$"),
        (
            "index\tname\tabbreviation\tcolor\n1\tbrain\tBrain\t#ff0000\n",
            "Brain is what volumes of several labels are called",
        ),
        (LINES[0], "it has 0 labels, must have 1 to 128"),
        ("index\tname\n1\ta\n", "lacks the columns abbreviation, color$"),
        (OWN_TEXT.replace("#ff0010", "red"), "a row holds 1, lesion, Lesion, red.*as #ff8000"),
        (OWN_TEXT.replace("#ff0010", "#ff00"), "a row holds 1, lesion"),
        (OWN_TEXT.replace("2\tcyst", "two\tcyst"), "a row holds two, cyst.* are whole numbers"),
        (OWN_TEXT.replace("\t3\tventricle", "\tthree\tventricle"), "a row holds 2, cyst"),
        (OWN_TEXT.replace("3\tœd", "5\tœd"), "values are 1, 2, 5; they must count from 1"),
        (OWN_TEXT.replace("ventricle", "hole"), "is not tissue, ventricle, fluid, lesion or other"),
        (OWN_TEXT + "4\tshort\n", "a row holds 4, short"),
        (OWN_TEXT + "4\tlong\tL\t#000000\tn/a\tother\tmore\n", "a row holds 4, long"),
    ],
)
def test_a_text_that_is_no_table_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parsed_table(text)


def changed(place: int, **changes: object) -> LabelTable:
    """Returns the table of one's own with one label changed."""
    table = list(OWN)
    table[place] = dataclasses.replace(table[place], **changes)  # type: ignore[arg-type]
    return LabelTable(table)


MANY = LabelTable(
    Label(index, f"name {index}", f"L{index}", (0, 0, 0)) for index in range(1, MOST_LABELS + 2)
)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (changed(0, kind="bone"), "kind 'bone' is not tissue, ventricle, fluid, lesion or other"),
        (MANY, "it has 129 labels, must have 1 to 128"),
        (changed(1, index=0), "its values are 1, 0, 3; they must count from 1, in order"),
        (changed(1, name="lesion"), "the name 'lesion' stands twice"),
        (changed(1, name="background"), "the name 'background' stands twice"),
        (changed(1, abbreviation="BG"), "the abbreviation 'BG' stands twice"),
        (changed(1, name=""), "a label has no name"),
        (changed(1, name="a\tb"), "the name 'a\\tb' holds odd characters, or ends in spaces"),
        (changed(1, name="a "), "the name 'a ' holds odd characters, or ends in spaces"),
        (changed(1, abbreviation="a/b"), "the abbreviation 'a/b' holds more than letters"),
        (changed(1, colour=(0, 256, 0)), "a colour is not of channels from 0 to 255"),
    ],
)
def test_each_problem_of_a_table_is_told_once(table: LabelTable, problem: str) -> None:
    (told,) = table_problems(table)
    assert problem in told


def test_all_problems_are_told() -> None:
    assert "it has 0 labels, must have 1 to 128" in table_problems(LabelTable())
    table = LabelTable(dataclasses.replace(label, kind="x", abbreviation="") for label in OWN)
    problems = table_problems(table)
    assert "kind 'x' is not" in problems[0]
    assert any("a label has no abbreviation" in problem for problem in problems)
    assert table_problems(LabelTable(MANY[:-1])) == []


def test_names_alone_make_a_table_or_find_that_of_the_tissues() -> None:
    assert named_table(TISSUES.names) is TISSUES
    assert named_table(["brain"]) is BRAIN
    table = named_table([f"part {number}" for number in range(1, 8)])
    assert table.names[2] == "part 3"
    assert [label.abbreviation for label in table][:2] == ["L1", "L2"]
    assert {label.kind for label in table} == {"other"} <= KINDS.keys()
    assert table_problems(table) == []
