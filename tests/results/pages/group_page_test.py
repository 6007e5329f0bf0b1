"""The page of all scans: what it shows, and that nothing in it runs or escapes."""

from typing import Any
from urllib.parse import unquote

import pytest
from support.parsed_page import HOSTILE, Page, check_policy

from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.pages.group_page import group_page
from brainfcn_jax.results.pages.html import link
from brainfcn_jax.results.record import Record, Summary


def done(volumes_mm3: dict[str, float], verdict: str = "PASS", **settings: Any) -> Record:
    told: dict[str, Any] = {
        "flags": (),
        "mean_entropy": 0.2,
        "colours": {"WM": (1, 2, 3)},
        "model": "m",
    }
    summary = Summary(verdict, volumes_mm3=volumes_mm3, **told | settings)
    return Record("done", {}, {}, summary=summary)


def failed(failure: str) -> Record:
    return Record("failed", {}, {}, failure=failure)


def test_a_group_page_lists_every_scan() -> None:
    records = {f"sub-{i}": done({"BG": 9e6, "WM": 1000.0 * i, "ICV": 2e6}) for i in range(9)}
    records["sub-x"] = done({"WM": 9e5}, "CHECK", flags=(Flag("f", "odd"),))
    records["sub-y"] = failed("'y.nii' is 4D")
    page = Page(group_page(records, {}, {}))
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


def test_the_ends_of_a_tissue_that_is_missing_are_not_negative() -> None:
    page = Page(group_page({"a": done({"WM": 0.0}), "b": done({"WM": 0.004})}, {}, {}))
    ends = [text.strip() for text in page.texts["td"]][:3]
    assert (ends[0], ends[2]) == ("0", "0.00000416 ml")


@pytest.mark.parametrize("others", [(), ("neonate_t2w",)])
def test_the_group_names_its_models(others: tuple[str, ...]) -> None:
    records = {name: done({}, model=name) for name in ("adult_t1w", *others)}
    page = Page(group_page({**records, "c": failed("damaged")}, {}, {}))
    (text,) = page.texts["header"]
    assert all(name in text for name in ("adult_t1w", *others))
    headings = [heading.strip() for heading in page.texts["button"]]
    assert ("Model" in headings) == bool(others)  # a column only where they differ


def test_nothing_hostile_becomes_part_of_a_group_page() -> None:
    def page_of(text: str) -> Page:
        checked = done({text: 1.0, "WM": 2.0}, "CHECK", flags=(Flag(text, text),), model=text)
        records = {text: checked, text + "2": failed(text)}
        pages = {text: f"{text}/x.html".replace("\udc80", "")}
        return Page(group_page(records, pages, {text: b"jpeg"}))

    harmless, hostile = page_of("name"), page_of(HOSTILE)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [set(a) for _, a in hostile.elements] == [set(a) for _, a in harmless.elements]
    check_policy(hostile)


def test_links_lead_to_files_only() -> None:
    assert link("a b/c#1?%.html") == "./a%20b/c%231%3F%25.html"
    assert link("javascript:alert(1)") == "./javascript%3Aalert%281%29"
    assert link("//host/x") == ".///host/x"
    assert link("caf\udce9.html") == "./caf%E9.html"


def test_a_link_to_a_part_names_it_as_pages_show_it() -> None:
    assert link("a/b.html", "x/y #1") == "./a/b.html#x%2Fy%20%231"
    page = Page(group_page({HOSTILE: done({"WM": 1.0}), "b": done({})}, {}, {}))
    shown = {a["data-scan"] for _, a in page.elements if "data-scan" in a}
    assert shown == {unquote(link("", HOSTILE).partition("#")[2]), "b"}


def test_left_out_pictures_are_told() -> None:
    page = Page(group_page({"a": done({}), "b": done({})}, {}, {}, omitted=2))
    assert not page.attributes("img")
    assert "2 pictures are left out" in page.texts["body"][0]


def test_an_empty_group_has_a_page() -> None:
    assert Page(group_page({}, {}, {})).texts["h1"] == ["0 scans"]


def test_labels_of_two_models_keep_their_own_colours() -> None:
    records = {"a": done({"WM": 1.0}), "b": done({"Les": 1.0}, colours={"Les": (9, 8, 7)})}
    page = group_page(records, {}, {})
    assert ".t1 { background: rgb(1, 2, 3); }" in page and ".t2 { background: rgb(9, 8, 7)" in page
    assert '<span class="swatch t2"></span>Les' in page
