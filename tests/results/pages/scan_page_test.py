"""The page of a scan: what it shows, and that nothing in it runs or escapes."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.labelled_brain import entropies, intensities, labelled_brain, volumes
from support.parsed_page import HOSTILE, Page, check_policy

from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.measures.quality import Flag, Quality
from brainfcn_jax.results.pages.scan_page import ScanReport, write_scan_page
from brainfcn_jax.results.pages.training_record import all_settings, training_rows


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


def scan_page(folder: Path, shown: ScanReport) -> Page:
    write_scan_page(folder / "scan.html", shown)
    return Page((folder / "scan.html").read_text("utf-8"))


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
