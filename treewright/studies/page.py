"""A page as Markdown: what a machine writes, and below a marker what a person says of it.

The command replaces what is above the marker and keeps what is below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from search.fault import Fault
from search.wording import DASH, points, points_interval
from treewright.arms.comparison import Comparison
from treewright.files.writing import write_text

MARKER = "<!-- Written by a person from here on; the command keeps it. -->"


class StudyError(Fault):
    """A comparison that cannot be made or written. One line."""

    exit_code = 2


def write(path: Path, text: str) -> None:
    """Write the page, keeping what a person wrote below the marker of the one before.

    Raises `StudyError` for a file that cannot be read or written.
    """
    try:
        old = path.read_text("utf-8") if path.exists() else ""
        write_text(path.parent, path.name, text + old.partition(f"{MARKER}\n")[2])
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error.strerror}") from error


def paragraphs(told: str) -> Iterator[str]:
    """Each paragraph in one line, a blank line after it."""
    for paragraph in told.strip().split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> Iterator[str]:
    """A table; the first columns are of `words`, the others of numbers. A blank line follows."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * words}{'---:|' * (len(header) - words)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def gap(found: Comparison | None) -> str:
    """A difference in points, `+1.2 (-0.3 to +2.7)`, in bold where it is shown."""
    if found is None:
        return DASH
    text = f"{points(found.difference)} ({points_interval(found.ci95)})"
    return f"**{text}**" if found.shown else text
