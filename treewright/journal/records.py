r"""One record, one line: how a journal file is written and read.

    {"v":1,"kind":"policy","key":"policy/p1//0/end","digest":"…","data":{…},"crc":"89abcdef"}

Lines are ASCII and end in b"\n", the only byte that splits them. `crc` is the CRC-32 of all bytes
before `,"crc"`; every version keeps it there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import Any
from zlib import crc32

from treewright.journal.codec import Json

VERSION = 1
DATA = b',"data":'
"""Starts the payload. Quotes inside JSON strings are escaped, so the first occurrence is it."""
HEAD = re.compile(
    rb'\{"v":%d,"kind":"([a-z]+)","key":"([ !#-\[\]-~]*)"(?:,"digest":"([0-9a-f]+)")?' % VERSION
)
"""As nearly all lines begin, without an escape: read in a tenth of the time that JSON takes."""
TAIL = len(b',"crc":"89abcdef"}')


class CorruptRecord(Exception):
    """The line is not what was written."""


class BadRecord(Exception):
    """The line is as it was written, and no Treewright wrote it so. One phrase: what is wrong."""


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
        """The payload. Raises `BadRecord` where it is no JSON."""
        return parsed(self.payload)


def seal(kind: str, key: str, data: Json, digest: str | None = None) -> bytes:
    """The line of a record. Raises ValueError for a NaN, TypeError for what is not JSON."""
    told = "" if digest is None else f',"digest":{quoted(digest)}'
    head = f'{{"v":{VERSION},"kind":{quoted(kind)},"key":{quoted(key)}{told}'
    body = head.encode("ascii") + DATA + dumps(data)
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def unseal(line: bytes) -> Record:
    """The record of a line.

    Raises:
        CorruptRecord: the CRC does not fit.
        UnknownVersion: the CRC fits, but another version wrote it.
        BadRecord: the CRC fits, but that is no record.
    """
    head, _, payload = checked(line).partition(DATA)
    if plain := HEAD.fullmatch(head):
        kind, key, digest = plain.groups()
        told = None if digest is None else digest.decode("ascii")
        return Record(kind.decode("ascii"), key.decode("ascii"), told, payload)
    fields = parsed(head + b"}")
    if not isinstance(fields, dict) or "v" not in fields:
        raise BadRecord("it is no record with v, kind, key and data")
    if fields["v"] != VERSION:
        raise UnknownVersion(fields["v"])
    texts = {name: value for name, value in fields.items() if name != "v"}
    if not texts.keys() >= {"kind", "key"} or texts.keys() > {"kind", "key", "digest"}:
        raise BadRecord("it is no record with v, kind, key, perhaps digest, and data")
    if not all(isinstance(value, str) for value in texts.values()):
        raise BadRecord("its kind, key and digest are not all texts")
    return Record(texts["kind"], texts["key"], texts.get("digest"), payload)


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
    """JSON of a line; that its encoding need not be guessed saves time.

    Raises `BadRecord` for what is no JSON, for NaN, and for a key that an object has twice.
    """
    try:
        data: Json = DECODER.decode(text.decode("utf-8"))
    except RecursionError:
        raise BadRecord("it is nested too deeply") from None
    except ValueError as error:
        raise BadRecord(f"it is no JSON: {error}") from None
    return data


def _object(pairs: list[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has the same key twice")
    return made


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)


def dumps(value: object) -> bytes:
    """Compact ASCII JSON, without NaN."""
    return ENCODER.encode(value).encode("ascii")


ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
"""One for all records: `json.dumps` makes one each time."""
