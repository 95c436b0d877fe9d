"""Wrong reasoning made up for the verifier's training, continued honestly from the error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from benchmarks.arithmetic.errors import LARGEST, OutOfRangeError, wrong_operand, wrong_result
from benchmarks.arithmetic.problems import SYMBOLS, Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import Calculation, Reasoning, conclude, solve

NEAR = (-100, -10, -2, -1, 1, 2, 10, 100)
"""How far a value is off that is not taken over as it was."""


def corrupt(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """Returns reasoning with one error, of a kind drawn by `KINDS`."""
    right = solve(choice)
    while True:
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        try:
            said = kind(rng, choice)
        except OutOfRangeError:
            continue
        if said != right:
            return said


def calculated(
    choice: ChoiceProblem, start: int, plan: list[Operation], wrong: Mapping[int, int] | None = None
) -> Reasoning:
    """Returns the reasoning by a plan, with the results that are said to be wrong.

    Raises:
        OutOfRangeError: a result is not in 0..`LARGEST`.
    """
    value, made = start, list[Calculation]()
    for index, operation in enumerate(plan):
        result = (wrong or {}).get(index, operation.apply(value))
        if not 0 <= result <= LARGEST:
            raise OutOfRangeError(result)
        made.append(Calculation(value, operation, result))
        value = result
    return conclude(choice, start, plan, made)


def wrong_plan(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """An operation or operand changed, left out, repeated or swapped with the next; the start."""
    start, plan = choice.problem.start, list(choice.problem.operations)
    at = rng.randrange(len(plan))
    kind = rng.choice(("operand", "operand", "symbol", "skip", "repeat", "swap", "start"))
    if kind == "operand":
        plan[at] = wrong_operand(rng, choice.problem, at)
    elif kind == "symbol":
        plan[at] = replace(plan[at], symbol=rng.choice(sorted({*SYMBOLS} - {plan[at].symbol})))
    elif kind == "skip":
        del plan[at]
    elif kind == "repeat":
        plan.insert(at, plan[at])
    elif kind == "swap":
        plan[at : at + 2] = reversed(plan[at : at + 2])
    else:
        start = max(1, start + rng.choice(NEAR))
    return calculated(choice, start, plan)


def wrong_calculation(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """One result is wrong."""
    operations, values = list(choice.problem.operations), choice.problem.values
    at = rng.randrange(len(operations))
    result = wrong_result(rng, operations[at], values[at])
    return calculated(choice, choice.problem.start, operations, {at: result})


def wrong_monitoring(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """A right plan that is not followed: a value not taken over, a calculation left out."""
    right = solve(choice)
    at = rng.randrange(len(right.calculations))
    plan = list(right.plan)
    if rng.random() < 0.5 and len(plan) > 1:
        del plan[at]
        return replace(calculated(choice, right.start, plan), plan=right.plan)
    value = max(1, right.calculations[at].value + rng.choice(NEAR))
    rest = calculated(choice, value, plan[at:])
    made = (*right.calculations[:at], *rest.calculations)
    return replace(conclude(choice, right.start, plan, made), plan=right.plan)


def wrong_evaluation(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """An option misread as the result or another one named; or another result is said."""
    right = solve(choice)
    if rng.random() < 0.6:
        return misjudge(rng, right)
    result = max(0, right.result + rng.choice(NEAR))
    made = [*right.calculations[:-1], replace(right.calculations[-1], result=result)]
    return replace(conclude(choice, right.start, right.plan, made), calculations=right.calculations)


def misjudge(rng: Random, reasoning: Reasoning) -> Reasoning:
    """Returns the reasoning with an option misread as the result, or with another one named."""
    if reasoning.named and rng.random() < 0.5:
        at = rng.randrange(reasoning.named)
        options = (*reasoning.options[:at], reasoning.result, *reasoning.options[at + 1 :])
        return replace(reasoning, options=options, named=at, output=at)
    named = rng.choice([index for index in range(4) if index != reasoning.named])
    return replace(reasoning, named=named, output=named)


def wrong_output(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """Another option is answered than the one that was named."""
    right = solve(choice)
    others = [index for index in range(len(choice.options)) if index != right.output]
    return replace(right, output=rng.choice(others))


KINDS: Mapping[Callable[[Random, ChoiceProblem], Reasoning], int] = {
    wrong_calculation: 12,
    wrong_plan: 3,
    wrong_monitoring: 2,
    wrong_evaluation: 2,
    wrong_output: 1,
}
"""The kinds of error, with their relative frequency: most of a policy's are arithmetic."""
