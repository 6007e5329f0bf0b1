"""The page of a scan: what it shows, and that nothing in it runs or escapes."""

import dataclasses
import json
from typing import Any

import pytest
from support.found_scan import found_scan, planned_scan, provenance, small_brain
from support.parsed_page import HOSTILE, Page, check_policy
from support.threshold_model import DESCRIPTION

from brainfcn_jax.measures.quality import Flag, Quality
from brainfcn_jax.results.pages.scan_page import scan_page
from brainfcn_jax.results.pages.training_record import all_settings, training_rows


def page_of(
    name: str = "sub-01",
    message: str = "odd",
    group_page: str | None = "../group.html",
    training: str | None = None,
    **changes: Any,
) -> str:
    training = training or json.dumps({"steps": 45, "settings": {message: message}})
    measured = {"mean_entropy": 0.2, message: 0.5}
    settings: dict[str, Any] = {
        "quality": Quality("CHECK", (Flag(message, message),), measured),
        "notes": (message,),
        "description": dataclasses.replace(DESCRIPTION, training=training),
    }
    found = found_scan(small_brain(), **(settings | changes))
    planned = dataclasses.replace(planned_scan(name, "anat"), source=message)
    made = provenance(message.replace("/", "_"))
    return scan_page(planned, found, made, picture=b"\x89PNG", group_page=group_page)


def test_a_scan_page_shows_all_it_is_given() -> None:
    page = Page(page_of("sub-01", "an odd thing"))
    (text,) = page.texts["body"]
    assert page.texts["title"][0] == "sub-01 - CHECK"
    assert text.count("an odd thing") >= 9
    for row in found_scan(small_brain()).volumes:
        assert f"{row.volume_mm3 / 1000:.2f}" in text
    assert "0.200" in text
    assert [a["href"] for a in page.attributes("a")] == ["./../group.html#anat%2Fsub-01"]
    assert len(page.attributes("svg")) == 2
    assert page.attributes("img")[0]["src"] == "data:image/png;base64,iVBORw=="


def test_a_scan_without_flags_passes_and_a_look_is_advised() -> None:
    page = Page(page_of(quality=Quality("PASS", (), {})))
    assert "No automatic check found anything unusual" in page.texts["body"][0]


def test_a_page_links_to_no_page_that_is_not_there() -> None:
    page = Page(page_of(group_page=None))
    assert not page.attributes("a")
    assert "once its folder of results has two scans" in page.texts["body"][0]


def test_the_training_of_the_model_is_a_table_without_braces() -> None:
    training = (
        '{"steps": 4500, "subjects": 16, "settings": {"network.start": "imagenet", "seed": 0,'
        ' "generator.held_out": ["a", "b"], "augmentation.mirror": true}}'
    )
    page = Page(page_of(message="adult_t1w", training=training))
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


def test_nothing_hostile_becomes_part_of_a_scan_page() -> None:
    harmless = Page(page_of("name", "text"))
    link = f"../{HOSTILE.replace(chr(0xDC80), '')}"
    hostile = Page(page_of(HOSTILE, f"!{HOSTILE}", link))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [set(a) for _, a in hostile.elements] == [set(a) for _, a in harmless.elements]
    assert hostile.open == []
    assert "<script>alert(1)</script>\"'&</title>" in hostile.texts["h1"][0]
    assert r"{{ 7 * 7 }}\x1b[2J\udc80" in hostile.texts["h1"][0]
    check_policy(hostile)


def test_the_viewer_gets_its_data_as_json() -> None:
    text = page_of()
    page = Page(text)
    (data,) = (script for script in page.texts["script"] if script.startswith("{"))
    given = json.loads(data)
    assert {"scan", "labels", "uncertainty", "shape", "to_mm", "to_file"} <= set(given)
    assert given["tissues"][3] == {"name": "white matter", "colour": [240, 240, 220]}
    assert len(text) < 200_000
