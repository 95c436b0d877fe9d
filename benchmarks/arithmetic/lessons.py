"""Training texts of the two models of the domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.arithmetic.checker import Claim, check
from benchmarks.arithmetic.corpus import (
    PLAIN,
    SYSTEM,
    SYSTEM_SHARE,
    Lesson,
    Piece,
    cut,
    policy_prompt,
    verifier_prompt,
)
from benchmarks.arithmetic.critique import LEAD, READ, asked, checked, critique, quoted, verdict
from benchmarks.arithmetic.errors import corrupt, wrong_result
from benchmarks.arithmetic.problems import (
    LEVELS,
    ArithmeticProblem,
    LevelProblem,
    Operation,
    draw_problem,
    problems,
    write_solution,
)
from benchmarks.arithmetic.sampling import Solution
from benchmarks.arithmetic.vocabulary import IM_END

CUT_SHARE = 0.3
"""Share of the verifier's lessons on a solution that is not finished."""
ENDED_SHARE = 0.7
"""Share of its lessons on a wrong solution that end at the error or soon after."""
GIVEN_SHARE = 0.25
"""Share of its lessons whose prompt lacks the last steps: they are put into its chain."""
SAMPLED_SHARE = 0.5
"""Share of its lessons on solutions that judge samples of the policy, once there are any."""


@dataclass(frozen=True)
class Stage:
    """A part of the verifier's training: what it is taught in how many lessons.

    Attributes:
        lessons: how many; the last stage has no end.
        kinds: shares of claims to check, random claims to quote, claims to quote and to check, and
            solutions to judge.
        levels: shares of the levels of those solutions' problems.
        sampled: whether some of the solutions are samples of the policy.
    """

    lessons: int
    kinds: tuple[float, float, float, float]
    levels: tuple[float, float, float, float, float]
    sampled: bool = False


STAGES = (
    Stage(6_000, (0.50, 0.00, 0.00, 0.50), (3, 2, 0.5, 0, 0)),
    Stage(2_000, (0.05, 0.00, 0.48, 0.47), (3, 2, 0.5, 0, 0)),
    Stage(6_000, (0.02, 0.59, 0.12, 0.27), (3, 2, 0.5, 0, 0)),
    Stage(8_000, (0.05, 0.15, 0.20, 0.60), (3, 3, 2, 1, 0.5)),
    Stage(0, (0.02, 0.03, 0.05, 0.90), (2, 2.5, 2.5, 1.6, 1.2), sampled=True),
)
"""Working first, then reading: to judge whole solutions from the first on teaches neither."""
CLAIMS = (2, 10)
"""Claims of a lesson without a problem."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right solutions only."""
    rng = Random(seed)
    for problem in problems(seed, exclude):
        system = SYSTEM if rng.random() < SYSTEM_SHARE else ""
        text = write_solution(problem.solution()) + IM_END
        yield Lesson(policy_prompt(problem.question, system), ((text, PLAIN),))


def verifier_lessons(
    seed: int, exclude: frozenset[str], written: Callable[[], Sequence[Solution]]
) -> Iterator[Lesson]:
    """Yields verifier lessons without end, stage by stage; `written` gives the policy's samples."""
    rng = Random(seed)
    for stage in STAGES:
        samples = [each for each in written() if each[1]] if stage.sampled else []
        count = 0
        while stage is STAGES[-1] or count < stage.lessons:
            yield staged(rng, stage, exclude, samples)
            count += 1


def staged(
    rng: Random, stage: Stage, exclude: frozenset[str], samples: Sequence[Solution]
) -> Lesson:
    """Returns a lesson of a stage."""
    kind = rng.choices(("check", "copy", "quote", "judge"), stage.kinds)[0]
    if kind != "judge":
        return drill(rng, kind)
    if samples and rng.random() < SAMPLED_SHARE:
        problem, steps = rng.choice(samples)
    else:
        problem = new_problem(rng, stage, exclude)
        steps = synthetic_solution(rng, problem)
    part = ended(rng, problem, cut(rng, steps, CUT_SHARE))
    return verifier_lesson(problem, part, shown(rng, len(part)))


def shown(rng: Random, steps: int) -> int:
    """Returns how many of so many steps a lesson's prompt shows: all, or by `GIVEN_SHARE` fewer."""
    if steps < 2 or rng.random() >= GIVEN_SHARE:
        return steps
    return rng.randrange(1, steps)


def new_problem(rng: Random, stage: Stage, exclude: frozenset[str]) -> LevelProblem:
    """Returns a problem of a stage's levels that is not in `exclude`."""
    while True:
        problem = draw_problem(rng, rng.choices(list(LEVELS), stage.levels)[0])
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


def drill(rng: Random, kind: str) -> Lesson:
    """Returns some claims that have no problem, half of them wrong, for one skill.

    To `check` is learned without a prompt; to `quote` with the claims in it; to `copy` is to quote
    numbers that follow from nothing, so that there is no other way to them.
    """
    claims, pieces = list[Claim](), list[Piece]()
    for step in range(1, rng.randint(*CLAIMS) + 1):
        problem = draw_problem(rng, rng.randint(1, 5))
        index = rng.randrange(len(problem.operations))
        operation, value = problem.operations[index], problem.values[index]
        result = problem.values[index + 1]
        if rng.random() < 0.5:
            result = wrong_result(rng, operation, value)
        if kind == "copy":
            operation = Operation(operation.symbol, any_number(rng))
            value, result = any_number(rng), any_number(rng)
        claims.append(claim := Claim(value, operation, result, None))
        pieces.append((f"\n\nStep {step}:", 0.0))  # a critique would have ended at an error
        pieces += [(text, 0.0 if kind == "check" else weight) for text, weight in quoted(claim)]
        if kind == "copy":
            pieces += [(",", READ), (" asked", 0.0)]
            continue
        pieces.append((f", asked{asked(problem, index).removesuffix(' final')}", 0.0))
        pieces += checked(problem, index, claim)
        pieces += verdict(result == problem.values[index + 1])
    if kind == "check":
        return Lesson("", tuple(pieces))
    texts = [claim.operation.claim(claim.value, claim.result) for claim in claims]
    return Lesson(verifier_prompt("", texts), ((LEAD, 0.0), *pieces))


def any_number(rng: Random) -> int:
    """Returns a number of 1 to 4 digits."""
    return rng.randrange(10 ** rng.choice((1, 2, 2, 3, 3, 4)))


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
    kind = rng.choices(("right", "corrupt", "shuffle", "swap"), (40, 48, 6, 6))[0]
    if kind == "corrupt":
        return corrupt(rng, problem)
    steps = problem.solution()
    if kind == "shuffle":
        rng.shuffle(steps)
    return draw_problem(rng, problem.level).solution() if kind == "swap" else steps
