"""Which problem of a dataset each row of completions is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.datasets import Dataset, DatasetError
from search.core import Problem
from treewright.exchange.completions import Completed, Completion
from treewright.terminal import line


def pair(
    file: Path, rows: Sequence[Completed], dataset: Dataset
) -> dict[str, tuple[Completion, ...]]:
    """The completions of each problem that has some, by problem id.

    A row is about the problem with its id, which must ask the same, white space aside; where no
    problem has its id, about the one that asks the same; where none does, and the row's question is
    a prompt with a question in it, about the only one whose question stands there.

    Raises:
        DatasetError: for a row that is about none, or about the same problem as another row.
    """
    problems = [sample.problem for sample in dataset.samples]
    by_id = {problem.id: problem for problem in problems}
    by_question: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_question[_words(problem.question)].append(problem)
    found: dict[str, Completed] = {}
    for row in rows:
        named = by_id.get(row.id) if row.id is not None else None
        alike = by_question.get(_words(row.question)) or _prompted(row, by_question)
        if named is not None and named not in alike:
            what = f"asks something else than problem {named.id} of the dataset"
            raise DatasetError(str(file), what, "is it another version of it?", row.number)
        if named is None and len(alike) != 1:
            what = f"asks what {len(alike) or 'no'} problems of the dataset ask: {_start(row)}"
            hint = "give the row its id" if alike else "name the dataset that was asked"
            raise DatasetError(str(file), what, hint, row.number)
        id = named.id if named is not None else alike[0].id
        if id in found:
            what = f"is about the same problem as row {found[id].number}: {line(id)}"
            raise DatasetError(str(file), what, "join the two rows, or remove one", row.number)
        found[id] = row
    return {id: row.completions for id, row in found.items()}


def _prompted(row: Completed, by_question: Mapping[str, list[Problem]]) -> list[Problem]:
    """The problems whose question stands in the row's, white space aside, between other words."""
    prompt = f" {_words(row.question)} "
    return [
        problem
        for words, problems in by_question.items()
        if f" {words} " in prompt
        for problem in problems
    ]


def _words(question: str) -> str:
    return " ".join(question.split())


def _start(row: Completed) -> str:
    return line(row.question)[:60]
