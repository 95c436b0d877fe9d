"""The verifier's critique: what the problem asks for, what the step says, whether its result is so.

A model of this size copies what is near, and what it finds by the words before it. So
the problem is read as a whole, before any step; what is asked for comes before the step is read
again; a step is quoted in one piece; and what is to be compared stands side by side, token beside
token.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from string import ascii_uppercase
from typing import Any

from benchmarks.arithmetic.checker import Claim, check, read_claim
from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Piece
from benchmarks.arithmetic.problems import ArithmeticProblem, Operation
from benchmarks.arithmetic.vocabulary import EOS, build_tokenizer
from benchmarks.arithmetic.working import MOST_DIGITS, PLACES, by_place, columns

READ = 5.0
"""Loss weight of what is read in the prompt, and of whether a check goes on: few tokens that are
hard, among many that are not."""
GIVEN = 0.0
"""Loss weight of what the model does not write itself."""
LEAD = "Let's verify step by step:"
LABELS = ascii_uppercase
"""Of a plan's items: each is one token that stands nowhere else, which numbers do."""
WORDS = f"asked none {' '.join((*PLACES, *LABELS))}"


def build_verifier_tokenizer() -> Any:
    """Returns the domain's tokenizer with the words of the critique."""
    return build_tokenizer("verifier", WORDS)


def critique(
    problem: ArithmeticProblem, steps: Sequence[str], shown: int | None = None
) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    It reads the problem into a plan: what is asked at first, and what after each step. Each step is
    quoted and compared with what is asked there; where these agree, the claimed result is checked
    column by column. The first difference ends a step's critique; after a right step stands what is
    asked next, so that it is read before the next step is.

    Args:
        problem: what the steps are to solve.
        steps: the step texts of a solution or its beginning.
        shown: how many of them the prompt shows, by default all: the others are put into the chain
            as they were written, by whoever lets the verification go on.
    """
    labels = check(problem, list(steps))
    yield LEAD, PLAIN
    yield from plan(problem)
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        claim = read_claim(text)
        if shown is None or index < shown:
            yield f"\n\nStep {index + 1}:", READ
            yield quoted(claim), READ
        else:
            yield f"\n\nStep {index + 1}: {text}", GIVEN
        if (yield from compared(asked_tokens(problem, index), claim)):
            yield from checked(claim)
        if label:
            yield f" asked{asked(problem, index + 1)}.", READ
        yield from verdict(bool(label))
    all_shown = shown is None or len(steps) <= shown
    # Whoever puts steps into a chain ends it: after a right one nothing tells whether more follow.
    yield "\n</think>\nIs the solution correct?", READ if all_shown or False in labels else GIVEN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def plan(problem: ArithmeticProblem) -> Iterator[Piece]:
    """Yields what is asked at first and, behind a letter each, what is asked after each step."""
    yield f" asked{asked(problem, 0)}", READ
    for steps in range(1, len(problem.operations) + 1):
        yield f",{item(problem, steps)}", READ
    yield ".", READ


def asked(problem: ArithmeticProblem, index: int) -> str:
    """Returns what step `index` (from 0) should do: a value, then from the second the plan's item.

    Its letter stands right before what is to be found by it.
    """
    if not index:
        return told(problem.start, problem.operations[0], len(problem.operations) == 1)
    return f" {problem.values[index]},{item(problem, index)}"


def item(problem: ArithmeticProblem, steps: int) -> str:
    """Returns what the plan says of what is asked after so many steps, from 1 up."""
    if steps == len(problem.operations):
        return f" {label(steps)} none"
    last = steps == len(problem.operations) - 1
    return f" {label(steps)}{told(None, problem.operations[steps], last)}"


def label(steps: int) -> str:
    """Returns the letter of what is asked after so many steps, from 1 up."""
    return LABELS[steps - 1]


def told(value: int | None, operation: Operation, last: bool) -> str:
    """Returns what is asked, as a critique says it; `final` marks a problem's last operation."""
    start = "" if value is None else f" {value}"
    return f"{start} {operation.symbol} {operation.operand}{' final' if last else ''}"


def quoted(claim: Claim | None) -> str:
    """Returns a step as a critique quotes it, in one piece: a copy that a model finds easily."""
    if claim is None:
        return " ."
    return " ".join(["", claim.operation.claim(claim.value, claim.result), *_box(claim)])


def asked_tokens(problem: ArithmeticProblem, index: int) -> list[str]:
    """Returns what step `index` (from 0) should say, in the tokens that are compared."""
    if index >= len(problem.operations):
        return ["none"]
    mark = "final" if index == len(problem.operations) - 1 else "none"
    return [*_tokens(problem.values[index], problem.operations[index]), mark]


def said_tokens(claim: Claim | None) -> list[str]:
    """Returns what a step says, in the tokens that are compared: all but its result.

    A box with another number than the result is none that ends a solution; what boxes nothing is
    compared without.
    """
    return ["."] if claim is None else [*_tokens(claim.value, claim.operation), *_box(claim)]


def _tokens(value: int, operation: Operation) -> list[str]:
    return [*str(value), operation.symbol, *str(operation.operand), "="]


def _box(claim: Claim) -> list[str]:
    return [] if claim.boxed is None else ["final"] if claim.boxed == claim.result else ["."]


def compared(asked: Sequence[str], claim: Claim | None) -> Generator[Piece, None, bool]:
    """Yields what was asked beside what a step says, token by token, up to a difference.

    Returns:
        Whether the result is to be checked.
    """
    for wanted, said in zip(asked, said_tokens(claim), strict=False):
        yield f", {wanted}", READ
        yield f" {said}", READ
        if wanted != said:
            yield ".", DECISIVE
            return False
    assert claim is not None
    fits: bool = 0 <= claim.result < 10**MOST_DIGITS
    yield (":" if fits else "."), READ
    return fits


def checked(claim: Claim | None, begin: str = ";") -> Iterator[Piece]:
    """Yields the digits of a claimed result, a mark, then its check, column by column."""
    assert claim is not None
    yield f"{by_place(claim.result)}{begin}", READ
    mark = ""
    for equations, total, expected in columns(claim.operation, claim.value, claim.result):
        if mark:
            yield mark, READ
        yield equations, PLAIN
        yield total, PLAIN
        yield expected, PLAIN
        mark = ","
    yield ".", READ


def verdict(right: bool) -> Iterator[Piece]:
    """Yields the boxed verdict on a step."""
    yield " The step is \\boxed{", PLAIN
    yield "correct" if right else "incorrect", DECISIVE
    yield "}", PLAIN
