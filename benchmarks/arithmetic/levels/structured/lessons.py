"""Training texts of the two structured models with levels."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Lesson
from benchmarks.arithmetic.levels.problems import problems
from benchmarks.arithmetic.levels.structured.choices import offer, offer_wrong
from benchmarks.arithmetic.structured.lessons import DECISIONS, prompt
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import write_response
from benchmarks.arithmetic.vocabulary import IM_END

WRONG_SHARE = 0.25
"""Share of the policy's lessons whose options are all wrong."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right responses only, in the right format.

    Whether an option is the result is decisive: among all other words it would not be learned.
    """
    rng = Random(seed)
    for problem in problems(seed, exclude):
        pose = offer_wrong if rng.random() < WRONG_SHARE else offer
        choice = pose(problem, seed)
        pieces = enumerate(DECISIONS.split(write_response(solve(choice)) + IM_END))
        target = tuple((piece, DECISIVE if index % 2 else PLAIN) for index, piece in pieces)
        yield Lesson(prompt(choice.question), target)
