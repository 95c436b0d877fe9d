"""The problems of the first embedded domain, which runs of earlier versions were about.

Chains of 4-10 operations whose values lie in 1..99. Nothing draws them any more: they are files.
Their wrong options are drawn, for any seed, as they ever were: each is the result of a solution in
which some steps slip.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from benchmarks.arithmetic.errors import OutOfRangeError, wrong_operand
from benchmarks.arithmetic.problems import ArithmeticProblem, Operation
from benchmarks.arithmetic.structured.choices import OPTIONS, ChoiceProblem

SLIP_RATE = 0.2
"""Share of wrong steps in the solutions whose results are the wrong options."""
SLIPS = {"arithmetic": 5, "operand": 3, "skip": 2}
"""The kinds of slip, with their relative frequency."""
LARGEST = 199
"""A wrong solution whose values leave 0..LARGEST is drawn again."""


def problem_of(row: Mapping[str, Any]) -> ArithmeticProblem:
    """Returns the problem of a row; its operations are texts as `*5`."""
    operations = tuple(Operation(each[0], int(each[1:])) for each in row["operations"])
    return ArithmeticProblem(row["kind"], row["start"], operations, row["problem"])


def offer(problem: ArithmeticProblem, seed: int) -> ChoiceProblem:
    """Returns the problem with its options.

    They and their order depend on the seed and the chain: two wordings of it have the same.
    """
    rng = Random(f"{seed}/{problem.key}")
    options = [problem.answer]
    while len(options) < OPTIONS:
        result = slipped(rng, problem)
        if result not in options:
            options.append(result)
    rng.shuffle(options)
    return ChoiceProblem(problem, tuple(options))


def slipped(rng: Random, problem: ArithmeticProblem) -> int:
    """Returns the result of a solution in which each step slips with probability `SLIP_RATE`.

    Each slip is followed by right steps from the wrong value.
    """
    while True:
        try:
            return _slipped(rng, problem)
        except OutOfRangeError:
            continue


def _slipped(rng: Random, problem: ArithmeticProblem) -> int:
    value = problem.start
    last = len(problem.operations) - 1
    for index, right in enumerate(problem.operations):
        result = right.apply(value)
        if rng.random() < SLIP_RATE * difficulty(right, value):
            kind = rng.choices(list(SLIPS), list(SLIPS.values()))[0]
            if kind == "skip" and index < last:
                continue
            if kind == "operand":
                result = wrong_operand(rng, problem, index).apply(value)
            else:
                result = wrong_result(rng, right, value)
        if not 0 <= result <= LARGEST:
            raise OutOfRangeError(result)
        value = result
    return value


def difficulty(operation: Operation, value: int) -> float:
    """Returns how likely a slip is here, relative to the mean: carries and products are harder."""
    carry, borrow = _carries(operation, value)
    return 1.6 if carry or borrow or operation.symbol == "*" else 0.6


def wrong_result(rng: Random, operation: Operation, value: int) -> int:
    """Returns a wrong but likely result: a forgotten carry or borrow, a neighbour in the table."""
    right = operation.apply(value)
    carry, borrow = _carries(operation, value)
    if carry and rng.random() < 0.6:
        return right - 10
    if borrow and rng.random() < 0.6:
        return right + 10
    if operation.symbol == "*" and rng.random() < 0.6:
        return right + rng.choice((-value, value))
    return right + rng.choice((-1, 1, -1, 1, -2, 2, -10, 10))


def _carries(operation: Operation, value: int) -> tuple[bool, bool]:
    """Whether there is a carry in a sum, and a borrow in a difference."""
    units = value % 10, operation.operand % 10
    carry = operation.symbol == "+" and sum(units) > 9
    return carry, operation.symbol == "-" and units[0] < units[1]
