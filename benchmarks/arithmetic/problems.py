"""Arithmetic chains of 4-14 steps in five levels: more steps, larger numbers, harder operations.

A problem is a start value and a chain of operations; the answer is the last value of the chain. On
the right track every value lies in 1..4999 and every division is exact. Values that a wrong
solution reaches are unbounded, so `apply` is total: division keeps the whole part. A hard operation
needs more than a small model does reliably in one line: a two-digit factor, a wide sum or
difference. Divisions come before the first of them: a model that has only seen exact ones divides
1268 by 5 to 254, so a slip a few steps earlier would not show in the answer, and a right answer
would say little about its steps.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.arithmetic.wording import word_expression, word_story

SYMBOLS = ("+", "-", "*", "/")
KINDS = ("word", "expression")


@dataclass(frozen=True)
class Operation:
    """One step of a chain: `symbol` is one of + - * /, `operand` a positive integer."""

    symbol: str
    operand: int

    def apply(self, value: int) -> int:
        """Returns the value after this operation; a division keeps the whole part."""
        if self.symbol == "+":
            return value + self.operand
        if self.symbol == "-":
            return value - self.operand
        if self.symbol == "*":
            return value * self.operand
        return value // self.operand

    def claim(self, value: int, result: int) -> str:
        """Returns the step text that claims `result`, for example `12 * 3 = 36`."""
        return f"{value} {self.symbol} {self.operand} = {result}"


@dataclass(frozen=True)
class ArithmeticProblem:
    """A chain of operations and the English text that states it.

    Attributes:
        kind: `word` (a story) or `expression` (a parenthesised formula).
        start: the value before the first operation.
        operations: applied in the order in which the text states them.
        question: the text that a policy sees.
    """

    kind: str
    start: int
    operations: tuple[Operation, ...]
    question: str

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The start value and the right value after each operation: one more than operations."""
        values = [self.start]
        for operation in self.operations:
            values.append(operation.apply(values[-1]))
        return tuple(values)

    @property
    def answer(self) -> int:
        """The last value of the chain."""
        return self.values[-1]

    @cached_property
    def key(self) -> str:
        """A digest of the chain: two wordings of one chain are the same problem."""
        chain = f"{self.start} " + " ".join(f"{o.symbol} {o.operand}" for o in self.operations)
        return hashlib.sha256(chain.encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """The kind and the key, unique within everything that `problems` yields."""
        return f"{self.kind}-{self.key}"

    def solution(self) -> list[str]:
        """Returns the reference step texts; the last one boxes the answer."""
        claims = [
            operation.claim(value, result)
            for operation, value, result in zip(
                self.operations, self.values[:-1], self.values[1:], strict=True
            )
        ]
        return finish(claims, self.answer)


@dataclass(frozen=True)
class LevelProblem(ArithmeticProblem):
    """A chain of operations with its level, 1..5."""

    level: int = 1


def finish(claims: list[str], answer: int) -> list[str]:
    """Returns the claims with the boxed answer added to the last one."""
    return [*claims[:-1], f"{claims[-1]}. The answer is \\boxed{{{answer}}}"]


def write_solution(steps: list[str]) -> str:
    """Returns step texts as one solution: `Step i: text`, joined with a single newline."""
    return "\n".join(f"Step {index}: {text}" for index, text in enumerate(steps, start=1))


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
    divides = True
    for _ in range(rng.randint(*level.steps)):
        hard = hard_operations(rng, value, level) if rng.random() < level.hard else []
        divides = divides and not hard
        operation = rng.choice(hard or easy_operations(rng, value, level.largest, divides))
        operations.append(operation)
        value = operation.apply(value)
    return start, tuple(operations)


def easy_operations(rng: random.Random, value: int, largest: int, divides: bool) -> list[Operation]:
    """Returns one operation per symbol, where there is one: operands of one digit, sums up to 20.

    A sum or a difference is always among them, a division only where `divides`.
    """
    found = []
    if value + 2 <= largest:
        found.append(Operation("+", rng.randint(2, min(20, largest - value))))
    if value > 2:
        found.append(Operation("-", rng.randint(2, min(20, value - 1))))
    if value * 2 <= largest:
        found.append(Operation("*", rng.randint(2, min(9, largest // value))))
    if divides and (divisors := [each for each in range(2, 10) if value % each == 0]):
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
