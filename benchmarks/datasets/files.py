"""Rows of dataset files: JSON Lines, parquet, CSV, and JSON arrays."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

from search.fault import Fault

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PARQUET = b"PAR1"
LONGEST_ROW = 16 * 2**20
"""Bytes of a line: a file without line ends is not read into memory."""
LARGEST_ARRAY = 256 * 2**20
"""Bytes of a JSON array, which is held as a whole."""
FOREIGN = {
    b"\x1f\x8b": ("is compressed (gzip)", "decompress it first"),
    b"PK\x03\x04": ("is a zip archive", "unpack it first"),
    b"\xff\xfe": ("is UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("is UTF-16 text", "save it as UTF-8"),
}
"""What a file that is neither kind begins with, and what to do about it."""


class DatasetError(Fault, ValueError):
    """A dataset that cannot be used at all. One line: file, row (None: the whole file), what, hint.

    It pickles.
    """

    exit_code = 2

    def __init__(self, file: str, what: str, hint: str = "", row: int | None = None) -> None:
        Exception.__init__(self, file, what, hint, row)
        self.file = file
        self.what = what
        self.hint = hint
        self.row = row

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file}, row {self.row}"
        return f"{where}: {self.what}" + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it was read: a line of a JSON Lines file, or a row of any other; from 1 up.

    `fields` is None exactly when `fault` says why the row cannot be read. `raw` identifies its
    content.
    """

    number: int
    fields: dict[str, object] | None
    fault: str
    raw: bytes


def read_rows(path: Path) -> Iterator[RawRow]:
    """The rows of a file. Blank lines are none.

    How it begins tells parquet, a JSON array and JSON Lines apart; CSV, with its names in the first
    line, is told by the name `….csv`.

    Raises:
        DatasetError: when the file as a whole cannot be read.
    """
    file = str(path)
    try:
        if path.is_dir():
            raise DatasetError(file, "is a directory", "name a file in it")
        if path.exists() and not path.is_file():
            raise DatasetError(
                file, "is not a regular file", "name a .jsonl, .parquet or .csv file"
            )
        with path.open("rb") as opened:
            head = opened.read(4096)
            opened.seek(0)
            if head.startswith(PARQUET):
                yield from _parquet_rows(file)
            else:
                _check_text(file, head)
                yield from _text_rows(file, opened, head)
    except FileNotFoundError:
        hint = "give a path from the current folder, or an absolute one"
        raise DatasetError(file, "no such file", hint) from None
    except OSError as error:
        raise DatasetError(file, f"cannot be read: {error.strerror or error}") from None


def _check_text(file: str, head: bytes) -> None:
    for magic, (what, hint) in FOREIGN.items():
        if head.startswith(magic):
            raise DatasetError(file, what, hint)
    if b"\0" in head:
        raise DatasetError(file, "is binary", "name a .jsonl, .parquet or .csv file")


def _text_rows(file: str, opened: BinaryIO, head: bytes) -> Iterator[RawRow]:
    if file.casefold().endswith(".csv"):
        return _csv_rows(file)
    if head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"["):
        content = opened.read(LARGEST_ARRAY + 1)
        if len(content) > LARGEST_ARRAY:
            hint = "write one JSON object per line (JSON Lines)"
            raise DatasetError(file, f"is larger than {LARGEST_ARRAY // 2**20} MiB", hint)
        return _array_rows(file, content)
    return _json_rows(opened, file)


def _json_rows(lines: BinaryIO, file: str) -> Iterator[RawRow]:
    # A binary file splits at "\n" only: U+2028 and a lone "\r" stay inside their strings.
    for number, line in enumerate(iter(partial(lines.readline, LONGEST_ROW + 1), b""), 1):
        if len(line) > LONGEST_ROW:
            raise DatasetError(file, f"is longer than {LONGEST_ROW // 2**20} MiB", row=number)
        raw = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if raw.strip():
            yield _json_row(number, raw.strip())


def _json_row(number: int, raw: bytes) -> RawRow:
    try:
        value = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return RawRow(number, None, f"not UTF-8 at byte {error.start + 1} of the line", raw)
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        return RawRow(number, None, f"not JSON: {reason} at character {error.pos + 1}", raw)
    except RecursionError:
        return RawRow(number, None, "nested too deeply", raw)
    except ValueError:
        return RawRow(number, None, "holds a whole number of thousands of digits", raw)
    if not isinstance(value, dict):
        return RawRow(number, None, f"not an object but {kind_of(value)}", raw)
    return RawRow(number, value, "", raw)


def _array_rows(file: str, content: bytes) -> Iterator[RawRow]:
    hint = "write one JSON object per line (JSON Lines)"
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DatasetError(file, f"is not UTF-8 at byte {error.start + 1}", hint) from None
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        what = f"is not JSON: {reason} at line {error.lineno}, character {error.colno}"
        raise DatasetError(file, what, hint) from None
    except RecursionError:
        raise DatasetError(file, "is nested too deeply", hint) from None
    except ValueError:
        what = "holds a whole number of thousands of digits"
        raise DatasetError(file, what, hint) from None
    for number, value in enumerate(values, 1):
        raw = repr(value).encode("utf-8", "surrogatepass")
        if isinstance(value, dict):
            yield RawRow(number, value, "", raw)
        else:
            yield RawRow(number, None, f"not an object but {kind_of(value)}", raw)


def _csv_rows(file: str) -> Iterator[RawRow]:
    hint = "write it again, quoting cells that hold commas, quotes or newlines"
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            yield from _cells(opened)
    except UnicodeDecodeError:
        raise DatasetError(file, "is not UTF-8 text", "save it as UTF-8") from None
    except csv.Error as error:
        raise DatasetError(file, f"is no readable CSV: {error}", hint) from None


def _cells(opened: TextIO) -> Iterator[RawRow]:
    """A cell that is not there is None; one too many spoils its row."""
    for number, cells in enumerate(csv.DictReader(opened, strict=True), 1):
        raw = repr(cells).encode()
        if None in cells:
            yield RawRow(number, None, "has more cells than the first line has names", raw)
        else:
            yield RawRow(number, dict(cells), "", raw)


def _parquet_rows(file: str) -> Iterator[RawRow]:
    import pyarrow as pa  # 0.3 s: only who reads parquet pays
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    number += 1
                    yield RawRow(number, fields, "", repr(fields).encode("utf-8", "surrogatepass"))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).strip().split("\n")[0]
        hint = "write the file again: its writer may have been killed"
        raise DatasetError(file, f"is no readable parquet: {reason}", hint) from None


KINDS = {bool: "a boolean", str: "a text", int: "a number", float: "a number", list: "a list"}


def kind_of(value: object) -> str:
    """What a value is, in words for an error."""
    if value is None:
        return "null"
    return KINDS.get(type(value), "an object" if isinstance(value, dict) else type(value).__name__)


def user_path(text: str) -> Path:
    """A path that a person wrote: `~` is their home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise DatasetError(text, "no such home folder", "write the path out") from None
