"""Reading completions as search-and-learn writes them (`<approach>_completions.jsonl`).

One row per problem: `problem`, `answer`, `unique_id` and the other columns of its dataset;
`completions` (texts), `scores` (for each completion a list of step scores), `completion_tokens` (a
count for each, or -1 for none was made). What it derives from these (`pred`, `agg_scores`,
`pred_weighted@n`, …) is not read. Source: huggingface/search-and-learn, `src/sal`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.datasets import DatasetError
from benchmarks.datasets.columns import find_column
from benchmarks.datasets.files import RawRow, kind_of, read_rows
from benchmarks.datasets.samples import plain
from search.core import StopReason
from treewright.exchange.import_inspect import inspect_rows
from treewright.exchange.import_lighteval import is_lighteval, lighteval_rows
from treewright.exchange.import_lm_eval import is_lm_eval, lm_eval_rows
from treewright.exchange.inspect_log import is_inspect_log
from treewright.exchange.translated import (
    COMPLETIONS,
    SCORES,
    STOPS,
    TOKENS,
    Fields,
    GivenRows,
    fault,
)

RESULTS = (COMPLETIONS, SCORES, TOKENS, STOPS, "pred", "agg_scores")
"""Columns of a row that are no part of its problem. `stop_reasons` is Treewright's own."""
SUBSET = re.compile(r".+@[0-9]+")
"""Columns over the first n completions: `pred_maj@4`."""
TOOLS: Mapping[Callable[[Fields], bool], Callable[[Sequence[RawRow]], GivenRows]] = {
    is_lm_eval: lm_eval_rows,
    is_lighteval: lighteval_rows,
}
"""What tells a row of another tool, and what says its rows as completions."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion as the file has it.

    `scores`: from 0 to 1, one per step, None where the verifier gave none; empty: never judged.
    `tokens`: how many were generated, None where nobody counted.
    """

    text: str
    scores: tuple[float | None, ...]
    tokens: int | None
    stop: StopReason = StopReason.EOS


@dataclass(frozen=True, slots=True)
class Completed:
    """A row: a problem with its completions.

    `problem` holds the columns of its dataset. `tells_stops`: whether it says how they ended.
    """

    number: int
    id: str | None
    question: str
    completions: tuple[Completion, ...]
    problem: dict[str, Any]
    tells_stops: bool


@dataclass(frozen=True)
class CompletionFile:
    """What a file says. `notes`: what a person should hear of it, a line each."""

    rows: list[Completed]
    notes: list[str]


def read_completions(path: Path) -> CompletionFile:
    """Every row of a file, of this format or of another tool's. It is used whole or not at all.

    Raises:
        DatasetError: for the first fault, with the row.
    """
    try:
        told = given_rows(path)
        return CompletionFile(_read(path, told.rows), told.notes)
    except DatasetError as error:
        raise DatasetError(error.file or str(path), error.what, error.hint, error.row) from None


def given_rows(path: Path) -> GivenRows:
    """The rows of a file; those of another tool as completions have them."""
    if is_inspect_log(path):
        return inspect_rows(path)
    rows = list(read_rows(path))
    first = next((row.fields for row in rows if row.fields is not None), {})
    for known, translated in TOOLS.items():
        if known(first):
            return translated(rows)
    return GivenRows(rows)


def _read(path: Path, rows: Sequence[RawRow]) -> list[Completed]:
    if not rows:
        hint = "a file of completions has one JSON object per line and problem"
        raise DatasetError(str(path), "is empty", hint)
    for row in rows:
        if row.fields is None:
            raise DatasetError(str(path), row.fault, "mend or remove it", row.number)
    columns = list(dict.fromkeys(name for row in rows for name in row.fields or ()))
    question, id = (find_column(str(path), field, columns, {}) for field in ("problem", "id"))
    return [_completed(row, row.fields or {}, question or "problem", id) for row in rows]


def _completed(row: RawRow, fields: Fields, question: str, id: str | None) -> Completed:
    asked = fields.get(question)
    if not isinstance(asked, str) or not asked.strip():
        raise fault(row.number, f"has no {question}", "it is the question, as text")
    own_id = fields.get(id) if id else None
    return Completed(
        row.number,
        None if own_id in (None, "") else str(own_id),
        asked,
        _completions(row.number, fields),
        {name: plain(value) for name, value in fields.items() if not is_result(name)},
        fields.get(STOPS) is not None,
    )


def is_result(column: str) -> bool:
    """Whether a column tells of completions, and is no part of the problem."""
    return column in RESULTS or SUBSET.fullmatch(column) is not None


def _completions(row: int, fields: Fields) -> tuple[Completion, ...]:
    texts = _list(row, fields, COMPLETIONS)
    if not texts:
        raise fault(row, "has no completions", "remove the row, or give it one")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            what = f"completions[{index}] is {kind_of(text)}, not a text"
            raise fault(row, what)
    if fields.get(SCORES) is None:
        raise fault(row, "has no scores", "write [] for each completion that was not judged")
    scores = _aligned(row, _list(row, fields, SCORES), SCORES, len(texts))
    stops = _aligned(row, _stops(row, fields, len(texts)), STOPS, len(texts))
    columns = (texts, scores, _tokens(row, fields, len(texts)), stops)
    return tuple(
        Completion(text, _scores(row, index, given), tokens, stop)
        for index, (text, given, tokens, stop) in enumerate(zip(*columns, strict=True))
    )


def _scores(row: int, index: int, given: Any) -> tuple[float | None, ...]:
    if not isinstance(given, list):
        what = f"scores[{index}] is {kind_of(given)}, not a list"
        raise fault(row, what, "one list of step scores for each completion")
    for step, score in enumerate(given):
        if score is None:
            continue
        where = f"scores[{index}][{step}]"
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            raise fault(row, f"{where} is {kind_of(score)}, not a number")
        if not 0 <= score <= 1:  # nor is NaN
            hint = "turn rewards into probabilities first; null is for a step without a score"
            raise fault(row, f"{where} is {score}, not a probability from 0 to 1", hint)
    return tuple(None if score is None else float(score) for score in given)


def _tokens(row: int, fields: Fields, count: int) -> list[int | None]:
    """How many tokens each has. search-and-learn writes 0 (beam) or -1 (DVTS) without counting."""
    given = fields.get(TOKENS)
    if not isinstance(given, list):
        return [None] * count
    for index, number in enumerate(_aligned(row, given, TOKENS, count)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise fault(row, f"{TOKENS}[{index}] is {number!r:.40}, not a whole number")
    return [number if number and number > 0 else None for number in given]


def _stops(row: int, fields: Fields, count: int) -> list[StopReason]:
    """Why each ended. search-and-learn does not tell: all are taken to be finished."""
    given = fields.get(STOPS)
    if given is None:
        return [StopReason.EOS] * count
    try:
        return [StopReason(stop) for stop in _list(row, fields, STOPS)]
    except ValueError as error:
        raise fault(row, f"{STOPS}: {error}", f"choose from {', '.join(StopReason)}") from None


def _list(row: int, fields: Fields, column: str) -> list[Any]:
    given = fields.get(column)
    if given is None:
        raise fault(row, f"has no {column}", "is it a file of search-and-learn completions?")
    if not isinstance(given, list):
        raise fault(row, f"{column} is {kind_of(given)}, not a list")
    return given


def _aligned(row: int, given: Sequence[Any], column: str, count: int) -> list[Any]:
    if len(given) != count:
        what = f"has {len(given)} {column} for {count} completions"
        raise fault(row, what, "give one for each completion, in their order")
    return list(given)
