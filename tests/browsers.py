"""The Chromium that tests drive, or the reason why there is none."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def chromium_program() -> str:
    """The browser that is named, else the environment's (`scripts/browser.py`); else skip."""
    said = os.environ.get("TREEWRIGHT_CHROMIUM")
    own = Path(sys.prefix, "browser")
    program = shutil.which(said or str(own / "chromium"))
    if program is None and said:
        pytest.skip(f"TREEWRIGHT_CHROMIUM={said} is no program: name a Chromium, or unset it")
    if program is None:
        pytest.skip("no Chromium: run `make browser`, or name one in TREEWRIGHT_CHROMIUM")
    if (own / "node").exists():  # for Playwright's own lacks a library here
        os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(own / "node"))
    return program
