"""A headless Chromium for tests, and what they ask of a page in it.

It needs the programs `chromium` and `chromedriver` on the PATH (Debian's packages chromium and
chromium-driver).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="chromium or chromedriver is not on the PATH"
)

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=900,1400",
)  # fmt: skip
PATIENCE_S = 300
HOSTILE = (
    "<script>document.title = 'run'</script>\"'><img src=x onerror=\"document.title = 'run'\">"
)


@contextmanager
def started(profile: Path) -> Iterator[webdriver.Chrome]:
    """A headless Chromium that keeps its console and the list of what it asks for."""
    assert CHROMIUM is not None and DRIVER is not None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.command_executor.client_config.timeout = PATIENCE_S  # type: ignore[union-attr]
    driver.set_page_load_timeout(PATIENCE_S)
    driver.set_script_timeout(PATIENCE_S)
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, path: Path) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())


def waited(browser: webdriver.Chrome, script: str) -> object:
    """What a script returns, once that is true."""
    return WebDriverWait(browser, PATIENCE_S, 0.5).until(
        lambda driver: driver.execute_script(f"return {script}")
    )


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
