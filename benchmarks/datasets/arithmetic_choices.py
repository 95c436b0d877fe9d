"""The embedded domain as multiple choice: the problems of `arithmetic`, with options."""

from __future__ import annotations

from benchmarks.arithmetic.splits import problem_of
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.datasets.choices import OPTION_FORMATS, OptionStyle
from benchmarks.datasets.samples import Fields, Reader, Sample, row_reader
from search.core import Problem


def arithmetic_choices(style: OptionStyle) -> Reader:
    """The embedded rows of `arithmetic`; the option seed draws wrong options and their order."""
    seed = style.seed or 0

    def read(own_id: str | None, row: Fields) -> Sample:
        choice = offer(problem_of(row), seed)
        texts = [str(option) for option in choice.options]
        ask = OPTION_FORMATS[style.format]
        asked, answer = ask(choice.problem.question, texts, choice.answer)
        about = {"kind": choice.problem.kind, "options": texts}
        return Sample(Problem(own_id or choice.problem.id, asked), answer, about)

    return row_reader(read, "id")
