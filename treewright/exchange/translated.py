"""Rows of another tool, said in the columns of completions (`completions`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from benchmarks.datasets import DatasetError
from benchmarks.datasets.files import RawRow, kind_of

Fields: TypeAlias = Mapping[str, Any]

COMPLETIONS, SCORES, TOKENS, STOPS = "completions", "scores", "completion_tokens", "stop_reasons"
OURS = "treewright"
"""The key, in another tool's rows, of what `export` put there (`chosen.aside`)."""


@dataclass(frozen=True)
class GivenRows:
    """The rows of a file, as completions have them. `notes`: what a person should hear of it."""

    rows: list[RawRow]
    notes: list[str] = field(default_factory=list)


def fault(row: int, what: str, hint: str = "") -> DatasetError:
    """Why a row cannot be used; whoever knows the file says its name."""
    return DatasetError("", what, hint, row)


def fields_of(row: RawRow) -> dict[str, Any]:
    """What a row holds. Raises `DatasetError` for one that could not be read."""
    if row.fields is None:
        raise fault(row.number, row.fault, "mend or remove it")
    return row.fields


def given(
    question: object,
    answer: object,
    id: object,
    texts: Sequence[object],
    aside: object,
    *,
    about: Fields,
    tokens: Sequence[int | None] = (),
) -> dict[str, Any]:
    """A row of completions.

    `aside`: what `export` put beside the texts; of anything else, scores are not there. `about`:
    the other columns of the problem. `tokens`: how many each text has, where that is known.
    """
    ours = aside if isinstance(aside, dict) else {}
    rest = {name: value for name, value in about.items() if name not in (OURS, COMPLETIONS)}
    told: dict[str, Any] = {SCORES: ours.get(SCORES, [[] for _ in texts])}
    counts = ours.get(TOKENS, list(tokens) or None)
    for name, value in ((TOKENS, counts), (STOPS, ours.get(STOPS))):
        if value is not None:
            told[name] = value
    asked = {"problem": question, "answer": answer, "id": id}
    return {**rest, **asked, COMPLETIONS: list(texts), **told}


def objects(value: object, row: int, what: str) -> dict[str, Any]:
    """A value that must be an object. Raises `DatasetError`."""
    if not isinstance(value, dict):
        raise fault(row, f"{what} is {kind_of(value)}, not an object")
    return value


def listed(value: object, row: int, what: str) -> list[Any]:
    """A value that must be a list. Raises `DatasetError`."""
    if not isinstance(value, list):
        raise fault(row, f"{what} is {kind_of(value)}, not a list")
    return value
