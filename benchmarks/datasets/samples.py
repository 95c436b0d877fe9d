"""What a row becomes: a sample, or a bad row that says why it is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

from benchmarks.datasets.files import RawRow, kind_of
from search.core import Problem

MAX_TEXT_BYTES = 1 << 20
MAX_ID_CHARS = 256


@dataclass(frozen=True)
class StepLabels:
    """A solution whose steps people have judged, for measuring verifiers.

    `first_error` counts steps from 0; None says that no step is wrong. Nothing is said of the steps
    after the first error. `problem` is what the solution solves.
    """

    problem: Problem
    steps: tuple[str, ...]
    first_error: int | None

    def __post_init__(self) -> None:
        if self.first_error is not None and not 0 <= self.first_error < len(self.steps):
            raise ValueError(f"step {self.first_error} is none of the {len(self.steps)} steps")


@dataclass(frozen=True)
class Sample:
    """A problem with its reference answer, which no search sees; None where nobody knows it.

    `metadata`: the other columns. `labels`: only of a dataset that judges the steps of a solution.
    """

    problem: Problem
    answer: str | None
    metadata: Mapping[str, object]
    labels: StepLabels | None = None


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: an error record, while the rest goes on.

    `number` counts lines (JSON Lines) or rows (parquet, CSV, a JSON array) from 1. `id` is the
    row's own, or one made of its content.
    """

    number: int
    id: str
    reason: str


Fields: TypeAlias = Mapping[str, object]
Reader: TypeAlias = Callable[[RawRow], Sample | BadRow]


class RowFault(ValueError):
    """Why a row cannot be used."""


def row_reader(read: Callable[[str | None, Fields], Sample], id_column: str | None) -> Reader:
    """A reader of rows, from one of the row's own id (None: it has none) and its fields.

    A `RowFault` that `read` raises makes a bad row.
    """

    def reader(row: RawRow) -> Sample | BadRow:
        own_id = None
        try:
            if row.fields is None:
                raise RowFault(row.fault)
            own_id = _id(row.fields.get(id_column)) if id_column else None
            return read(own_id, row.fields)
        except RowFault as fault:
            reason = str(fault)
        except RecursionError:
            reason = "nested too deeply"
        return BadRow(row.number, own_id or content_id("row", row.raw), reason)

    return reader


def content_id(prefix: str, content: bytes) -> str:
    """An id that stays the same wherever the content stands in a file."""
    return f"{prefix}-{blake2b(content, digest_size=8).hexdigest()}"


def _id(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RowFault(f"the id is {kind_of(value)}, not a text or a whole number")
    text = encodable(str(value), "the id")
    if len(text) > MAX_ID_CHARS:
        raise RowFault(f"the id is {len(text)} characters long; at most {MAX_ID_CHARS} are allowed")
    return text


def read_text(value: object, what: str) -> str:
    """A text that is not empty. `what` names it in a fault: `the question (problem)`."""
    if value is None:
        raise RowFault(f"{what} is missing")
    if not isinstance(value, str):
        raise RowFault(f"{what} is {kind_of(value)}, not a text")
    if not value.strip():
        raise RowFault(f"{what} is empty")
    return encodable(value, what)


def read_texts(value: object, what: str) -> list[str]:
    """A list of texts, which may be empty texts."""
    if not isinstance(value, list):
        raise RowFault(f"{what} are {kind_of(value)}, not a list of texts")
    for item in value:
        if not isinstance(item, str):
            raise RowFault(f"{what} hold {kind_of(item)}, not texts only")
    return [encodable(item, what) for item in value]


def encodable(text: str, what: str) -> str:
    """The text, if UTF-8 can hold it and it is not too long."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise RowFault(
            f"{what} has half a character (a lone surrogate) at position {error.start + 1}"
        ) from None
    if size > MAX_TEXT_BYTES:
        raise RowFault(f"{what} is {size} bytes long; at most 1 MiB is allowed")
    return text


def plain(value: object) -> object:
    """A value that JSON and parquet can hold: what is not finite or not text is put in words."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return str(value)
