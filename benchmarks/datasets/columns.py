"""Rows of a question and an answer: which column is what, whatever its name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from benchmarks.datasets.files import DatasetError, kind_of
from benchmarks.datasets.samples import (
    Fields,
    Reader,
    RowFault,
    Sample,
    content_id,
    encodable,
    plain,
    read_text,
    row_reader,
)
from search.answers import extract_answer
from search.core import Problem

ALIASES = {
    "problem": ("problem", "question", "input", "prompt", "instruction"),
    "answer": (
        *("answer", "target", "final_answer", "gold", "expected_answer", "ground_truth"),
        *("ground_truth_answer", "reference_answer", "solution"),
    ),
    "id": ("id", "unique_id", "uid", "record_id", "problem_id", "question_id"),
}
"""Column names by field, the first that a file has wins; case, spaces and hyphens do not matter."""

BESIDE = {
    "context": ("body", "context", "passage", "input", "instruction", "prompt"),
    "options": ("options", "choices"),
}
"""Columns that are often a part of what is asked, by field. They are asked only where that is said:
a note tells of one that is not."""

FIELDS = (*ALIASES, *BESIDE)

GSM8K_MARK = "####"
"""What GSM8K writes before the final answer."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a file's columns by field; None where there is none, or none was said."""

    problem: str
    answer: str
    id: str | None
    context: str | None = None
    options: str | None = None

    @property
    def used(self) -> set[str | None]:
        """All of them."""
        return {self.problem, self.answer, self.id, self.context, self.options}


def questions_and_answers(columns: Columns) -> Reader:
    """A reader of rows with a question, an answer and perhaps an id."""

    def read(own_id: str | None, row: Fields) -> Sample:
        question = asked(row, columns)
        answer = read_answer(row.get(columns.answer), columns.answer)
        sample = Problem(own_id or question_id(question), question)
        return Sample(sample, answer, rest(row, columns))

    return row_reader(read, columns.id)


def rest(row: Fields, columns: Columns) -> dict[str, object]:
    """The other columns."""
    return {name: plain(value) for name, value in row.items() if name not in columns.used}


def asked(row: Fields, columns: Columns) -> str:
    """The question, below its context where the row has one."""
    question = read_text(row.get(columns.problem), f"the question ({columns.problem})")
    context = row.get(columns.context) if columns.context else None
    if context is None or context == "":
        return question
    return f"{read_text(context, f'the context ({columns.context})')}\n\n{question}"


def unasked(rows: Iterable[Fields], columns: Columns, fields: Mapping[str, str]) -> list[str]:
    """A note for each column that is often a part of what is asked, and is not here.

    Columns without a value in any row are passed over. `fields` says what is in use by name.
    """
    filled = {name for row in rows for name, value in row.items() if value not in (None, "", [])}
    notes = []
    for name in sorted(filled - columns.used):
        field = next((field for field in BESIDE if _folded(name) in BESIDE[field]), None)
        if field is not None and field not in fields:
            hint = f"dataset.fields.{field}={name} would ask it too"
            notes.append(f"column {name!r} is not asked, only {columns.problem!r}: {hint}")
    return notes


def question_id(question: str) -> str:
    """The id of a question that has none of its own."""
    return content_id("q", question.encode())


def find_columns(file: str, names: Iterable[str], fields: Mapping[str, str]) -> Columns:
    """The column of each field: the one that `fields` names, else the first known alias.

    Raises:
        DatasetError: when there is no question or no answer column.
    """
    columns = list(names)
    problem, answer = (find_column(file, field, columns, fields) for field in ("problem", "answer"))
    if problem is None or answer is None:
        field, word = ("problem", "question") if problem is None else ("answer", "answer")
        hint = f"name it with dataset.fields.{field}; its columns are {listed(columns)}"
        raise DatasetError(file, f"has no {word} column", hint)
    id, context, options = (
        find_column(file, field, columns, fields) for field in ("id", "context", "options")
    )
    return Columns(problem, answer, id, context, options)


def find_column(file: str, field: str, columns: list[str], fields: Mapping[str, str]) -> str | None:
    """The column of one field, None where there is none.

    Raises:
        DatasetError: when `fields` names a column that is not there.
    """
    if field in fields:
        if fields[field] in columns:
            return fields[field]
        near = get_close_matches(fields[field], columns, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        hint += f"its columns are {listed(columns)}"
        raise DatasetError(file, f"has no column {fields[field]!r} (dataset.fields.{field})", hint)
    for alias in ALIASES.get(field, ()):
        for name in sorted(columns, key=lambda name: name != alias):  # an exact match first
            if _folded(name) == alias:
                return name
    return None


def _folded(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def listed(columns: list[str]) -> str:
    """Column names for an error, not too many."""
    more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
    return ", ".join(name[:40] for name in columns[:12]) + more


def read_answer(value: object, name: str) -> str:
    """The reference answer as text: numbers exactly, of a worked solution the final answer."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        raise RowFault(f"the answer ({name}) is missing")
    if isinstance(value, (bool, int)):
        return str(value).lower()
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise RowFault(f"the answer ({name}) is {value}, not a finite number")
        return str(value)
    if not isinstance(value, str):
        raise RowFault(f"the answer ({name}) is {kind_of(value)}, not a text or a number")
    answer = _final_answer(encodable(value, f"the answer ({name})"), name)
    if not answer:
        raise RowFault(f"the answer ({name}) is empty")
    return answer


def _final_answer(text: str, name: str) -> str:
    r"""Of GSM8K's `… #### 18` the 18, of MATH's `… \boxed{18}.` too; else the text itself."""
    if GSM8K_MARK in text:
        return text.rpartition(GSM8K_MARK)[2].strip()
    boxed = extract_answer(text, cues=False, max_chars=len(text))
    if boxed is None and name.casefold() == "solution":
        raise RowFault(f"the answer ({name}) is a solution without a final \\boxed{{…}}")
    return boxed or text.strip()
