"""The verifier's critique: quote the step, say what the problem asks for, check the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.arithmetic.checker import Claim, check, read_claim
from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Piece
from benchmarks.arithmetic.problems import ArithmeticProblem
from benchmarks.arithmetic.vocabulary import EOS, build_tokenizer
from benchmarks.arithmetic.working import MOST_DIGITS, PLACES, columns

READ = 5.0
"""Loss weight of what is read in the prompt, and of whether a check goes on: few tokens that are
hard, among many that are not."""
GIVEN = 0.0
"""Loss weight of what the model does not write itself."""
LEAD = "Let's verify step by step:"
WORDS = f"asked none {' '.join(PLACES)}"


def build_verifier_tokenizer() -> Any:
    """Returns the domain's tokenizer with the words of the critique."""
    return build_tokenizer("verifier", WORDS)


def critique(
    problem: ArithmeticProblem, steps: Sequence[str], shown: int | None = None
) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    Each step is quoted, beside it stands what the problem asks for there; where these agree, the
    claimed result is checked column by column. The first difference ends a step's critique.

    Args:
        problem: what the steps are to solve.
        steps: the step texts of a solution or its beginning.
        shown: how many of them the prompt shows, by default all: the others are put into the chain
            as they were written, by whoever lets the verification go on.
    """
    labels = check(problem, list(steps))
    yield LEAD, PLAIN
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        if shown is None or index < shown:
            yield f"\n\nStep {index + 1}:", READ
            yield from quoted(read_claim(text))
        else:
            yield f"\n\nStep {index + 1}: {text}", GIVEN
        yield f", asked{asked(problem, index)}", READ
        yield from checked(problem, index, read_claim(text))
        yield from verdict(bool(label))
    all_shown = shown is None or len(steps) <= shown
    # Whoever puts steps into a chain ends it: after a right one nothing tells whether more follow.
    yield "\n</think>\nIs the solution correct?", READ if all_shown or False in labels else GIVEN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def quoted(claim: Claim | None) -> Iterator[Piece]:
    """Yields what a step says, `final` where it boxes an answer."""
    if claim is None:
        yield " none", READ
        return
    operation = claim.operation
    yield f" {claim.value} {operation.symbol} {operation.operand} = {claim.result}", READ
    if claim.boxed is not None:
        other = "" if claim.boxed == claim.result else f" {claim.boxed}"
        yield f" final{other}", READ


def asked(problem: ArithmeticProblem, index: int) -> str:
    """Returns what step `index` (from 0) should do, `final` at the problem's last operation."""
    if index >= len(problem.operations):
        return " none"
    operation = problem.operations[index]
    final = " final" if index == len(problem.operations) - 1 else ""
    return f" {problem.values[index]} {operation.symbol} {operation.operand}{final}"


def checked(problem: ArithmeticProblem, index: int, claim: Claim | None) -> Iterator[Piece]:
    """Yields the check of a claimed result, where the step does what is asked."""
    if claim is None or not as_asked(problem, index, claim):
        yield ".", DECISIVE
        return
    mark, weight = ":", DECISIVE
    for equations, total, expected in columns(claim.operation, claim.value, claim.result):
        yield mark, weight
        yield equations, PLAIN
        yield total, PLAIN
        yield expected, PLAIN
        mark, weight = ",", READ
    yield ".", READ


def as_asked(problem: ArithmeticProblem, index: int, claim: Claim) -> bool:
    """Returns whether a claim is what the problem asks for at `index`, its result aside."""
    if index >= len(problem.operations) or not 0 <= claim.result < 10**MOST_DIGITS:
        return False
    last = index == len(problem.operations) - 1
    boxed = claim.boxed is None or (last and claim.boxed == claim.result)
    same = claim.operation == problem.operations[index] and claim.value == problem.values[index]
    return boxed and same


def verdict(right: bool) -> Iterator[Piece]:
    """Yields the boxed verdict on a step."""
    yield " The step is \\boxed{", PLAIN
    yield "correct" if right else "incorrect", DECISIVE
    yield "}", PLAIN
