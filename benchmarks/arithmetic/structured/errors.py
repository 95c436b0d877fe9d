"""Reasoning with one error of many kinds, for the verifier's training."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from benchmarks.arithmetic.errors import OutOfRangeError, in_range, wrong_operand, wrong_result
from benchmarks.arithmetic.problems import SYMBOLS, Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import (
    Calculation,
    Reasoning,
    calculate,
    conclude,
    solve,
)
from benchmarks.arithmetic.structured.slips import misjudge


def corrupt(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """Returns reasoning with one error, of a section and kind drawn uniformly.

    What follows the error is honest.
    """
    right = solve(choice)
    while True:
        kind = KINDS[rng.choice(list(KINDS))]
        try:
            said = kind(rng, choice)
        except OutOfRangeError:
            continue
        if said != right:
            return said


def _replan(choice: ChoiceProblem, start: int, plan: list[Operation]) -> Reasoning:
    """The honest reasoning from a wrong plan, which has at least one operation."""
    made = calculate(start, plan)
    for each in made:
        in_range(each.result)
    return conclude(choice, start, plan, made)


def _wrong_plan(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """An operation or operand changed, left out, repeated or swapped with the next."""
    plan = list(choice.problem.operations)
    at = rng.randrange(len(plan))
    kind = rng.choice(("operand", "symbol", "skip", "repeat", "swap"))
    if kind == "operand":
        plan[at] = wrong_operand(rng, choice.problem, at)
    elif kind == "symbol":
        plan[at] = replace(plan[at], symbol=rng.choice(sorted({*SYMBOLS} - {plan[at].symbol})))
    elif kind == "skip":
        del plan[at]
    elif kind == "repeat":
        plan.insert(at, plan[at])
    else:
        plan[at : at + 2] = reversed(plan[at : at + 2])
    return _replan(choice, choice.problem.start, plan)


def _wrong_start(rng: Random, choice: ChoiceProblem) -> Reasoning:
    start = max(1, choice.problem.start + rng.choice((-10, -2, -1, 1, 2, 10)))
    return _replan(choice, start, list(choice.problem.operations))


def _wrong_calculation(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """A result, or the value carried over, is wrong, or one calculation is left out."""
    start, plan = choice.problem.start, choice.problem.operations
    at = rng.randrange(len(plan))
    kind = rng.choice(("result", "result", "result", "value", "skip"))
    made: list[Calculation] = []
    value = start
    for index, operation in enumerate(plan):
        if index == at and kind == "skip" and index < len(plan) - 1:
            continue
        if index == at and kind == "value":
            value = max(1, value + rng.choice((-10, -2, -1, 1, 2, 10)))
        result = operation.apply(value)
        if index == at and kind == "result":
            result = wrong_result(rng, operation, value)
        made.append(Calculation(value, operation, in_range(result)))
        value = result
    return conclude(choice, start, plan, made)


def _wrong_evaluation(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """An option misread as the result or another one named; or another result is said."""
    right = solve(choice)
    if rng.random() < 0.7:
        return misjudge(rng, right)
    result = in_range(right.result + rng.choice((-10, -2, -1, 1, 2, 10)))
    made = [*right.calculations[:-1], replace(right.calculations[-1], result=result)]
    said = conclude(choice, right.start, right.plan, made)
    return replace(said, calculations=right.calculations)


def _wrong_output(rng: Random, choice: ChoiceProblem) -> Reasoning:
    right = solve(choice)
    others = [index for index in range(len(choice.options)) if index != right.output]
    return replace(right, output=rng.choice(others))


KINDS: Mapping[str, Callable[[Random, ChoiceProblem], Reasoning]] = {
    "plan": _wrong_plan,
    "start": _wrong_start,
    "calculation": _wrong_calculation,
    "more calculation": _wrong_calculation,
    "evaluation": _wrong_evaluation,
    "output": _wrong_output,
}
