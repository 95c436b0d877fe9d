"""The exact judge of the domain: labels every step of any solution text."""

import re
from dataclasses import dataclass

from benchmarks.arithmetic.problems import ArithmeticProblem, Operation

STEP = re.compile(
    r"(-?\d{1,9}) ([+*/-]) (\d{1,9}) = (-?\d{1,9})(?:\. The answer is \\boxed\{(-?\d{1,9})\})?"
)
MARKER = re.compile(r"^Step (\d+): ?", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """What one step text says: `value operation = result`, and the boxed answer if it has one."""

    value: int
    operation: Operation
    result: int
    boxed: int | None


def read_claim(text: str) -> Claim | None:
    """Returns the claim of a step text, or None where the text is not in the domain's form."""
    match = STEP.fullmatch(text.strip())
    if match is None:
        return None
    value, symbol, operand, result, boxed = match.groups()
    operation = Operation(symbol, int(operand))
    return Claim(int(value), operation, int(result), None if boxed is None else int(boxed))


def read_steps(solution: str) -> list[str]:
    """Splits a solution at its `Step i:` lines and returns the step texts without the markers."""
    parts = MARKER.split(solution)
    lead, texts = parts[0].strip(), [part.strip() for part in parts[2::2]]
    return [lead, *texts] if lead else texts


def check(problem: ArithmeticProblem, steps: list[str]) -> list[bool | None]:
    """Labels each step as PRM800K does: the first error matters, what follows it is not judged.

    A step is correct iff it applies the problem's next operation, written as `value symbol
    operand`, to the value that the previous step claimed (the start value for step 1), with right
    arithmetic, and boxes that result only if the operation is the problem's last one. An extra
    step after the last operation and a text in any other form are errors.

    Returns:
        One label per step: True (correct), False (the first error), None (after the first error).
    """
    labels: list[bool | None] = []
    for index, text in enumerate(steps):
        right = is_correct(problem, index, read_claim(text))
        labels.append(right)
        if not right:
            return labels + [None] * (len(steps) - index - 1)
    return labels


def is_correct(problem: ArithmeticProblem, index: int, claim: Claim | None) -> bool:
    """Returns whether step `index` (from 0) is right, given that all steps before it are."""
    if claim is None or index >= len(problem.operations):
        return False
    last = index == len(problem.operations) - 1
    return (
        claim.operation == problem.operations[index]
        and claim.value == problem.values[index]
        and claim.result == problem.values[index + 1]
        and (claim.boxed is None or (last and claim.boxed == claim.result))
    )


def is_solved(problem: ArithmeticProblem, steps: list[str]) -> bool:
    """Returns whether the last step boxes the right answer, by whatever way it got there."""
    claim = read_claim(steps[-1]) if steps else None
    return claim is not None and claim.boxed == problem.answer
