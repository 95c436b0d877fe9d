"""What a structured response says, right or wrong, and its sections in full sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from benchmarks.arithmetic.problems import Operation
from benchmarks.arithmetic.structured.choices import ChoiceProblem

VERBS = {"+": "Add", "-": "Subtract", "*": "Multiply by", "/": "Divide by"}
END = "end"
"""What stands beside a digit where the other number has no more."""
LETTERS = "ABCDEFGHIJ"
"""Of the options in their order: their numbers would stand among digits, and not be found there."""


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
        options: the options as the evaluation reads them.
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
        """The options by letters, each held against the result up to the one that it is.

        A model of this size copies all of them in one piece, finds one by its letter, and sees
        whether two digits are the same; whether two numbers are, it does not see at once.
        """
        if self.result in self.options:
            end = f"So it is {decided(self.named)}."
        else:
            end = f"None is {self.result}. The nearest is {decided(self.named)}."
        read = f"Options: {listed(self.options)}."
        return " ".join(
            [f"The result is {self.result}.", read, sought(self.options, self.result), end]
        )


def decided(named: int) -> str:
    """Returns an option as a decision names it: `C, option 2`."""
    return f"{LETTERS[named]}, option {named}"


def listed(options: Sequence[int]) -> str:
    """Returns options by letters: `A '48', B '16'`."""
    return ", ".join(lettered(options))


def lettered(options: Sequence[int]) -> list[str]:
    """Returns each option behind its letter: `A '48'`."""
    return [f"{letter} '{option}'" for letter, option in zip(LETTERS, options, strict=False)]


def sought(options: Sequence[int], result: int) -> str:
    """Returns the options beside a result, digit by digit, up to the option that it is.

    For example `A '48' 4 1 no, 8 6 no. B '16' 1 1, 6 6.`
    """
    places = options.index(result) + 1 if result in options else len(options)
    told = zip(lettered(options[:places]), options, strict=False)
    return " ".join(f"{each} {', '.join(pairs(option, result))}." for each, option in told)


def pairs(option: int, result: int) -> Iterator[str]:
    """Yields all digits of both side by side, marked from the first that differ.

    That all are told, and that the mark is carried on, makes each a matter of what stands just
    before it: neither how far two numbers agree nor whether one of many differs is learned.
    """
    mark = ""
    for ours, theirs in zip_longest(str(option), str(result), fillvalue=END):
        mark = mark if ours == theirs else " no"
        yield f"{ours} {theirs}{mark}"


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
    nearest = min(choice.options, key=lambda option: abs(option - result))
    named = choice.options.index(nearest)
    return Reasoning(start, tuple(plan), tuple(made), result, choice.options, named, named)


def solve(choice: ChoiceProblem) -> Reasoning:
    """Returns the right reasoning."""
    start, plan = choice.problem.start, choice.problem.operations
    return conclude(choice, start, plan, calculate(start, plan))
