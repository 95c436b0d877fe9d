"""What rows ask, whatever else they hold: for finding the questions of one dataset in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.datasets.columns import find_column
from benchmarks.datasets.files import DatasetError, read_rows, user_path
from benchmarks.datasets.named import DATASETS
from benchmarks.datasets.samples import Fields


def source_of(text: str) -> tuple[str | None, str]:
    """A dataset's name and split, of `NAME/SPLIT` or `NAME` (its test split); else None and a path.

    A file that has the name of a dataset is written `./NAME`.
    """
    name, _, split = text.partition("/")
    return (name, split or "test") if name in DATASETS else (None, text)


def file_of(text: str) -> Path:
    """The file behind `NAME/SPLIT`, `NAME` or a path, downloaded where it is not here yet.

    Raises:
        DatasetError: when there is no such split, or the file cannot be had.
    """
    name, rest = source_of(text)
    return user_path(rest) if name is None else DATASETS[name].file(name, rest, None)


def read_questions(path: Path) -> Iterator[tuple[int, str]]:
    """The number and the question of each row of a file that has one.

    Raises:
        DatasetError: when the file cannot be read or no row has a question.
    """
    found = False
    for row in read_rows(path):
        question = question_of(row.fields or {})
        if question is not None:
            found = True
            yield row.number, question
    if not found:
        hint = "questions are looked for in the columns problem, question, input, prompt"
        raise DatasetError(str(path), "has no questions to compare with", hint)


def question_of(fields: Fields) -> str | None:
    """A row's question, as it stands there, None where there is none; PRM800K's is in an object."""
    value: object = fields
    for _ in range(2):
        if not isinstance(value, dict):
            break
        name = find_column("", "problem", list(value), {})
        value = value[name] if name else None
    return value if isinstance(value, str) and value.strip() else None


def normalised(question: str) -> str:
    """The same for questions that differ in letter case and spacing only."""
    return " ".join(question.casefold().split())
