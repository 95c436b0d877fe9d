r"""One record, one line: how a journal file is written and read.

    {"v":1,"kind":"policy","key":"policy/p1//0/end","digest":"…","data":{…},"crc":"89abcdef"}

Lines are ASCII and end in b"\n", the only byte that splits them. `crc` is the CRC-32 of all bytes
before `,"crc"`; every version keeps it there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from treewright.journal.codec import Json

VERSION = 1
DATA = b',"data":'
"""Starts the payload. Quotes inside JSON strings are escaped, so the first occurrence is it."""
TAIL = len(b',"crc":"89abcdef"}')


class CorruptRecord(Exception):
    """The line is not what was written."""


class UnknownVersion(Exception):
    """The line was written by another version of Treewright."""

    def __init__(self, version: object) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a journal, its payload still as text."""

    kind: str
    key: str
    digest: str | None
    payload: bytes

    @property
    def data(self) -> Json:
        """The payload."""
        return parsed(self.payload)


@dataclass(frozen=True, slots=True)
class Line:
    """A line at its place in a file, `length` with its line end. `record` is None when corrupt."""

    offset: int
    length: int
    record: Record | None


def seal(kind: str, key: str, data: Json, digest: str | None = None) -> bytes:
    """The line of a record. Raises ValueError for a NaN, TypeError for what is not JSON."""
    head: dict[str, Any] = {"v": VERSION, "kind": kind, "key": key}
    if digest is not None:
        head["digest"] = digest
    body = dumps(head)[:-1] + DATA + dumps(data)
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def unseal(line: bytes) -> Record:
    """The record of a line.

    Raises:
        CorruptRecord: the CRC does not fit.
        UnknownVersion: the CRC fits, but another version wrote it.
    """
    head, _, payload = checked(line).partition(DATA)
    fields = parsed(head + b"}")
    if fields.get("v") != VERSION:
        raise UnknownVersion(fields.get("v"))
    return Record(fields["kind"], fields["key"], fields.get("digest"), payload)


def reread(line: bytes) -> Json:
    """What a line that was unsealed before carries. Raises `CorruptRecord`."""
    return parsed(checked(line).partition(DATA)[2])


def checked(line: bytes) -> bytes:
    """A line without its CRC. Raises `CorruptRecord` where that does not fit."""
    line = line.rstrip(b"\n")
    body = line[:-TAIL]
    if line[-TAIL:] != b',"crc":"%08x"}' % crc32(body):
        raise CorruptRecord
    return body


def parsed(text: bytes) -> Json:
    """JSON of a line; that its encoding need not be guessed saves time."""
    data: Json = json.loads(text.decode("utf-8"))
    return data


def scan(path: Path) -> Iterator[Line]:
    """All whole lines of a file in order. A last line without its end is left out."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                record = unseal(line)
            except CorruptRecord:
                record = None
            yield Line(offset, len(line), record)
            offset += len(line)


def dumps(value: object) -> bytes:
    """Compact ASCII JSON, without NaN."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
