"""Rows that ask and know no answer: what people asked a server."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.datasets.choices import OptionStyle
from benchmarks.datasets.columns import listed, question_id
from benchmarks.datasets.files import DatasetError
from benchmarks.datasets.samples import Fields, Reader, RowFault, Sample, read_text, row_reader
from search.core import Problem, Turn

QUESTION, ID, HISTORY = "question", "id", "history"
ROLES = ("system", "user", "assistant")


def questions_alone(
    file: str, columns: list[str], fields: Mapping[str, str], style: OptionStyle
) -> Reader:
    """A reader of rows with a `question`, perhaps an `id` and a `history`; see `Schema`."""
    del fields, style
    if QUESTION not in columns:
        hint = f"its columns are {listed(columns)}"
        raise DatasetError(file, f"has no column {QUESTION!r}", hint)

    def read(own_id: str | None, row: Fields) -> Sample:
        question = read_text(row.get(QUESTION), f"the question ({QUESTION})")
        problem = Problem(own_id or question_id(question), question, _history(row.get(HISTORY)))
        return Sample(problem, None, {})

    return row_reader(read, ID)


def row_of(problem: Problem) -> dict[str, object]:
    """The row that is read as this problem."""
    turns = [{"role": turn.role, "content": turn.content} for turn in problem.history]
    return {ID: problem.id, QUESTION: problem.question, **({HISTORY: turns} if turns else {})}


def _history(value: object) -> tuple[Turn, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RowFault(f"the turns before it ({HISTORY}) are no list")
    return tuple(map(_turn, value))


def _turn(value: object) -> Turn:
    told = value if isinstance(value, dict) else {}
    role, content = told.get("role"), told.get("content")
    if role not in ROLES or not isinstance(content, str):
        raise RowFault(f"a turn before it ({HISTORY}) has no role ({', '.join(ROLES)}) and text")
    return Turn(role, content)
