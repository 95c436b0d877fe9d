"""The samples of an inspect_ai log on disk, one after the other: an `.eval` zip or a `.json` file.

A stranger made it: no length that it tells is believed, and nothing is unpacked to disk. Newer logs
are compressed with Zstandard, which the standard library does not read; pyarrow does. Source:
UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_recorders, version 0.3.285 (log format 2).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from benchmarks.datasets import DatasetError
from benchmarks.datasets.files import LARGEST_ARRAY

ZIP = b"PK\x03\x04"
ZSTANDARD = 93
LARGEST_SAMPLE = 64 * 2**20
"""Bytes of a sample's JSON."""
LOCAL_HEADER = struct.Struct("<26xHH")
"""What stands before a zip's entry; at its end the lengths of its name and of what follows that."""
BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error)
HINT = "write it again: `inspect log convert` does"


def is_inspect_log(path: Path) -> bool:
    """Whether a file may be one, by how it begins and is named."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    text = path.suffix.casefold() == ".json" and head.lstrip().startswith(b"{")
    return head.startswith(ZIP) or text


def samples_in(path: Path) -> Iterator[Any]:
    """Its samples, as they stand there. Raises `DatasetError`."""
    try:
        with path.open("rb") as file:
            zipped = file.read(len(ZIP)) == ZIP
            file.seek(0)
            yield from _zipped(path, file) if zipped else _whole(path, file)
    except OSError as error:
        raise DatasetError(str(path), f"cannot be read: {error.strerror or error}") from None


def _whole(path: Path, file: BinaryIO) -> list[Any]:
    content = file.read(LARGEST_ARRAY + 1)
    if len(content) > LARGEST_ARRAY:
        hint = "`inspect log convert --to eval` makes one that can be"
        raise DatasetError(str(path), "is too large a log to be read as JSON", hint)
    log = _json(path, path.name, content)
    if not isinstance(log, dict) or "eval" not in log:
        hint = "an inspect_ai log is one object with `eval` and `samples`; else use JSON Lines"
        raise DatasetError(str(path), "is one JSON object, and no log of inspect_ai", hint)
    samples = log.get("samples") or []
    if not isinstance(samples, list):
        raise DatasetError(str(path), "has samples that are no list", HINT)
    return samples


def _zipped(path: Path, file: BinaryIO) -> Iterator[Any]:
    try:
        with ZipFile(file) as log:
            names = dict.fromkeys(log.namelist())  # of two with one name the last counts
            if not any(name == "header.json" or name.startswith("_journal/") for name in names):
                hint = "unpack it first, if it holds a file of completions"
                raise DatasetError(str(path), "is a zip, and no log of inspect_ai", hint)
            for name in names:
                if name.startswith("samples/") and name.endswith(".json"):
                    yield _json(path, name, _content(path, file, log, log.getinfo(name)))
    except BROKEN as error:
        reason = str(error) or type(error).__name__
        raise DatasetError(str(path), f"is a damaged log: {reason}", HINT) from None


def _content(path: Path, file: BinaryIO, log: ZipFile, info: ZipInfo) -> bytes:
    if info.compress_type == ZSTANDARD:
        content = _zstandard(file, info)
    else:
        with log.open(info) as entry:
            content = entry.read(LARGEST_SAMPLE + 1)
    if len(content) > LARGEST_SAMPLE:
        what = f"{info.filename} is larger than {LARGEST_SAMPLE // 2**20} MiB"
        raise DatasetError(str(path), what, "leave the sample out of the log")
    return content


def _zstandard(file: BinaryIO, info: ZipInfo) -> bytes:
    """At most a byte more than a sample may have."""
    import pyarrow as pa

    file.seek(info.header_offset)
    name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    packed = file.read(min(info.compress_size, LARGEST_SAMPLE + 1))
    try:
        with pa.input_stream(BytesIO(packed), compression="zstd") as stream:
            return bytes(stream.read(LARGEST_SAMPLE + 1))
    except (pa.ArrowException, OSError) as error:
        raise BadZipFile(f"{info.filename}: {error}") from None


def _json(path: Path, name: str, content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise DatasetError(str(path), f"{name} is nested too deeply", HINT) from None
    except ValueError as error:
        raise DatasetError(str(path), f"{name} is not JSON: {error}", HINT) from None
