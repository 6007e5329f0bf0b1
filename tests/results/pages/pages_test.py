"""The pages: what they show, that nothing in them runs or escapes, and what their policy says."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from labelled_brain import entropies, intensities, labelled_brain, volumes

from brainfcn_jax.errors import OutputError
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.measures.quality import Flag, Quality
from brainfcn_jax.results.pages.group_page import GroupRow, affordable_thumbnails, write_group_page
from brainfcn_jax.results.pages.html import link
from brainfcn_jax.results.pages.scan_page import ScanReport, write_scan_page
from brainfcn_jax.results.pages.training_record import all_settings, training_rows

HOSTILE = (
    "<script>alert(1)</script>\"'&</title><img src=x onerror=alert(2)>{{ 7 * 7 }}\x1b[2J\udc80"
)
VOID = {"img", "input", "meta"}


class Page(HTMLParser):
    """A page as its elements: names, attributes, and the text in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element that is closed at once."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Elements must close in the order that they were opened in."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text belongs to all elements around it."""
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def report(name: str = "sub-01", message: str = "odd", **changes: object) -> ScanReport:
    labels = labelled_brain((30, 35, 33), (6.0, 6.0, 6.0))
    settings: dict[str, object] = {
        "name": name,
        "image": intensities(labels),
        "labels": labels,
        "entropy": entropies(labels),
        "grid": Grid((30, 35, 33), np.diag([6.0, 6.0, 6.0, 1.0])),
        "volumes": volumes(labels, (6.0, 6.0, 6.0)),
        "quality": Quality("CHECK", (Flag(message, message),), {"mean_entropy": 0.2, message: 0.5}),
        "picture": b"\x89PNG",
        "scan_histogram": Histogram(np.array([0.0, 1.0, 2.0]), np.array([3, 4])),
        "equalised_histogram": Histogram(np.array([0.0, 1.0, 2.0]), np.array([4, 3])),
        "provenance": [(message, message)],
        "notes": (message,),
        "warnings": (message,),
        "group_page": "../group.html",
        "name_in_group": f"anat/{name}",
        "model": message,
        "training": json.dumps({"steps": 45, "settings": {message: message}}),
    }
    return ScanReport(**(settings | changes))  # type: ignore[arg-type]


def row(name: str, verdict: str = "PASS", **settings: object) -> GroupRow:
    return GroupRow(name, verdict, **settings)  # type: ignore[arg-type]


def scan_page(folder: Path, shown: ScanReport) -> Page:
    write_scan_page(folder / "scan.html", shown)
    return Page((folder / "scan.html").read_text("utf-8"))


def group_page(folder: Path, rows: list[GroupRow]) -> Page:
    write_group_page(folder / "group.html", rows)
    return Page((folder / "group.html").read_text("utf-8"))


def check_policy(page: Page) -> None:
    """Only the script on the page may run, and nothing is fetched."""
    (policy,) = (
        attributes["content"]
        for attributes in page.attributes("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; ")
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    kinds = page.attributes("script")
    run = [
        text
        for text, kind in zip(page.texts["script"], kinds, strict=True)
        if kind.get("type") != "application/json"
    ]
    for directive, texts in (("script-src", run), ("style-src", page.texts["style"])):
        digests = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in texts]
        assert allowed[directive].split() == [f"'sha256-{digest}'" for digest in digests]
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset") and value is not None
    ]
    assert all(re.match(r"data:image/|\./", address) for address in addresses)
    handlers = [n for _, attributes in page.elements for n in attributes if n.startswith("on")]
    assert not handlers
    assert not [tag for tag, _ in page.elements if tag in ("iframe", "object", "embed", "link")]


def test_a_scan_page_shows_all_it_is_given(tmp_path: Path) -> None:
    page = scan_page(tmp_path, report("sub-01", "an odd thing"))
    (text,) = page.texts["body"]
    assert page.texts["title"][0] == "sub-01 - CHECK"
    assert text.count("an odd thing") >= 9
    for row_ in volumes(labelled_brain((30, 35, 33), (6.0, 6.0, 6.0)), (6.0, 6.0, 6.0)):
        assert f"{row_.volume_mm3 / 1000:.2f}" in text
    assert "0.200" in text
    assert [a["href"] for a in page.attributes("a")] == ["./../group.html#anat%2Fsub-01"]
    assert len(page.attributes("svg")) == 2
    assert page.attributes("img")[0]["src"] == "data:image/png;base64,iVBORw=="


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    page = scan_page(
        tmp_path,
        report(
            quality=Quality("PASS", (), {}),
            scan_histogram=None,
            equalised_histogram=None,
            provenance=(),
        ),
    )
    assert not page.attributes("svg")
    assert "No automatic check found anything unusual" in page.texts["body"][0]


def test_a_page_links_to_no_page_that_is_not_there(tmp_path: Path) -> None:
    page = scan_page(tmp_path, report(group_page=None))
    assert not page.attributes("a")
    assert "once its folder of results has two scans" in page.texts["body"][0]


def test_the_training_of_the_model_is_a_table_without_braces(tmp_path: Path) -> None:
    training = (
        '{"steps": 4500, "subjects": 16, "settings": {"network.start": "imagenet", "seed": 0,'
        ' "generator.held_out": ["a", "b"], "augmentation.mirror": true}}'
    )
    page = scan_page(tmp_path, report(model="adult_t1w", training=training))
    (text,) = page.texts["body"]
    assert "Labelled by the model adult_t1w." in text
    told = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
    assert told["steps"] == "4500"
    assert told["started from"] == "VGG16 trained on ImageNet"
    assert told["label maps held out"] == "a, b"
    assert told["augmentation.mirror"] == "yes"
    assert not [section for section in page.texts["section"] if "{" in section]


@pytest.mark.parametrize(
    "training",
    ["by hand", "", "[1]", '{"steps": 4}', '{"settings": {"a": {"b": 1}}}', "[" * 100_000],
)
def test_a_training_record_of_another_kind_is_shown_as_it_is(training: str) -> None:
    assert training_rows(training) == [("training", training)]
    assert all_settings(training) == []


def test_nothing_hostile_becomes_part_of_a_scan_page(tmp_path: Path) -> None:
    harmless = scan_page(tmp_path, report("name", "text"))
    (tmp_path / "scan.html").unlink()
    hostile = scan_page(
        tmp_path,
        report(HOSTILE, f"!{HOSTILE}", group_page=f"../{HOSTILE.replace(chr(0xDC80), '')}"),
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [set(a) for _, a in hostile.elements] == [set(a) for _, a in harmless.elements]
    assert hostile.open == []
    assert "<script>alert(1)</script>\"'&</title>" in hostile.texts["h1"][0]
    assert r"{{ 7 * 7 }}\x1b[2J\udc80" in hostile.texts["h1"][0]
    check_policy(hostile)


def test_the_viewer_gets_its_data_as_json(tmp_path: Path) -> None:
    page = scan_page(tmp_path, report())
    (data,) = (text for text in page.texts["script"] if text.startswith("{"))
    given = json.loads(data)
    assert {"scan", "labels", "uncertainty", "shape", "to_mm", "to_file"} <= set(given)
    assert given["tissues"][3] == {"name": "white matter", "colour": [240, 240, 220]}
    assert (tmp_path / "scan.html").stat().st_size < 200_000


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


def test_nothing_hostile_becomes_part_of_a_group_page(tmp_path: Path) -> None:
    def rows(text: str) -> list[GroupRow]:
        return [
            row(text, "CHECK", flags=(Flag(text, text),), volumes_mm3={text: 1.0, "WM": 2.0},
                thumbnail=b"jpeg", page=f"{text}/x.html".replace("\udc80", "")),
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


def test_pictures_of_scans_that_did_not_pass_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainfcn_jax.results.pages.group_page.THUMBNAIL_BYTES", 25)
    rows = [
        row("a", thumbnail=b"a" * 10),
        row("b"),
        row("c", "CHECK", thumbnail=b"c" * 10),
        row("d", thumbnail=b"d" * 10),
    ]
    assert affordable_thumbnails(rows) == [b"a" * 10, None, b"c" * 10, None]


def test_left_out_pictures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainfcn_jax.results.pages.group_page.THUMBNAIL_BYTES", 1)
    page = group_page(tmp_path, [row("a", thumbnail=b"aa"), row("b", thumbnail=b"bb")])
    assert not page.attributes("img")
    assert "2 pictures are left out" in page.texts["body"][0]


def test_an_empty_group_has_a_page(tmp_path: Path) -> None:
    assert group_page(tmp_path, []).texts["h1"] == ["0 scans"]
