"""The pages in a real browser, opened from the file system: skipped where there is no Chromium.

It needs the programs `chromium` and `chromedriver` on the PATH (Debian's packages chromium and
chromium-driver). WebGL runs on the processor, so that no graphics card is needed.
"""

import io
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import UInt8
from labelled_brain import entropies, intensities, labelled_brain, volumes
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.measures.quality import Flag, assess
from brainfcn_jax.results.pages.group_page import GroupRow, write_group_page
from brainfcn_jax.results.pages.picture import scan_picture, thumbnail
from brainfcn_jax.results.pages.scan_page import ScanReport, write_scan_page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="chromium or chromedriver is not on the PATH"
)

FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=900,1400",
)  # fmt: skip
PATIENCE_S = 300
SPACING_MM = (6.0, 6.0, 6.0)
HOSTILE = (
    "<script>document.title = 'run'</script>\"'><img src=x onerror=\"document.title = 'run'\">"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium that keeps its console and the list of what it asks for."""
    assert CHROMIUM is not None and DRIVER is not None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.command_executor.client_config.timeout = PATIENCE_S  # type: ignore[union-attr]
    driver.set_page_load_timeout(PATIENCE_S)
    driver.set_script_timeout(PATIENCE_S)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def scan_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a brain of ellipsoids, with a hostile name in a folder with an odd one."""
    labels = labelled_brain((30, 35, 33), SPACING_MM)
    image, entropy, rows = intensities(labels), entropies(labels), volumes(labels, SPACING_MM)
    histogram = Histogram(np.linspace(0, 1, 33), np.arange(32))
    report = ScanReport(
        name=HOSTILE,
        image=image,
        labels=labels,
        entropy=entropy,
        spacing_mm=SPACING_MM,
        volumes=rows,
        quality=assess(labels, image, entropy, rows, 0, SPACING_MM, "T1w"),
        picture=scan_picture(image, labels, SPACING_MM, HOSTILE),
        scan_histogram=histogram,
        equalised_histogram=histogram,
        warnings=(HOSTILE,),
        group_page="group.html",
        name_in_group=HOSTILE,
    )
    path = tmp_path_factory.mktemp("a #folder? 100%") / "scan.html"
    write_scan_page(path, report)
    return path


def opened(browser: webdriver.Chrome, path: Path) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())


def waited(browser: webdriver.Chrome, script: str) -> object:
    """What a script returns, once that is true."""
    return WebDriverWait(browser, PATIENCE_S, 0.5).until(
        lambda driver: driver.execute_script(f"return {script}")
    )


def canvas_pixels(browser: webdriver.Chrome) -> UInt8[np.ndarray, "height width 3"]:
    png = browser.find_element(By.ID, "viewer").screenshot_as_png
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def check_quiet(browser: webdriver.Chrome) -> None:
    """Nothing on the console, no injected script has run, nothing came from elsewhere."""
    assert browser.get_log("browser") == []
    assert browser.title != "run"
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and message["params"]["documentURL"].startswith("file:")  # not the browser's first tab
    ]
    assert asked and all(url.startswith(("file:", "data:", "blob:")) for url in asked)


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
    assert ", uncertainty 0." in readout.text
    assert (canvas_pixels(browser) != drawn).any(axis=-1).mean() > 0.05
    check_quiet(browser)


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


def test_the_group_can_be_sorted_and_filtered(browser: webdriver.Chrome, tmp_path: Path) -> None:
    labels = labelled_brain((30, 35, 33), SPACING_MM)
    picture = scan_picture(intensities(labels), labels, SPACING_MM, "x")
    rows = [
        GroupRow(name, verdict, flags, {"WM": volume}, 0.2, thumbnail(picture), "sub/x.html")
        for name, verdict, flags, volume in (
            ("sub-10", "PASS", (), 5e5),
            ("sub-9", "CHECK", (Flag("odd", HOSTILE),), 6e5),
            (HOSTILE, "PASS", (), 4e5),
        )
    ]
    rows.append(GroupRow("sub-1", "FAILED", failure=HOSTILE))
    write_group_page(tmp_path / "group.html", rows)
    opened(browser, tmp_path / "group.html")

    def shown() -> list[str]:
        cells = browser.find_elements(By.CSS_SELECTOR, "#scans tbody td:nth-child(2)")
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


def test_a_scans_page_leads_to_its_marks_in_the_group(
    browser: webdriver.Chrome, scan_page: Path
) -> None:
    rows = [GroupRow(HOSTILE, "PASS", (), {"WM": 4e5, "CB": 1e5}, page="scan.html")]
    rows.append(GroupRow("other", "PASS", (), {"WM": 5e5, "CB": 2e5}))
    write_group_page(scan_page.with_name("group.html"), rows, overwrite=True)
    opened(browser, scan_page)
    browser.find_element(By.LINK_TEXT, "the page of all scans").click()

    def marked() -> list[str | None]:
        found = browser.find_elements(By.CSS_SELECTOR, "circle.marked, tr.marked")
        return [element.get_attribute("data-scan") for element in found]

    waited(browser, "document.getElementById('marked')")
    assert marked() == [HOSTILE] * 3
    assert browser.find_element(By.ID, "marked").text == f"Marked: {HOSTILE}"
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
