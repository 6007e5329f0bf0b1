"""The page of a scan in a real browser, from a file: skipped where there is no Chromium."""

import dataclasses
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float64, UInt8
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.chromium import (
    HOSTILE,
    PATIENCE_S,
    check_quiet,
    needs_chromium,
    opened,
    started,
    waited,
)
from support.found_scan import found_scan, planned_scan, provenance, small_brain

from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.labels import TISSUES, WM
from brainfcn_jax.results.pages.group_page import group_page
from brainfcn_jax.results.pages.picture import scan_picture
from brainfcn_jax.results.pages.scan_page import scan_page as page_of
from brainfcn_jax.results.record import Record, summary_of

pytestmark = needs_chromium

READOUT = (
    r"(?P<tissue>[\w ]+), uncertainty 0\.\d\d, intensity [\d.]+( or less| or more)?; "
    r"x (?P<mm>-?\d+\.\d, y -?\d+\.\d, z -?\d+\.\d) mm; voxel (?P<voxel>\d+, \d+, \d+)"
)
GRID = Grid(
    (30, 35, 33), np.array([[-6, 0, 0, 90.0], [0, 6, 0, -100], [0, 0, 6, -90], [0, 0, 0, 1]])
)
"""The file's first axis runs to the left."""
NAME = HOSTILE.replace("/", "")
"""A name of a scan: one without folders."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium."""
    with started(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def scan_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a brain of ellipsoids, with a hostile name in a folder with an odd one."""
    path = tmp_path_factory.mktemp("a #folder? 100%") / "scan.html"
    path.write_text(hostile_page(hostile_scan(small_brain())), "utf-8")
    return path


def hostile_scan(labels: UInt8[np.ndarray, "x y z"], **changes: Any) -> SegmentedScan:
    """A scan with a hostile note, its file's first axis to the left."""
    histogram = Histogram(np.linspace(0, 1, 33), np.arange(32))
    return found_scan(
        labels,
        affine=GRID.affine_mm,
        histograms=(histogram, histogram),
        notes=(HOSTILE,),
        **changes,
    )


def hostile_page(found: SegmentedScan) -> str:
    """The page of a scan with a hostile name."""
    picture, made = scan_picture(found, HOSTILE), provenance(HOSTILE)
    plan = planned_scan(NAME)
    return page_of(plan, found, made, picture=picture, group_page="group.html")


def numbers(text: str) -> Float64[np.ndarray, "3"]:
    """The three numbers of a text like "x 1.0, y 2.0, z 3.0"."""
    return np.array([float(number) for number in re.findall(r"-?[\d.]+", text)])


def canvas_pixels(browser: webdriver.Chrome) -> UInt8[np.ndarray, "height width 3"]:
    png = browser.find_element(By.ID, "viewer").screenshot_as_png
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_the_viewer_draws_and_follows_a_click(browser: webdriver.Chrome, scan_page: Path) -> None:
    opened(browser, scan_page)
    assert waited(browser, "document.body.dataset.viewer") == "ready"
    drawn = canvas_pixels(browser)
    colourful = np.ptp(drawn.astype(int), axis=-1) > 40
    assert colourful.mean() > 0.1
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100

    readout, canvas = (browser.find_element(By.ID, name) for name in ("readout", "viewer"))
    before = readout.get_attribute("data-place")
    width = canvas.size["width"]
    ActionChains(browser).move_to_element_with_offset(canvas, -width // 3 + 30, 0).click().perform()
    waited(browser, f"document.getElementById('readout').dataset.place !== {before!r}")
    assert re.fullmatch(READOUT, readout.text), readout.text
    assert (canvas_pixels(browser) != drawn).any(axis=-1).mean() > 0.05
    check_quiet(browser)


def test_the_crosshair_is_told_in_the_scans_own_terms(
    browser: webdriver.Chrome, scan_page: Path
) -> None:
    opened(browser, scan_page)
    assert waited(browser, "document.body.dataset.viewer") == "ready"
    readout = browser.find_element(By.ID, "readout")
    told = re.fullmatch(READOUT, readout.text)
    assert told is not None
    mm, voxel = numbers(told["mm"]), numbers(told["voxel"])
    np.testing.assert_allclose(GRID.affine_mm[:3, :3] @ voxel + GRID.affine_mm[:3, 3], mm)
    label = GRID.from_canonical(small_brain())[tuple(voxel.astype(int))]
    assert told["tissue"] == TISSUES.with_background[label].name

    axial = browser.find_element(By.CSS_SELECTOR, "#viewer canvas")
    axial.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.PAGE_DOWN)
    moved = re.fullmatch(READOUT, readout.text)
    assert moved is not None
    steps = numbers(moved["voxel"]) - voxel
    assert steps.tolist() == [-1, 1, -1]  # to the right, the front and the bottom


def test_an_outline_is_a_line_where_a_surface_lies_flat(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    labels = np.zeros((30, 35, 33), np.uint8)
    labels[5:25, 5:30, 16:18] = WM  # the slice at the start shows the face of a slab
    path = tmp_path / "slab.html"
    flat = np.full(labels.shape, 50, np.float32)
    path.write_text(hostile_page(hostile_scan(labels, image=flat)), "utf-8")
    opened(browser, path)
    assert waited(browser, "document.body.dataset.viewer") == "ready"
    browser.find_element(By.ID, "outline").click()
    coloured = np.ptp(canvas_pixels(browser).astype(int), axis=-1) > 15
    assert 0.001 < coloured.mean() < 0.03


def test_the_scale_of_the_uncertainty_is_shown_with_it(
    browser: webdriver.Chrome, scan_page: Path
) -> None:
    opened(browser, scan_page)
    assert waited(browser, "document.body.dataset.viewer") == "ready"
    tissues, scale = (
        browser.find_element(By.ID, f"legend-{layer}") for layer in ("tissues", "uncertainty")
    )
    assert tissues.is_displayed() and not scale.is_displayed()
    Select(browser.find_element(By.ID, "layer")).select_by_value("uncertainty")
    assert scale.is_displayed() and not tissues.is_displayed()
    assert "0 (certain)" in scale.text and "1 (all labels equally probable)" in scale.text


def test_the_layers_of_the_viewer_can_be_chosen(browser: webdriver.Chrome, scan_page: Path) -> None:
    opened(browser, scan_page)
    assert waited(browser, "document.body.dataset.viewer") == "ready"

    shown = {}
    for layer in ("tissues", "uncertainty", "none"):
        Select(browser.find_element(By.ID, "layer")).select_by_value(layer)
        shown[layer] = canvas_pixels(browser).astype(int)
    Select(browser.find_element(By.ID, "layer")).select_by_value("tissues")
    browser.find_element(By.ID, "outline").click()
    shown["outlines"] = canvas_pixels(browser).astype(int)
    for one, other in itertools.combinations(shown.values(), 2):
        assert (one != other).any(axis=-1).mean() > 0.05
    assert (np.ptp(shown["none"], axis=-1) > 40).mean() < 0.03  # the crosshair alone
    check_quiet(browser)


def test_a_scans_page_leads_to_its_marks_in_the_group(
    browser: webdriver.Chrome, scan_page: Path
) -> None:
    summary = dataclasses.replace(
        summary_of(found_scan(small_brain()), "m"), volumes_mm3={"WM": 4e5, "CB": 1e5}
    )
    records = {name: Record("done", {}, {}, summary=summary) for name in (NAME, "other")}
    page = group_page(records, {NAME: "scan.html"}, {})
    scan_page.with_name("group.html").write_text(page, "utf-8")
    opened(browser, scan_page)
    browser.find_element(By.LINK_TEXT, "The page of all scans").click()

    def marked() -> list[str | None]:
        found = browser.find_elements(By.CSS_SELECTOR, "circle.marked, tbody.marked")
        return [element.get_attribute("data-scan") for element in found]

    waited(browser, "document.getElementById('marked')")
    assert marked() == [NAME] * 3
    assert browser.find_element(By.ID, "marked").text == f"Marked: {NAME}"
    browser.find_element(By.CSS_SELECTOR, "circle[data-scan='other']").click()
    waited(browser, "document.getElementById('marked').textContent.endsWith('other')")
    assert marked() == ["other"] * 3
    check_quiet(browser)


def test_the_policy_stops_what_might_get_through(
    browser: webdriver.Chrome, scan_page: Path
) -> None:
    opened(browser, scan_page)
    insert = "document.body.insertAdjacentHTML('beforeend', arguments[0])"
    browser.execute_script(insert, HOSTILE + '<img src="https://example.org/x.png">')
    entries: list[str] = []

    def refused(driver: webdriver.Chrome) -> bool:
        entries.extend(entry["message"] for entry in driver.get_log("browser"))
        told = " ".join(entry for entry in entries if "Content Security Policy" in entry)
        return "https://example.org/x.png" in told and "inline event handler" in told

    WebDriverWait(browser, PATIENCE_S, 0.5).until(refused)
    assert browser.title != "run"
