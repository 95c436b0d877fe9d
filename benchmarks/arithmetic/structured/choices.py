"""Arithmetic problems as multiple choice: four options, three of them the results of slips."""

from dataclasses import dataclass
from random import Random

from benchmarks.arithmetic.checker import read_claim
from benchmarks.arithmetic.errors import slip
from benchmarks.arithmetic.problems import ArithmeticProblem

OPTIONS = 4
SLIP_RATE = 0.2
"""Share of wrong steps in the solutions whose results are the wrong options."""


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
    """Returns the problem with its options.

    They and their order depend on the seed and the chain: two wordings of it have the same.
    """
    rng = Random(f"{seed}/{problem.key}")
    options = [problem.answer]
    while len(options) < OPTIONS:
        claim = read_claim(slip(rng, problem, SLIP_RATE)[-1])
        if claim is not None and claim.result not in options:
            options.append(claim.result)
    rng.shuffle(options)
    return ChoiceProblem(problem, tuple(options))
