"""What a structured response says, right or wrong, and its sections in full sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from benchmarks.arithmetic.problems import Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem

VERBS = {"+": "Add", "-": "Subtract", "*": "Multiply by", "/": "Divide by"}


@dataclass(frozen=True)
class Calculation:
    """One calculation: `value`, the operation on it and the `result` that is claimed."""

    value: int
    operation: Operation
    result: int

    @property
    def text(self) -> str:
        """For example `12 * 3 = 36`."""
        return self.operation.claim(self.value, self.result)


@dataclass(frozen=True)
class Reasoning:
    """All that a response claims.

    Attributes:
        start: the value that the plan starts from.
        plan: the operations, in order.
        calculations: what the monitoring section computes.
        result: what the evaluation says is the result.
        options: the options as the evaluation reads them, up to the one that is the result.
        named: the index of the option that the evaluation decides for, from 0.
        output: the index in the output.
    """

    start: int
    plan: tuple[Operation, ...]
    calculations: tuple[Calculation, ...]
    result: int
    options: tuple[int, ...]
    named: int
    output: int

    @property
    def planning(self) -> str:
        """The order of the operations."""
        steps = (f"{VERBS[each.symbol]} {each.operand}." for each in self.plan)
        return " ".join([f"Start from {self.start}.", *steps])

    @property
    def monitoring(self) -> str:
        """The calculations, one sentence each."""
        return " ".join(f"{each.text}." for each in self.calculations)

    @property
    def evaluation(self) -> str:
        """The result held against the options, quoted up to the one that it is.

        They are quoted as the question has them: a model of this size finds what is quoted in one
        piece, and does not find the second of four.
        """
        read = f"Options: {quoted(self.options)}."
        if self.options[-1] == self.result:
            end = f"So it is option {self.named}."
        else:
            end = f"None is {self.result}. The nearest is option {self.named}."
        return " ".join([f"The result is {self.result}.", read, end])


def quoted(options: Sequence[int]) -> str:
    """Returns options as the question lists them: `'48', '16'`."""
    return ", ".join(f"'{option}'" for option in options)


def calculate(start: int, plan: Sequence[Operation]) -> tuple[Calculation, ...]:
    """Returns the right calculations of a plan."""
    made = []
    value = start
    for operation in plan:
        made.append(Calculation(value, operation, operation.apply(value)))
        value = made[-1].result
    return tuple(made)


def conclude(
    choice: ChoiceProblem, start: int, plan: Sequence[Operation], made: Sequence[Calculation]
) -> Reasoning:
    """Returns the reasoning that goes on honestly from these calculations.

    A result that is no option gives the nearest option, the first of two.
    """
    result = made[-1].result
    before = tuple(takewhile(lambda option: option != result, choice.options))
    read = choice.options[: len(before) + 1]
    nearest = min(choice.options, key=lambda option: abs(option - result))
    named = choice.options.index(nearest)
    return Reasoning(start, tuple(plan), tuple(made), result, read, named, named)


def solve(choice: ChoiceProblem) -> Reasoning:
    """Returns the right reasoning."""
    start, plan = choice.problem.start, choice.problem.operations
    return conclude(choice, start, plan, calculate(start, plan))
