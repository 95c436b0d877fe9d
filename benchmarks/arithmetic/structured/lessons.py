"""Training texts of the structured policy and verifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from benchmarks.arithmetic.corpus import PLAIN, Lesson, Piece, cut, verifier_prompt
from benchmarks.arithmetic.critique import GIVEN
from benchmarks.arithmetic.lessons import (
    CUT_SHARE,
    ENDED_SHARE,
    KINDS,
    Stage,
    new_problem,
)
from benchmarks.arithmetic.problems import LevelProblem, Operation, draw_problem, problems, stated
from benchmarks.arithmetic.reading import any_number, shown
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import (
    OPTIONS,
    ChoiceProblem,
    offer,
    offer_wrong,
)
from benchmarks.arithmetic.structured.critique import critique
from benchmarks.arithmetic.structured.errors import corrupt
from benchmarks.arithmetic.structured.reading import reading_lesson
from benchmarks.arithmetic.structured.reasoning import LETTERS, solve
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
UNLIKE_SHARE = 0.3
"""Share of those whose options are any numbers, as those of all drills are: where all options look
like the result it is written in their place, and they are never read."""
MOST_OPTIONS = len(LETTERS)
"""Of a drill: from four numbers at a time to copy them is not learned."""
DRILLED, DRILL_SHARE, LATER_DRILL_SHARE = 30_000, 0.4, 0.1
"""Share of the policy's first lessons that are of one operation only, and of the later ones."""
DECISIONS = re.compile(rf"(?<=\.)( So| None| [{LETTERS}])(?= )|(?<= option)( \d)")
"""What tells in an evaluation whether the option before it is the result, and which it is."""
RESULTS = re.compile(r"(?<= =)( \d+)")
"""The results in a monitoring section."""
RESULT, DECISION, VALUE = 3.0, 5.0, 2.0
"""Weights of a calculation's result, a decision on an option, and a value in an evaluation: with
heavier decisions, the policy forgets how to calculate."""
VALUES = re.compile(r"((?<= is) \d+|(?<=')\d+)")
"""The values of the options, and of the result, in an evaluation."""
SAMPLED_SHARE = 0.5
"""Share of the lessons on responses to judge that are the policy's, once there are any."""
STAGES = (
    Stage(4_000, (0.0, 0.25, 0.15, 0.0, 0.0, 0.50, 0.10), (3, 3, 2, 1, 0.5)),
    Stage(5_000, (0.0, 0.05, 0.05, 0.0, 0.0, 0.45, 0.45), (3, 3, 2, 1, 0.5)),
    Stage(0, (0.0, 0.02, 0.03, 0.0, 0.0, 0.20, 0.75), (2, 2.5, 2.5, 1.6, 1.2), sampled=True),
)
"""As of the plain verifier, reading first; it knows columns and plans from there."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right responses only, in the right format."""
    rng = Random(seed)
    for count, problem in enumerate(problems(seed, exclude)):
        if drill := rng.random() < (DRILL_SHARE if count < DRILLED else LATER_DRILL_SHARE):
            problem = single(rng)
        wrong = rng.random() < WRONG_SHARE
        if drill or rng.random() < UNLIKE_SHARE:
            number = rng.randint(OPTIONS, MOST_OPTIONS) if drill else OPTIONS
            choice = offer_any(rng, problem, number, wrong)
        else:
            choice = (offer_wrong if wrong else offer)(problem, seed)
        thought, evaluation, rest = write_response(solve(choice)).partition("<evaluation>")
        said = (
            [(thought + evaluation, GIVEN)]
            if drill
            else [*valued(RESULTS, RESULT, thought), (evaluation, PLAIN)]
        )
        yield Lesson(prompt(choice.question), (*said, *weighed(rest + IM_END)))


def single(rng: Random) -> LevelProblem:
    """Returns a problem of one operation with numbers of any length.

    Of the response to it only the evaluation is learned: to find a result among options is a skill
    of its own, which is hidden among all other words of longer responses.
    """
    value, operand = any_number(rng) + 1, any_number(rng) + 1
    symbol = rng.choice("+-") if value > operand else "+"
    return stated(rng, 1, value, (Operation(symbol, operand),))


def offer_any(rng: Random, problem: LevelProblem, number: int, wrong: bool) -> ChoiceProblem:
    """Returns the problem with any numbers as options; one of them is right if not `wrong`."""
    options = set[int]() if wrong else {problem.answer}
    while len(options) < number:
        if (other := any_number(rng)) != problem.answer:
            options.add(other)
    return ChoiceProblem(problem, tuple(rng.sample(sorted(options), number)))


def weighed(evaluation: str) -> Iterator[Piece]:
    """Yields an evaluation and what follows it, the options that it reads and decides on weighed.

    Whether an option is the result is decisive: among all other words it would not be learned.
    """
    start = 0
    for decided in DECISIONS.finditer(evaluation):
        yield from valued(VALUES, VALUE, evaluation[start : decided.start()])
        yield decided[0], DECISION
        start = decided.end()
    yield from valued(VALUES, VALUE, evaluation[start:])


def valued(values: re.Pattern[str], weight: float, text: str) -> Iterator[Piece]:
    """Yields a text in pieces, the values in it of that weight."""
    for place, piece in enumerate(values.split(text)):
        if piece:
            yield piece, weight if place % 2 else PLAIN


def verifier_lessons(
    seed: int, exclude: frozenset[str], written: Callable[[], Sequence[Response]]
) -> Iterator[Lesson]:
    """Yields verifier lessons without end, by stages; `written` gives the policy's responses."""
    rng = Random(seed)
    for stage in STAGES:
        responses = [each for each in written() if read_steps(*each)] if stage.sampled else []
        count = 0
        while stage is STAGES[-1] or count < stage.lessons:
            yield staged(rng, stage, exclude, responses)
            count += 1


def staged(
    rng: Random, stage: Stage, exclude: frozenset[str], responses: Sequence[Response]
) -> Lesson:
    """Returns a lesson of a stage."""
    kind = rng.choices(KINDS, stage.kinds)[0]
    if kind != "judge":
        return reading_lesson(rng, new_problem(rng, stage.levels, exclude), kind)
    if responses and rng.random() < SAMPLED_SHARE:
        return verifier_lesson(rng, *rng.choice(responses))
    return verifier_lesson(rng, *synthetic(rng, new_problem(rng, stage.levels, exclude)))


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


def synthetic(rng: Random, problem: LevelProblem) -> Response:
    """Returns a response to judge: right, with one error, misplaced, or in a broken format."""
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
