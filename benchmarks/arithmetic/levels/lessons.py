"""Training texts of the two models of the domain with levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from benchmarks.arithmetic.checker import check
from benchmarks.arithmetic.corpus import (
    SYSTEM,
    SYSTEM_SHARE,
    Lesson,
    claimed_text,
    cut,
    policy_prompt,
    verifier_prompt,
)
from benchmarks.arithmetic.levels.errors import corrupt
from benchmarks.arithmetic.levels.problems import LevelProblem, draw_problem, problems
from benchmarks.arithmetic.levels.working import work_out
from benchmarks.arithmetic.problems import ArithmeticProblem, write_solution
from benchmarks.arithmetic.sampling import Solution
from benchmarks.arithmetic.vocabulary import EOS, IM_END

CUT_SHARE = 0.2
"""Share of the verifier's lessons on a solution that is not finished."""


def policy_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields policy lessons without end: right solutions only."""
    rng = Random(seed)
    for problem in problems(seed, exclude):
        system = SYSTEM if rng.random() < SYSTEM_SHARE else ""
        text = write_solution(problem.solution()) + IM_END
        yield Lesson(policy_prompt(problem.question, system), ((text, False),))


def critique(problem: ArithmeticProblem, steps: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    Each step is worked out in single-digit equations before its result, which then stands beside
    the claimed one; `final` marks the problem's last operation, and a claim that boxes an answer.
    Verdicts are decisive.
    """
    labels = check(problem, list(steps))
    yield "Let's verify step by step:", False
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        worked, claimed = worked_text(problem, index), claimed_text(text)
        yield f"\n\nStep {index + 1}: {worked}, claimed {claimed}. The step is \\boxed{{", False
        yield "correct" if label else "incorrect", True
        yield "}", False
    yield "\n</think>\nIs the solution correct?", False
    yield (" No" if False in labels else " Yes"), True
    yield EOS, False


def worked_text(problem: ArithmeticProblem, index: int) -> str:
    """Returns step `index` (from 0) worked out, for example `12 * 3: 2 * 3 + 0 = 6, …, = 36`."""
    if index >= len(problem.operations):
        return "no step"
    operation, value = problem.operations[index], problem.values[index]
    final = " final" if index == len(problem.operations) - 1 else ""
    asked = f"{value} {operation.symbol} {operation.operand}"
    return f"{asked}: {work_out(operation, value)}, = {problem.values[index + 1]}{final}"


def verifier_lesson(problem: ArithmeticProblem, steps: Sequence[str]) -> Lesson:
    """Returns the lesson that judges `steps`, labelled by the exact checker."""
    return Lesson(verifier_prompt(problem.question, steps), tuple(critique(problem, steps)))


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


def synthetic_lessons(seed: int, exclude: frozenset[str]) -> Iterator[Lesson]:
    """Yields verifier lessons without end on solutions with errors made by `errors`."""
    rng = Random(seed)
    for problem in problems(seed, exclude):
        steps = synthetic_solution(rng, problem)
        yield verifier_lesson(problem, cut(rng, steps, CUT_SHARE))


def sampled_lessons(seed: int, solutions: Sequence[Solution]) -> Iterator[Lesson]:
    """Yields verifier lessons without end on the policy's own solutions, in random order."""
    rng = Random(seed)
    while True:
        for problem, steps in rng.sample(solutions, len(solutions)):
            if steps:
                yield verifier_lesson(problem, cut(rng, steps, CUT_SHARE))
