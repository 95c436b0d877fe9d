"""Where the cache over runs lies, and who may look into it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from treewright.caching.faults import StoreError

VARIABLE = "TREEWRIGHT_CACHE"
FILE = "replies.sqlite3"


def shared_folder() -> Path:
    """The folder that all runs of a user share.

    It is TREEWRIGHT_CACHE where that is set, else `treewright` in the user's cache folder, by the
    XDG base directory specification: XDG_CACHE_HOME, which counts if absolute, or ~/.cache.
    Raises `StoreError` where there is no such home folder.
    """
    if said := os.environ.get(VARIABLE):
        return expanded(said)
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else expanded("~/.cache")) / "treewright"


def file_of(cache: str) -> Path | None:
    """The file behind `shared` or a path; None for `run`, which is kept in memory.

    Raises `StoreError` as `shared_folder` does.
    """
    if cache == "run":
        return None
    return (shared_folder() if cache == "shared" else expanded(cache)) / FILE


def expanded(folder: str) -> Path:
    """With the home folder for `~`. Raises `StoreError` where there is none."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        hint = f"write the path out; {VARIABLE} names the shared one"
        raise StoreError(f"{folder}: no such home folder", hint) from None


def make(file: Path) -> None:
    """Make the folder, and the file for nobody but its owner: it has what models said of problems.

    The file is not opened for that, as it may be in use: to close it would end SQLite's locks.
    Raises `OSError`.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # it is there already, or this system makes none so
        os.mknod(file, 0o600 | stat.S_IFREG)


def is_anybodys(file: Path) -> bool:
    """Whether every user of the machine may write to a file."""
    with suppress(OSError):
        return bool(file.stat().st_mode & stat.S_IWOTH)
    return False
