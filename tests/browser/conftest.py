"""Fixtures: Chromium, started once for each module, and a player of the page."""

import os
from pathlib import Path

import pytest
from tests.browser.player import Player, served

CHROMIUM = Path(os.environ.get("SUREFOOT_CHROMIUM", "/usr/bin/chromium"))
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        # CI must have a browser; a developer's machine need not.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address():
    with served() as (url, _):
        yield url


@pytest.fixture
def play(browser, address):
    player = Player(browser, address)
    yield player
    player.close()
