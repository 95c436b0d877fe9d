"""Problems as multiple choice: the wrong options are what wrong steps lead to."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.arithmetic.errors import LARGEST, wrong_result
from benchmarks.arithmetic.problems import ArithmeticProblem

OPTIONS = 4


@dataclass(frozen=True)
class ChoiceProblem:
    """A problem with its options in the order in which they are shown; one of them is right."""

    problem: ArithmeticProblem
    options: tuple[int, ...]

    @property
    def answer(self) -> int:
        """The index of the right option, from 0."""
        return self.options.index(self.problem.answer)

    @property
    def question(self) -> str:
        """The problem's text, and as its last line the options, as a Python list of texts."""
        return f"{self.problem.question}\nProvided options: {[str(o) for o in self.options]}"


def offer(problem: ArithmeticProblem, seed: int) -> ChoiceProblem:
    """Returns the problem with its options, one of them right.

    They and their order depend on the seed and the chain: two wordings of it have the same.
    """
    return _offer(problem, seed, [problem.answer])


def offer_wrong(problem: ArithmeticProblem, seed: int) -> ChoiceProblem:
    """Returns the problem with four wrong options, for training alone.

    There a policy that makes no error learns what to say of a result that is no option.
    """
    return _offer(problem, seed, [])


def _offer(problem: ArithmeticProblem, seed: int, options: list[int]) -> ChoiceProblem:
    rng = Random(f"{seed}/{problem.key}")
    while len(options) < OPTIONS:
        wrong = wrong_answer(rng, problem)
        if wrong != problem.answer and wrong not in options and 0 <= wrong <= LARGEST:
            options.append(wrong)
    rng.shuffle(options)
    return ChoiceProblem(problem, tuple(options))


def wrong_answer(rng: Random, problem: ArithmeticProblem) -> int:
    """Returns the value after all operations where one, drawn, is given a wrong but likely result.

    Long results are the more likely to be wrong. What follows is honest: it can lead back to the
    answer, or out of the domain's range.
    """
    lengths = [len(str(value)) ** 2 for value in problem.values[1:]]
    at = rng.choices(range(len(lengths)), lengths)[0]
    value = problem.start
    for index, operation in enumerate(problem.operations):
        value = wrong_result(rng, operation, value) if index == at else operation.apply(value)
    return value
