"""Wrong solutions made up for the verifier's training, continued honestly from the wrong value."""

from __future__ import annotations

import random

from benchmarks.arithmetic.problems import (
    SYMBOLS,
    ArithmeticProblem,
    LevelProblem,
    Operation,
    finish,
)

LARGEST = 999_999
"""A wrong solution whose values leave 0..LARGEST is drawn again."""
KINDS = {
    "arithmetic": 8,
    "operand": 6,
    "operation": 4,
    "value": 4,
    "skip": 3,
    "repeat": 2,
    "stop": 1,
}
"""The kinds of error, with their relative frequency. Nearly all of a policy's are arithmetic; from
few others a verifier learns to repeat what a step says instead of what the problem asks for."""
WRONG_RESULTS = {"next digit": 45, "other digit": 20, "carry": 20, "neighbour": 10, "other": 5}


class OutOfRangeError(ValueError):
    """A wrong value led the rest of a solution out of the range of the domain."""


def wrong_result(rng: random.Random, operation: Operation, value: int) -> int:
    """Returns a wrong but likely result, not below 0: most often one digit is off, by one."""
    right = operation.apply(value)
    text = str(right)
    at = rng.randrange(len(text))
    place: int = 10 ** (len(text) - 1 - at)
    kind = rng.choices(list(WRONG_RESULTS), list(WRONG_RESULTS.values()))[0]
    if kind == "next digit":
        shift = rng.choice((-place, place))
    elif kind == "other digit":
        shift = (rng.randrange(10) - int(text[at])) * place
    elif kind == "carry":
        shift = rng.choice((-10, 10, -100, 100) if right > 99 else (-10, 10))
    elif kind == "neighbour":
        shift = rng.choice((-1, 1)) * rng.choice((value, operation.operand))
    else:
        shift = rng.randrange(1, 10 ** len(text)) - right
    return max(0, right + shift)


def wrong_operand(rng: random.Random, problem: ArithmeticProblem, index: int) -> Operation:
    """Returns the operation with the operand of a nearby operation, or one that is off by a bit."""
    symbol, operand = problem.operations[index].symbol, problem.operations[index].operand
    nearby = [o.operand for o in problem.operations[max(0, index - 1) : index + 2]]
    choices = {*nearby, operand - 1, operand + 1} - {operand, 0, 1}
    return Operation(symbol, rng.choice(sorted(choices)))


def corrupt(rng: random.Random, problem: LevelProblem) -> list[str]:
    """Returns step texts with one error, of a kind drawn by `KINDS` and at a place drawn evenly."""
    while True:
        try:
            steps = _corrupt(rng, problem)
        except OutOfRangeError:
            continue
        if steps != problem.solution():
            return steps


def _corrupt(rng: random.Random, problem: LevelProblem) -> list[str]:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    operations = list(problem.operations)
    at = rng.randrange(len(operations))
    if kind == "stop":
        operations = operations[: max(1, at)]
    elif kind == "skip":
        del operations[at]
    elif kind == "repeat":
        operations.insert(at, operations[at])
    elif kind == "operand":
        operations[at] = wrong_operand(rng, problem, at)
    elif kind == "operation":
        symbols = [symbol for symbol in SYMBOLS if symbol != operations[at].symbol]
        operations[at] = Operation(rng.choice(symbols), operations[at].operand)
    return _claims(rng, problem.start, operations, {kind: at})


def _claims(
    rng: random.Random, value: int, operations: list[Operation], wrong: dict[str, int]
) -> list[str]:
    """Returns the steps from `value`; `wrong` says where a result or a value is to be wrong."""
    claims = []
    for index, operation in enumerate(operations):
        if wrong.get("value") == index:
            value = max(1, value + rng.choice((-1, 1)) * rng.choice((1, 1, 2, 10, 100)))
        result = operation.apply(value)
        if wrong.get("arithmetic") == index:
            result = wrong_result(rng, operation, value)
        if not 0 <= result <= LARGEST:
            raise OutOfRangeError(result)
        claims.append(operation.claim(value, result))
        value = result
    return finish(claims, value)
