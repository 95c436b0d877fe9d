"""What can be wrong with the file of a cache, each told in one line: file, what, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.fault import Fault

UNUSABLE = "see that nobody holds it, its folder can be written and its disk has room"


class StoreError(Fault):
    """A store that cannot be used."""


class StoreDamaged(StoreError):
    """Its file cannot be read; clearing removes it."""


class StoreFull(StoreError):
    """Its disk has no room."""


@contextmanager
def telling(file: Path | None) -> Iterator[None]:
    """What is raised inside as a `StoreError` about this file."""
    try:
        yield
    except sqlite3.Error as error:
        raise of(error, file) from error
    except (ValueError, TypeError, OverflowError) as error:
        # Tables hold what they should not, or SQLite's own message quotes bytes that are no text.
        raise damaged(file, str(error)) from error
    except OSError as error:
        problem = f"cannot be made: {error.strerror}"
        raise wrong(file, problem, "it must be a folder that can be written") from error


def of(error: sqlite3.Error, file: Path | None) -> StoreError:
    """A fault of SQLite, by its code: a statement that does not fit the tables is a damage too."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        hint = f"make room, or forget all of it with {clearing(file)}"
        return StoreFull(f"{named(file)}: cannot be used: {error}", hint)
    if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
        return wrong(file, f"cannot be used: {error}", UNUSABLE)
    return damaged(file, str(error))


def damaged(file: Path | None, what: str) -> StoreDamaged:
    """A file that is not as it was written."""
    return unreadable(file, f"is damaged: {what}")


def unreadable(file: Path | None, problem: str) -> StoreDamaged:
    """A file of ours that can only be removed."""
    return StoreDamaged(f"{named(file)}: {problem}", f"{clearing(file)} removes it")


def wrong(file: Path | None, problem: str, hint: str = "name another folder") -> StoreError:
    """Any other fault."""
    return StoreError(f"{named(file)}: {problem}", hint)


def clearing(file: Path | None) -> str:
    """The command that forgets all."""
    return f"`treewright cache {file.parent if file else ''} --clear`"


def named(file: Path | None) -> str:
    """The file, or that there is none."""
    return str(file or "the cache in memory")
