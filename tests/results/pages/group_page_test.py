"""The page of all scans: what it shows, and that nothing in it runs or escapes."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from support.parsed_page import HOSTILE, Page, check_policy

from brainfcn_jax.errors import OutputError
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.pages.group_page import GroupRow, write_group_page
from brainfcn_jax.results.pages.html import link


def row(name: str, verdict: str = "PASS", **settings: object) -> GroupRow:
    return GroupRow(name, verdict, **settings)  # type: ignore[arg-type]


def group_page(folder: Path, rows: list[GroupRow]) -> Page:
    write_group_page(folder / "group.html", rows)
    return Page((folder / "group.html").read_text("utf-8"))


def test_a_page_is_replaced_only_when_asked(tmp_path: Path) -> None:
    rows = [row("a"), row("b")]
    write_group_page(tmp_path / "group.html", rows)
    with pytest.raises(OutputError, match="exists already"):
        write_group_page(tmp_path / "group.html", rows)
    write_group_page(tmp_path / "group.html", [*rows, row("c")], overwrite=True)
    assert "3 scans" in (tmp_path / "group.html").read_text()


def test_a_group_page_lists_every_scan(tmp_path: Path) -> None:
    rows = [
        row(f"sub-{i}", volumes_mm3={"BG": 9e6, "WM": 1000.0 * i, "ICV": 2e6}, mean_entropy=0.2)
        for i in range(9)
    ]
    rows.append(row("sub-x", "CHECK", flags=(Flag("f", "odd"),), volumes_mm3={"WM": 9e5}))
    rows.append(row("sub-y", "FAILED", failure="'y.nii' is 4D"))
    page = group_page(tmp_path, rows)
    assert page.texts["h1"] == ["11 scans"]
    assert [text for text in page.texts["span"] if text] == (
        ["9 PASS", "1 CHECK", "1 FAILED"] + ["PASS"] * 9 + ["CHECK", "FAILED"]
    )
    cells = [text.strip() for text in page.texts["td"]]
    for expected in ("sub-3", "3.00", "900.00", "odd", "'y.nii' is 4D"):
        assert expected in cells
    headings = [text.strip() for text in page.texts["button"]]
    assert headings == ["Scan", "Verdict", "mean entropy", "WM (ml)", "ICV (ml)"]
    unusual = [a for a in page.attributes("circle") if "unusual" in (a["class"] or "")]
    assert len(unusual) == 1
    check_policy(page)


def test_the_ends_of_a_tissue_that_is_missing_are_not_negative(tmp_path: Path) -> None:
    rows = [row("a", volumes_mm3={"WM": 0.0}), row("b", volumes_mm3={"WM": 0.004})]
    page = group_page(tmp_path, rows)
    ends = [text.strip() for text in page.texts["td"]][:3]
    assert (ends[0], ends[2]) == ("0", "4.16e-06 ml")


@pytest.mark.parametrize("others", [(), ("neonate_t2w",)])
def test_the_group_names_its_models(tmp_path: Path, others: tuple[str, ...]) -> None:
    rows = [row(name, model=name) for name in ("adult_t1w", *others)]
    page = group_page(tmp_path, [*rows, row("c", "FAILED", failure="damaged")])
    (text,) = page.texts["header"]
    assert all(name in text for name in ("adult_t1w", *others))
    headings = [heading.strip() for heading in page.texts["button"]]
    assert ("Model" in headings) == bool(others)  # a column only where they differ


def test_nothing_hostile_becomes_part_of_a_group_page(tmp_path: Path) -> None:
    def rows(text: str) -> list[GroupRow]:
        return [
            row(text, "CHECK", flags=(Flag(text, text),), volumes_mm3={text: 1.0, "WM": 2.0},
                model=text, thumbnail=b"jpeg", page=f"{text}/x.html".replace("\udc80", "")),
            row(text + "2", "FAILED", failure=text),
        ]  # fmt: skip

    harmless = group_page(tmp_path, rows("name"))
    (tmp_path / "group.html").unlink()
    hostile = group_page(tmp_path, rows(HOSTILE))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [set(a) for _, a in hostile.elements] == [set(a) for _, a in harmless.elements]
    check_policy(hostile)


def test_links_lead_to_files_only() -> None:
    assert link("a b/c#1?%.html") == "./a%20b/c%231%3F%25.html"
    assert link("javascript:alert(1)") == "./javascript%3Aalert%281%29"
    assert link("//host/x") == ".///host/x"
    assert link("caf\udce9.html") == "./caf%E9.html"


def test_a_link_to_a_part_names_it_as_pages_show_it(tmp_path: Path) -> None:
    assert link("a/b.html", "x/y #1") == "./a/b.html#x%2Fy%20%231"
    page = group_page(tmp_path, [row(HOSTILE, volumes_mm3={"WM": 1.0}), row("b")])
    shown = {a["data-scan"] for _, a in page.elements if "data-scan" in a}
    assert shown == {unquote(link("", HOSTILE).partition("#")[2]), "b"}


def test_left_out_pictures_are_told(tmp_path: Path) -> None:
    write_group_page(tmp_path / "group.html", [row("a"), row("b")], omitted=2)
    page = Page((tmp_path / "group.html").read_text("utf-8"))
    assert not page.attributes("img")
    assert "2 pictures are left out" in page.texts["body"][0]


def test_an_empty_group_has_a_page(tmp_path: Path) -> None:
    assert group_page(tmp_path, []).texts["h1"] == ["0 scans"]
