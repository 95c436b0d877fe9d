"""Wrong solutions of the kinds a solver really writes, continued honestly from the wrong value.

`slip` is the policy's training noise (wrong arithmetic, wrong operand, skipped step);
`corrupt` makes one error of a wider choice of kinds, for the verifier's training.
"""

import random

from benchmarks.arithmetic.problems import SYMBOLS, ArithmeticProblem, Operation, finish

LARGEST = 199
"""A wrong solution whose values leave 0..LARGEST is drawn again."""

SLIPS = {"arithmetic": 5, "operand": 3, "skip": 2}
"""The kinds of a policy's slip, with their relative frequency."""


class OutOfRangeError(ValueError):
    """A wrong value led the rest of a solution out of 0..LARGEST."""


def wrong_result(rng: random.Random, operation: Operation, value: int) -> int:
    """Returns a wrong but likely result: a forgotten carry or borrow, a neighbour in the table."""
    right = operation.apply(value)
    units = value % 10, operation.operand % 10
    if operation.symbol == "+" and sum(units) > 9 and rng.random() < 0.6:
        return right - 10
    if operation.symbol == "-" and units[0] < units[1] and rng.random() < 0.6:
        return right + 10
    if operation.symbol == "*" and rng.random() < 0.6:
        return right + rng.choice((-value, value))
    return right + rng.choice((-1, 1, -1, 1, -2, 2, -10, 10))


def wrong_operand(rng: random.Random, problem: ArithmeticProblem, index: int) -> Operation:
    """Returns the operation with the operand of a nearby operation, or one that is off by a bit."""
    symbol, operand = problem.operations[index].symbol, problem.operations[index].operand
    nearby = [o.operand for o in problem.operations[max(0, index - 1) : index + 2]]
    choices = {*nearby, operand - 1, operand + 1} - {operand, 0, 1}
    return Operation(symbol, rng.choice(sorted(choices)))


def difficulty(operation: Operation, value: int) -> float:
    """Returns how likely a slip is here, relative to the mean: carries and products are harder."""
    units = value % 10, operation.operand % 10
    carry = operation.symbol == "+" and sum(units) > 9
    borrow = operation.symbol == "-" and units[0] < units[1]
    return 1.6 if carry or borrow or operation.symbol == "*" else 0.6


def slip(rng: random.Random, problem: ArithmeticProblem, rate: float) -> list[str]:
    """Returns step texts in which each step slips with probability about `rate`.

    A slip is followed by right steps from the wrong value; more slips may come after it.
    """
    while True:
        try:
            return _slip(rng, problem, rate)
        except OutOfRangeError:
            continue


def _slip(rng: random.Random, problem: ArithmeticProblem, rate: float) -> list[str]:
    value, claims = problem.start, []
    last = len(problem.operations) - 1
    for index, right in enumerate(problem.operations):
        operation, result = right, right.apply(value)
        if rng.random() < rate * difficulty(right, value):
            kind = rng.choices(list(SLIPS), list(SLIPS.values()))[0]
            if kind == "skip" and index < last:
                continue
            if kind == "operand":
                operation = wrong_operand(rng, problem, index)
                result = operation.apply(value)
            else:
                result = wrong_result(rng, right, value)
        claims.append(operation.claim(value, in_range(result)))
        value = result
    return finish(claims, value)


def in_range(value: int) -> int:
    """Returns `value`.

    Raises:
        OutOfRangeError: it is not in 0..LARGEST.
    """
    if not 0 <= value <= LARGEST:
        raise OutOfRangeError(value)
    return value


def corrupt(rng: random.Random, problem: ArithmeticProblem) -> list[str]:
    """Returns step texts with one error, of a kind and at a place drawn uniformly."""
    while True:
        try:
            steps = _corrupt(rng, problem)
        except OutOfRangeError:
            continue
        if steps != problem.solution():
            return steps


def _corrupt(rng: random.Random, problem: ArithmeticProblem) -> list[str]:
    kind = rng.choice(("arithmetic", "operand", "operation", "value", "skip", "repeat", "stop"))
    operations, values = list(problem.operations), problem.values
    at = rng.randrange(len(operations))
    if kind == "stop":
        at = max(1, at)
        claims = [o.claim(v, o.apply(v)) for o, v in zip(operations[:at], values, strict=False)]
        return finish(claims, values[at])
    if kind == "skip":
        del operations[at]
    elif kind == "repeat":
        operations.insert(at, operations[at])
    elif kind == "operand":
        operations[at] = wrong_operand(rng, problem, at)
    elif kind == "operation":
        symbols = [symbol for symbol in SYMBOLS if symbol != operations[at].symbol]
        operations[at] = Operation(rng.choice(symbols), operations[at].operand)
    value, claims = problem.start, []
    for index, operation in enumerate(operations):
        if kind == "value" and index == at:
            value = max(1, value + rng.choice((-10, -2, -1, 1, 2, 10)))
        result = operation.apply(value)
        if kind == "arithmetic" and index == at:
            result = wrong_result(rng, operation, value)
        claims.append(operation.claim(value, in_range(result)))
        value = result
    return finish(claims, value)
