"""The page of all scans in a real browser: skipped where there is no Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from support.chromium import HOSTILE, check_quiet, needs_chromium, opened, started
from support.found_scan import found_scan, small_brain

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.pages.group_page import group_page
from brainfcn_jax.results.pages.picture import scan_picture, thumbnail
from brainfcn_jax.results.record import Record, Summary

pytestmark = needs_chromium


def done(verdict: str, flags: tuple[Flag, ...], volumes_mm3: dict[str, float]) -> Record:
    return Record("done", {}, {}, summary=Summary(verdict, flags, 0.2, volumes_mm3, {}, "a"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium."""
    with started(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def test_the_group_can_be_sorted_and_filtered(browser: webdriver.Chrome, tmp_path: Path) -> None:
    picture = thumbnail(scan_picture(found_scan(small_brain()), "x"))
    records = {
        "sub-10": done("PASS", (), {"WM": 5e5}),
        "sub-9": done("CHECK", (Flag("odd", HOSTILE),), {"WM": 6e5}),
        HOSTILE: done("PASS", (), {"WM": 4e5}),
    }
    pages, pictures = dict.fromkeys(records, "sub/x.html"), dict.fromkeys(records, picture)
    records["sub-1"] = Record("failed", {}, {}, failure=HOSTILE)
    (tmp_path / "group.html").write_text(group_page(records, pages, pictures), "utf-8")
    opened(browser, tmp_path / "group.html")

    def shown() -> list[str]:
        cells = browser.find_elements(By.CSS_SELECTOR, "#scans td.name")
        return [cell.text for cell in cells if cell.is_displayed()]

    by_name, _, _, by_volume = browser.find_elements(By.CSS_SELECTOR, "th button")
    assert shown() == ["sub-10", "sub-9", HOSTILE, "sub-1"]
    by_name.click()
    assert shown()[-3:] == ["sub-1", "sub-9", "sub-10"]
    by_volume.click()
    assert shown() == [HOSTILE, "sub-10", "sub-9", "sub-1"]
    by_volume.click()
    assert shown() == ["sub-9", "sub-10", HOSTILE, "sub-1"]
    browser.find_element(By.ID, "unclear").click()
    assert shown() == ["sub-9", "sub-1"]
    loaded = "return [...document.images].map((image) => image.naturalHeight)"
    assert browser.execute_script(loaded) == [130] * 3
    check_quiet(browser)


@pytest.mark.parametrize("width", [1300, 900])
def test_the_table_fits_the_window(browser: webdriver.Chrome, tmp_path: Path, width: int) -> None:
    reasons = tuple(
        Flag(f"flag {number}", "the ventricles have 123.4 ml, outside what is plausible for adults")
        for number in range(3)
    )
    volumes_mm3 = {tissue.abbreviation: 7.4e5 for tissue in TISSUES} | {"Brain": 1.5e6, "ICV": 2e6}
    name = "sub-01/ses-01/anat/sub-01_ses-01"
    records = {name: done("CHECK", reasons, volumes_mm3), "sub-02": done("PASS", (), volumes_mm3)}
    (tmp_path / "group.html").write_text(group_page(records, {}, {}), "utf-8")
    browser.set_window_size(width, 1000)
    opened(browser, tmp_path / "group.html")
    table, checked = (
        browser.find_element(By.CSS_SELECTOR, chosen) for chosen in ("#scans", "#scans tbody")
    )
    section = table.find_element(By.XPATH, "ancestor::section")
    assert table.size["width"] < section.size["width"]
    lines = [why.size["height"] for why in checked.find_elements(By.CSS_SELECTOR, ".why div")]
    assert len(lines) == 3 and max(lines) < 2 * min(lines)
    assert checked.size["height"] < 200  # no tower of words
