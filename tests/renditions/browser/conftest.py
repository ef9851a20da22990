"""One headless Chromium for the tests of this folder."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="package")
def browser():
    """One browser for all tests: Debian's Chromium, or the one of playwright."""
    with sync_playwright() as playwright:
        path = CHROMIUM if Path(CHROMIUM).exists() else playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("No Chromium: install your system's, or `playwright install chromium`.")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def secure_page(browser):
    """An empty page on localhost, because only a secure page may decode frames."""
    page = browser.new_page()
    page.route("http://localhost/", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto("http://localhost/")
    yield page
    page.close()
