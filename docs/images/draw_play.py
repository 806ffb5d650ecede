"""Draws the README's picture of the play page from the page itself.

python docs/images/draw_play.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
QUERY = "?t=29&speed=5&ball=1"

command = [sys.executable, "-m", "surefoot", "play", "--no-browser", "--port", "0"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:  # noqa: S603  (our own command)
    address = re.findall(r"http\S+", server.stdout.readline())[0]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(viewport={"width": 1120, "height": 790}, color_scheme="light")
    page.goto(address + QUERY)
    page.wait_for_selector("html[data-drawn]")
    hill, plane = (page.locator(part).bounding_box() for part in (".area-surface", ".area-map"))
    right, bottom = (
        max(box[at] + box[length] for box in (hill, plane)) for at, length in (("x", "width"), ("y", "height"))
    )
    clip = {"x": hill["x"], "y": hill["y"], "width": right - hill["x"], "height": bottom - hill["y"]}
    page.screenshot(path=HERE / "play.png", clip=clip, full_page=True)
    browser.close()
    server.terminate()
