"""The embedded domains as multiple choice: their problems, with options."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.arithmetic import earlier, splits
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.datasets.choices import OPTION_FORMATS, OptionStyle
from benchmarks.datasets.samples import Fields, Reader, Sample, row_reader
from search.core import Problem


def arithmetic_choices(style: OptionStyle) -> Reader:
    """The embedded rows of `arithmetic`; the option seed draws wrong options and their order."""
    seed = style.seed or 0
    return _offered(style, lambda row: earlier.offer(earlier.problem_of(row), seed))


def arithmetic_levels_choices(style: OptionStyle) -> Reader:
    """The embedded rows of `arithmetic_levels`, likewise; a sample knows its level."""
    seed = style.seed or 0
    return _offered(style, lambda row: offer(splits.problem_of(row), seed), "level")


def _offered(style: OptionStyle, pose: Callable[[Fields], ChoiceProblem], *more: str) -> Reader:
    """Reads rows as `pose` makes them; `more` are columns that a sample keeps."""

    def read(own_id: str | None, row: Fields) -> Sample:
        choice = pose(row)
        texts = [str(option) for option in choice.options]
        ask = OPTION_FORMATS[style.format]
        asked, answer = ask(choice.problem.question, texts, choice.answer)
        kept = {column: row[column] for column in more}
        about = {"kind": choice.problem.kind, "options": texts, **kept}
        return Sample(Problem(own_id or choice.problem.id, asked), answer, about)

    return row_reader(read, "id")
