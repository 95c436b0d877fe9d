"""Training texts of the two models of the domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.arithmetic.checker import check
from benchmarks.arithmetic.corpus import (
    PLAIN,
    SYSTEM,
    SYSTEM_SHARE,
    Lesson,
    cut,
    policy_prompt,
    verifier_prompt,
)
from benchmarks.arithmetic.critique import READ, critique
from benchmarks.arithmetic.errors import corrupt
from benchmarks.arithmetic.plans import look_up_lesson, plan_lesson
from benchmarks.arithmetic.problems import (
    LEVELS,
    ArithmeticProblem,
    LevelProblem,
    draw_problem,
    problems,
    write_solution,
)
from benchmarks.arithmetic.reading import WRONG_SHARE, drill, last_lesson, reading_lesson, shown
from benchmarks.arithmetic.sampling import Solution
from benchmarks.arithmetic.vocabulary import IM_END

CUT_SHARE = 0.3
"""Share of the verifier's lessons on a solution that is not finished."""
ENDED_SHARE = 0.7
"""Share of its lessons on a wrong solution that end at the error or soon after."""
SAMPLED_SHARE = 0.5
"""Share of its lessons on solutions that judge samples of the policy, once there are any."""
KINDS = ("check", "copy", "quote", "look up", "plan", "read", "judge")
"""Of the verifier's lessons."""


@dataclass(frozen=True)
class Stage:
    """A part of the verifier's training: what it is taught in how many lessons.

    Attributes:
        lessons: how many; the last stage has no end.
        kinds: shares of claims to check, random claims to quote, claims to quote and to check,
            plans to find items in, problems to read into a plan, problems to read, and solutions
            to judge.
        levels: shares of the levels of those solutions' problems.
        sampled: whether some of the solutions are samples of the policy.
        wrong: share of the results that are wrong in problems to read.
        unfinished: share of the solutions to judge that are cut.
        broken: share of the steps in problems to read that do not go on from the last one's result.
        working: weight of a check's columns.
        last: share of all lessons that are on the result of a last claim alone.
    """

    lessons: int
    kinds: tuple[float, float, float, float, float, float, float]
    levels: tuple[float, float, float, float, float]
    sampled: bool = False
    wrong: float = WRONG_SHARE
    unfinished: float = CUT_SHARE
    broken: float = 0.0
    working: float = PLAIN
    last: float = 0.0


LEVELLED = (2, 2.5, 2.5, 1.6, 1.2)
"""Shares of the levels once all are taught: long solutions teach less a token."""
PLANNED = (0.5, 1, 1.5, 2.5, 3)
"""Of those of problems to read into a plan: the longest are the hardest to read."""
STAGES = (
    Stage(8_000, (0.13, 0.35, 0.10, 0.06, 0.06, 0.25, 0.05), (3, 3, 2, 1, 0.5)),
    Stage(22_000, (0.07, 0.10, 0.09, 0.06, 0.08, 0.30, 0.30), (3, 3, 2, 1, 0.5)),
    Stage(0, (0.02, 0.04, 0.06, 0.05, 0.08, 0.16, 0.59), LEVELLED, sampled=True),
)
"""Reading and working first: to judge whole solutions from the first on teaches to copy them."""
POLISH = (
    Stage(20_000, (0.02, 0.04, 0.06, 0.05, 0.08, 0.16, 0.59), LEVELLED, sampled=True, last=0.85),
    Stage(
        0,
        (0.05, 0.05, 0.10, 0.08, 0.12, 0.20, 0.40),
        (1, 2, 3, 3, 2),
        sampled=True,
        wrong=0.45,
        unfinished=0.5,
        broken=0.35,
        working=READ,
        last=0.10,
    ),
)
"""At last the result of a last step, many wrong results, many solutions that are not finished, and
steps that go on from nowhere. Where most columns end as they should, a digit is written that agrees
instead of the one that follows; and a result is read where the next step begins with it, or in the
box, instead of where it stands. And the long problems, in which one item in many is misread."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right solutions only."""
    rng = Random(seed)
    for problem in problems(seed, exclude):
        system = SYSTEM if rng.random() < SYSTEM_SHARE else ""
        text = write_solution(problem.solution()) + IM_END
        yield Lesson(policy_prompt(problem.question, system), ((text, PLAIN),))


def verifier_lessons(
    seed: int,
    exclude: frozenset[str],
    written: Callable[[], Sequence[Solution]],
    stages: Sequence[Stage] = STAGES,
) -> Iterator[Lesson]:
    """Yields verifier lessons without end, stage by stage; `written` gives the policy's samples."""
    rng = Random(seed)
    for stage in stages:
        samples = [each for each in written() if each[1]] if stage.sampled else []
        count = 0
        while stage is stages[-1] or count < stage.lessons:
            yield staged(rng, stage, exclude, samples)
            count += 1


def staged(
    rng: Random, stage: Stage, exclude: frozenset[str], samples: Sequence[Solution]
) -> Lesson:
    """Returns a lesson of a stage."""
    if stage.last and rng.random() < stage.last:
        return last_lesson(rng)
    lesson = unweighed(rng, stage, exclude, samples)
    if stage.working == PLAIN:
        return lesson
    pieces = (
        (text, stage.working if weight == PLAIN else weight) for text, weight in lesson.pieces
    )
    return replace(lesson, pieces=tuple(pieces))


def unweighed(
    rng: Random, stage: Stage, exclude: frozenset[str], samples: Sequence[Solution]
) -> Lesson:
    """Returns a lesson of a stage whose columns weigh `PLAIN`."""
    kind = rng.choices(KINDS, stage.kinds)[0]
    if kind == "look up":
        return look_up_lesson(rng)
    if kind == "plan":
        planned = new_problem(rng, PLANNED, exclude)
        return plan_lesson(planned, cut(rng, synthetic_solution(rng, planned), stage.unfinished))
    if kind == "read":
        read = new_problem(rng, stage.levels, exclude)
        return reading_lesson(rng, read, stage.wrong, stage.broken)
    if kind != "judge":
        return drill(rng, kind)
    if samples and rng.random() < SAMPLED_SHARE:
        problem, steps = rng.choice(samples)
    else:
        problem = new_problem(rng, stage.levels, exclude)
        steps = synthetic_solution(rng, problem)
    part = ended(rng, problem, cut(rng, steps, stage.unfinished))
    return verifier_lesson(problem, part, shown(rng, len(part)))


def new_problem(rng: Random, levels: Sequence[float], exclude: frozenset[str]) -> LevelProblem:
    """Returns a problem that is not in `exclude`, of a level drawn by these shares."""
    while True:
        problem = draw_problem(rng, rng.choices(list(LEVELS), levels)[0])
        if problem.key not in exclude:
            return problem


def ended(rng: Random, problem: ArithmeticProblem, steps: Sequence[str]) -> Sequence[str]:
    """Returns the steps, in `ENDED_SHARE` of the cases those up to the first error and few more.

    A critique ends there: what follows is a long prompt with nothing to learn.
    """
    labels = check(problem, list(steps))
    if False not in labels or rng.random() > ENDED_SHARE:
        return steps
    return steps[: labels.index(False) + 1 + rng.choice((0, 0, 1, 2))]


def verifier_lesson(
    problem: ArithmeticProblem, steps: Sequence[str], shown: int | None = None
) -> Lesson:
    """Returns the lesson that judges `steps`, labelled by the exact checker.

    Its prompt shows the first `shown` of them, by default all.
    """
    prompt = verifier_prompt(problem.question, steps[:shown])
    return Lesson(prompt, tuple(critique(problem, steps, shown)))


def synthetic_solution(rng: Random, problem: LevelProblem) -> list[str]:
    """Returns a solution to judge: right, with one error of any kind, or misplaced.

    Many are right to the end: from few the model does not learn which operation is the last.
    """
    kind = rng.choices(("right", "corrupt", "shuffle", "swap"), (46, 44, 5, 5))[0]
    if kind == "corrupt":
        return corrupt(rng, problem)
    steps = problem.solution()
    if kind == "shuffle":
        rng.shuffle(steps)
    return draw_problem(rng, problem.level).solution() if kind == "swap" else steps
