"""Where the cache over runs lies."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "TREEWRIGHT_CACHE"
FILE = "replies.sqlite3"


def shared_folder() -> Path:
    """The folder that all runs of a user share.

    It is TREEWRIGHT_CACHE where that is set, else `treewright` in the user's cache folder, by the
    XDG base directory specification: XDG_CACHE_HOME, which counts if absolute, or ~/.cache.
    """
    if said := os.environ.get(VARIABLE):
        return Path(said).expanduser()
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".cache") / "treewright"


def file_of(cache: str) -> Path | None:
    """The file behind `shared` or a path; None for `run`, which is kept in memory."""
    if cache == "run":
        return None
    return (shared_folder() if cache == "shared" else Path(cache).expanduser()) / FILE
