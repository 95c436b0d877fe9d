"""Fails unless the Chromium in a folder shows text: `python scripts/try_browser.py FOLDER`.

The page lies where tests write theirs. A stub does not start, a snap sees no file there, and
without a font all text is empty.
"""

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

folder = Path(sys.argv[1])
if (folder / "node").exists():  # for Playwright's own lacks a library here
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(folder / "node")
with tempfile.TemporaryDirectory() as pages, sync_playwright() as driver:
    file = Path(pages, "page.html")
    file.write_text("<b id='text'>text</b>")
    program = str(folder / "chromium")
    browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
    page = browser.new_page()
    page.goto(file.as_uri())
    width = page.evaluate("document.getElementById('text').offsetWidth")
    browser.close()
if not width:
    sys.exit(f"{program} shows no text: no font is installed")
