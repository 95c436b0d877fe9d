"""Reading a file of a journal into its index; what is wrong with a record, told with its place."""

from __future__ import annotations

import os
from pathlib import Path

from treewright.journal.appender import JournalError
from treewright.journal.index import JournalIndex, RecordPlace
from treewright.journal.records import BadRecord, JournalLine, UnknownVersion, scan

NOT_OURS = "no Treewright writes that: the file was changed, do not trust the run"


def load_file(fd: int, path: Path, index: JournalIndex) -> tuple[int, list[JournalLine]]:
    """Take in all records of an opened file; the bytes of its whole lines, and the corrupt lines.

    Raises:
        JournalError: a line is nothing that this version writes.
        UnsafeFile: a line is too long.
    """
    good, bad = 0, list[JournalLine]()
    try:
        for line in scan(os.fdopen(fd, "rb", closefd=False), path):
            good += line.length
            if line.record is None:
                bad.append(line)
            else:
                _add(index, path, line)
    except BadRecord as error:
        raise JournalError(f"{error}; {NOT_OURS}") from error
    except UnknownVersion as error:
        raise JournalError(
            f"{path}: holds a record of version {error.version}, this is version 1: "
            "use the Treewright that wrote it"
        ) from error
    return good, bad


def not_ours(folder: Path, place: RecordPlace, problem: Exception) -> JournalError:
    """The error that a record is nothing that Treewright writes."""
    where = f"line {place.line}" if place.line else f"byte {place.offset}"
    return JournalError(f"{folder / place.writer}.jsonl, {where}: {problem}; {NOT_OURS}")


def _add(index: JournalIndex, path: Path, line: JournalLine) -> None:
    try:
        index.add(path.stem, line)
    except BadRecord as error:
        raise BadRecord(f"{path}, line {line.number}: {error}") from None
