"""Training texts of the structured policy and verifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Lesson, Piece, cut, verifier_prompt
from benchmarks.arithmetic.critique import GIVEN, READ
from benchmarks.arithmetic.lessons import CUT_SHARE, ENDED_SHARE
from benchmarks.arithmetic.problems import LevelProblem, Operation, draw_problem, problems, stated
from benchmarks.arithmetic.reading import any_number, shown
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer, offer_wrong
from benchmarks.arithmetic.structured.critique import critique
from benchmarks.arithmetic.structured.errors import corrupt
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import (
    Response,
    break_format,
    prompt,
    read_steps,
    write_response,
)
from benchmarks.arithmetic.vocabulary import IM_END

WRONG_SHARE = 0.25
"""Share of the policy's lessons whose options are all wrong."""
DRILLED, DRILL_SHARE, LATER_DRILL_SHARE = 12_000, 0.4, 0.1
"""Share of the policy's first lessons that are of one operation only, and of the later ones."""
DECISIONS = re.compile(r"(?<=\.)( Option| So| None)(?= )")
"""The words of an evaluation that tell whether the option before them is the result."""
VALUES = re.compile(r"(?<= is)((?: \d)\d*)")
"""The values of the options, and of the result, in an evaluation."""
SAMPLED_SHARE = 0.5
"""Share of the verifier's lessons that judge responses of the policy, once there are any."""
LEVELS = {1: 3.0, 2: 3.0, 3: 2.0, 4: 1.0, 5: 0.5}
"""Relative frequency of the levels in the verifier's lessons: long ones teach less a token."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right responses only, in the right format."""
    rng = Random(seed)
    for count, problem in enumerate(problems(seed, exclude)):
        if rng.random() < (DRILL_SHARE if count < DRILLED else LATER_DRILL_SHARE):
            problem = single(rng)
        pose = offer_wrong if rng.random() < WRONG_SHARE else offer
        choice = pose(problem, seed)
        thought, evaluation, rest = write_response(solve(choice)).partition("<evaluation>")
        known = GIVEN if len(problem.operations) == 1 else PLAIN
        target = [(thought, known), (evaluation, known), *weighed(rest + IM_END)]
        yield Lesson(prompt(choice.question), tuple(target))


def single(rng: Random) -> LevelProblem:
    """Returns a problem of one operation with numbers of any length.

    Of the response to it only the evaluation is learned: to find a result among options is a skill
    of its own, which is hidden among all other words of longer responses.
    """
    value, operand = any_number(rng) + 1, any_number(rng) + 1
    symbol = rng.choice("+-") if value > operand else "+"
    return stated(rng, 1, value, (Operation(symbol, operand),))


def weighed(evaluation: str) -> Iterator[Piece]:
    """Yields an evaluation and what follows it, the options that it reads and decides on weighed.

    Whether an option is the result is decisive: among all other words it would not be learned.
    """
    for index, part in enumerate(DECISIONS.split(evaluation)):
        if index % 2:
            yield part, DECISIVE
            continue
        for place, piece in enumerate(VALUES.split(part)):
            yield piece, READ if place % 2 else PLAIN


def verifier_lessons(
    seed: int, exclude: frozenset[str], written: Callable[[], Sequence[Response]], made_up: int
) -> Iterator[Lesson]:
    """Yields verifier lessons without end: `made_up` ones, then with the policy's responses too."""
    rng = Random(seed)
    for _ in range(made_up):
        yield verifier_lesson(rng, *synthetic(rng, exclude))
    responses = [each for each in written() if read_steps(*each)]
    while True:
        if responses and rng.random() < SAMPLED_SHARE:
            choice, text = rng.choice(responses)
        else:
            choice, text = synthetic(rng, exclude)
        yield verifier_lesson(rng, choice, text)


def verifier_lesson(rng: Random, choice: ChoiceProblem, text: str) -> Lesson:
    """Returns the lesson that judges a response or a part of it, labelled by the exact checker."""
    steps = ended(rng, choice, cut(rng, read_steps(choice, text), CUT_SHARE))
    return judgement(choice, steps, shown(rng, len(steps)))


def judgement(choice: ChoiceProblem, steps: Sequence[str], shown: int | None = None) -> Lesson:
    """Returns the lesson that judges these steps, of which its prompt shows the first `shown`."""
    pieces = tuple(critique(choice, steps, shown))
    return Lesson(verifier_prompt(choice.question, steps[:shown]), pieces)


def ended(rng: Random, choice: ChoiceProblem, steps: Sequence[str]) -> Sequence[str]:
    """Returns the steps, in `ENDED_SHARE` of the cases those up to the first error alone.

    A critique ends there: what follows is a long prompt with nothing to learn.
    """
    labels = check(choice, steps)
    if False not in labels or rng.random() > ENDED_SHARE:
        return steps
    return steps[: labels.index(False) + 1]


def synthetic(rng: Random, exclude: frozenset[str]) -> Response:
    """Returns a response to judge: right, with one error, misplaced, or in a broken format."""
    while True:
        problem = draw_problem(rng, rng.choices(list(LEVELS), list(LEVELS.values()))[0])
        if problem.key not in exclude:
            break
    choice = offer(problem, rng.randrange(1 << 30))
    kind = rng.choices(("right", "corrupt", "swap", "broken"), (36, 56, 5, 3))[0]
    if kind == "corrupt":
        return choice, write_response(corrupt(rng, choice))
    if kind == "broken":
        return choice, break_format(rng, solve(choice))
    if kind == "swap":
        other = draw_problem(rng, problem.level)
        return choice, write_response(solve(offer(other, rng.randrange(1 << 30))))
    return choice, write_response(solve(choice))
