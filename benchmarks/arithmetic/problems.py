"""Arithmetic chains of 4-10 steps: symbolic form, reference solution, endless generator.

A problem is a start value and a chain of operations; the answer is the last value of the chain.
On the right track every value lies in 1..99 and every division is exact. Values that a wrong
solution reaches are unbounded, so `apply` is total: division keeps the whole part.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from benchmarks.arithmetic.wording import word_expression, word_story

SYMBOLS = ("+", "-", "*", "/")
KINDS = ("word", "expression")
STEPS = (4, 10)
VALUES = (1, 99)


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
        operations: 4-10 operations, applied in the order in which the text states them.
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


def finish(claims: list[str], answer: int) -> list[str]:
    """Returns the claims with the boxed answer added to the last one."""
    return [*claims[:-1], f"{claims[-1]}. The answer is \\boxed{{{answer}}}"]


def write_solution(steps: list[str]) -> str:
    """Returns step texts as one solution: `Step i: text`, joined with a single newline."""
    return "\n".join(f"Step {index}: {text}" for index, text in enumerate(steps, start=1))


def draw_problem(rng: random.Random) -> ArithmeticProblem:
    """Draws one problem: kind and length uniform, operations uniform among the allowed ones."""
    kind = rng.choice(KINDS)
    start, operations = draw_chain(rng, rng.randint(*STEPS))
    write = word_story if kind == "word" else word_expression
    stated = [(operation.symbol, operation.operand) for operation in operations]
    return ArithmeticProblem(kind, start, operations, write(rng, start, stated))


def draw_chain(rng: random.Random, length: int) -> tuple[int, tuple[Operation, ...]]:
    """Draws a start value in 2..30 and `length` operations whose values stay in 1..99."""
    start = value = rng.randint(2, 30)
    operations: list[Operation] = []
    while len(operations) < length:
        operation = rng.choice(allowed_operations(rng, value))
        operations.append(operation)
        value = operation.apply(value)
    return start, tuple(operations)


def allowed_operations(rng: random.Random, value: int) -> list[Operation]:
    """Returns up to one operation per symbol (addition twice) that keeps `value` in 1..99."""
    low, high = VALUES
    choices = [Operation("*", b) for b in (rng.randint(2, 5),) if value * b <= high]
    choices += [Operation("/", b) for b in (rng.randint(2, 5),) if value % b == 0]
    if value < high:
        choices.append(Operation("+", rng.randint(2, max(2, min(20, high - value)))))
    if value > low + 2:
        choices.append(Operation("-", rng.randint(2, min(20, value - low))))
    return [choice for choice in choices if low <= choice.apply(value) <= high]


def problems(seed: int, exclude: frozenset[str] = frozenset()) -> Iterator[ArithmeticProblem]:
    """Yields problems without end; no chain comes twice or has its key in `exclude`."""
    rng = random.Random(seed)
    seen = set(exclude)
    while True:
        problem = draw_problem(rng)
        if problem.key not in seen:
            seen.add(problem.key)
            yield problem
