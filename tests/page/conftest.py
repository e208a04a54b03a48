# SPDX-License-Identifier: Apache-2.0
"""The chat page in headless Chromium, against a scripted server and against octet serve.

OCTET_BIN names octet (build/release/src/cli/octet unless set). With OCTET_PICTURES=1 the tests write
the screenshots of docs/pictures/.
"""
import os
import pathlib
import shutil
import sys

import pytest
from fake_server import FakeServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/server"))  # for harness, which brings scripted


@pytest.fixture(scope="session")
def start_browser(tmp_path_factory):
    """start_browser(language): a fresh Chromium; they are closed when the session ends."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not program:
        pytest.skip("chromium and chromedriver are not installed")
    started = []

    def start(language="en"):
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--no-first-run", "--hide-scrollbars", "--window-size=1100,800",
                         f"--lang={language}", f"--accept-lang={language}",
                         f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=driver, env={**os.environ, "LANGUAGE": language})
        started.append(webdriver.Chrome(options=options, service=service))
        return started[-1]

    yield start
    for one in started:
        one.quit()


@pytest.fixture(scope="session")
def english(start_browser):
    return start_browser("en")


@pytest.fixture(scope="session")
def chinese(start_browser):
    return start_browser("zh-CN")


@pytest.fixture
def server():
    with FakeServer() as fake:
        yield fake
