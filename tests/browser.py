"""A real browser for the pages that people see: the system's Chromium, or the one Playwright brought."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# no sandbox: root and most containers have none; the rest keeps it from calling home
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next((str(p) for p in sorted(cache.glob("chromium*/chrome-linux*/*")) if p.name in ("chrome",)), None)


@pytest.fixture(scope="session")
def browser_program() -> str:
    found = find_browser()
    if found is None:
        reason = "no Chromium: `apt-get install chromium`, or `playwright install chromium`, or set CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def browser(browser_program: str) -> Iterator:
    """A running headless browser (playwright.sync_api.Browser)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser_program, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser) -> Iterator:
    """A page in a context of its own: no cookies of other tests."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
