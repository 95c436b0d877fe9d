"""Arithmetic chains of 4-14 steps in five levels: more steps, larger numbers, harder operations.

On the right track every value lies in 1..9999 and every division is exact. A hard operation needs
more than a small model does reliably in one line: a two-digit factor, a wide sum or difference, a
division by up to 12.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.arithmetic.problems import KINDS, ArithmeticProblem, Operation
from benchmarks.arithmetic.wording import word_expression, word_story


@dataclass(frozen=True)
class Level:
    """What the chains of a level are made of.

    Attributes:
        steps: fewest and most operations.
        largest: the largest value on the right track.
        hard: share of operations that are drawn from the hard ones, where there are any.
        factor: the largest factor of a hard product.
    """

    steps: tuple[int, int]
    largest: int
    hard: float
    factor: int


LEVELS: Mapping[int, Level] = {
    1: Level((4, 5), 99, 0.0, 11),
    2: Level((4, 7), 299, 0.15, 19),
    3: Level((6, 9), 999, 0.25, 29),
    4: Level((8, 11), 1999, 0.35, 49),
    5: Level((10, 14), 4999, 0.5, 99),
}
"""By number, as MATH numbers its levels: 1 is the easiest."""
STARTS = (2, 30)


@dataclass(frozen=True)
class LevelProblem(ArithmeticProblem):
    """A chain of operations with its level, 1..5."""

    level: int = 1


def draw_problem(rng: random.Random, level: int) -> LevelProblem:
    """Draws one problem of a level: wording and length uniform."""
    start, operations = draw_chain(rng, LEVELS[level])
    return stated(rng, level, start, operations)


def stated(
    rng: random.Random, level: int, start: int, operations: tuple[Operation, ...]
) -> LevelProblem:
    """Returns a chain as a problem, in a wording that is drawn."""
    kind = rng.choice(KINDS)
    write = word_story if kind == "word" else word_expression
    question = write(rng, start, [(each.symbol, each.operand) for each in operations])
    return LevelProblem(kind, start, operations, question, level)


def draw_chain(rng: random.Random, level: Level) -> tuple[int, tuple[Operation, ...]]:
    """Draws a start value in 2..30 and operations whose values stay in 1..`level.largest`."""
    start = value = rng.randint(*STARTS)
    operations: list[Operation] = []
    for _ in range(rng.randint(*level.steps)):
        hard = hard_operations(rng, value, level) if rng.random() < level.hard else []
        operation = rng.choice(hard or easy_operations(rng, value, level.largest))
        operations.append(operation)
        value = operation.apply(value)
    return start, tuple(operations)


def easy_operations(rng: random.Random, value: int, largest: int) -> list[Operation]:
    """Returns one operation per symbol, where there is one: operands of one digit, sums up to 20.

    A sum or a difference is always among them.
    """
    found = []
    if value + 2 <= largest:
        found.append(Operation("+", rng.randint(2, min(20, largest - value))))
    if value > 2:
        found.append(Operation("-", rng.randint(2, min(20, value - 1))))
    if value * 2 <= largest:
        found.append(Operation("*", rng.randint(2, min(9, largest // value))))
    if divisors := [each for each in range(2, 10) if value % each == 0]:
        found.append(Operation("/", rng.choice(divisors)))
    return found


def hard_operations(rng: random.Random, value: int, level: Level) -> list[Operation]:
    """Returns one hard operation per symbol, where there is one."""
    found = []
    if value + 21 <= level.largest:
        found.append(Operation("+", rng.randint(21, min(999, level.largest - value))))
    if value > 21:
        found.append(Operation("-", rng.randint(21, min(999, value - 1))))
    if value > 9 and value * 11 <= level.largest:
        found.append(Operation("*", rng.randint(11, min(level.factor, level.largest // value))))
    if value > 99 and (divisors := [each for each in range(3, 13) if value % each == 0]):
        found.append(Operation("/", rng.choice(divisors)))
    return found


def problems(seed: int, exclude: frozenset[str] = frozenset()) -> Iterator[LevelProblem]:
    """Yields problems without end, the levels in turn; no chain comes twice or is in `exclude`."""
    rng = random.Random(seed)
    seen = set(exclude)
    while True:
        for level in LEVELS:
            problem = draw_problem(rng, level)
            while problem.key in seen:
                problem = draw_problem(rng, level)
            seen.add(problem.key)
            yield problem
