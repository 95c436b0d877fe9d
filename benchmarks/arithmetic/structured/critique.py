"""The verifier's critique of a structured response: what is asked, what it says, whether it is so.

As the plain critique it first reads the problem into a numbered plan, and says what is asked of a
section before it is read. What a section says is quoted behind what stands before it in the prompt,
as a model of this size finds it there; what is asked stands beside it, found by its place.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence

from benchmarks.arithmetic.checker import read_claim
from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Piece
from benchmarks.arithmetic.critique import GIVEN, LEAD, READ, checked, label, plan, told, verdict
from benchmarks.arithmetic.problems import ArithmeticProblem
from benchmarks.arithmetic.structured.checker import SECTIONS, SectionCheck, check, hold
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.reasoning import END, VERBS, decided, listed, sought
from benchmarks.arithmetic.vocabulary import EOS
from benchmarks.arithmetic.working import MOST_DIGITS

Agrees = Generator[Piece, None, bool]
"""Pieces, then whether a section says what is asked."""
CALCULATIONS = 1
"""The place of the section that calculates."""
SYMBOLS = {"start": "", **{verb.lower(): f"{symbol} " for symbol, verb in VERBS.items()}}
"""By the first words of what the checker says: what stands before the number in a plan."""
SENTENCES = {
    "start": "Start from ",
    "result": "The result is ",
    "read": "",
    "none": "None is ",
    "answer": "So it is ",
}
"""By the first word of what the checker says: how a section says it."""


def critique(
    choice: ChoiceProblem, steps: Sequence[str], shown: int | None = None
) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    A section is quoted piece by piece, beside each piece what is asked there; a calculation that is
    asked for is checked column by column. The first difference, which a semicolon marks, ends a
    section's critique.

    Args:
        choice: what the steps are to answer.
        steps: the sections, as `untagged` writes them.
        shown: how many of them the prompt shows, by default all: the others are put into the chain
            as they were written, by whoever lets the verification go on.
    """
    labels = check(choice, steps)
    yield from lead(choice.problem)
    for index, (text, right) in enumerate(zip(steps, labels, strict=True)):
        if right is None:
            break
        given = shown is not None and index >= shown
        yield f"\n\nStep {index + 1}:{f' {text}' if given else ''}", GIVEN if given else READ
        if (yield from examined(index, hold(choice, index, text))):
            yield f" asked{asked(choice, index + 1)}.", READ
        yield from verdict(bool(right))
    all_shown = shown is None or len(steps) <= shown
    # Whoever puts steps into a chain ends it: after a right one nothing tells whether more follow.
    yield "\n</think>\nIs the solution correct?", READ if all_shown or False in labels else GIVEN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def lead(problem: ArithmeticProblem) -> Iterator[Piece]:
    """Yields the plan of the problem."""
    yield LEAD, PLAIN
    yield from plan(problem)


def first(problem: ArithmeticProblem) -> str:
    """Returns the first thing that is asked, of the plan and of the calculations."""
    return told(problem.start, problem.operations[0], False)


def asked(choice: ChoiceProblem, index: int) -> str:
    """Returns what is asked of step `index` (from 0), of the calculations the first."""
    result = choice.problem.answer
    if index == 2:
        return weighed(choice.options, result)
    if index == 3:
        return f" {choice.answer} {result}"
    return first(choice.problem) if index < 2 else " none"


def weighed(options: Sequence[int], result: int) -> str:
    """Returns the result, the options by letters and beside it, and which of them it is."""
    found = _short(decided(options.index(result)))
    return f" {result}, {listed(options)}. {sought(options, result)} {found}"


def examined(index: int, held: Sequence[SectionCheck], known: float = READ) -> Agrees:
    """Yields the critique of step `index` (from 0), held against what it should say.

    A critique has no check after one that differs; a lesson goes on there.

    Args:
        index: the step.
        held: what it should say and says, place by place.
        known: loss weight of what is asked.
    """
    if index >= len(SECTIONS) or held[0].said == "none":  # no such step, or another form
        yield " .", READ
        yield agreement(False)
    elif index == CALCULATIONS:
        yield from calculated(held, known)
    else:
        yield from compared(index, held, known)
    return index < len(SECTIONS) and all(each.right for each in held)


def compared(index: int, held: Sequence[SectionCheck], known: float) -> Iterator[Piece]:
    """Yields a section sentence by sentence, beside each what is asked there.

    What is asked ends as the sentence does, so that the next one is found behind it.
    """
    for number, each in enumerate(held):
        if index and each.right and each.said == END:
            return
        yield f" {sentence(index, each.said)}", READ
        place = f" {label(number - 1)}" if index < CALCULATIONS and number > 1 else ""
        yield f",{place}", READ
        yield f" {wanted(index, each.expected, number)}", known
        yield agreement(each.right)
        if not each.right and number + 1 < len(held):
            yield f" {each.said.split()[-1]}.", GIVEN


def calculated(held: Sequence[SectionCheck], known: float) -> Iterator[Piece]:
    """Yields calculations, each behind the result of the one before it, which it should go on from.

    Beside what is calculated stands what is asked; as it ends alike, the result is found behind it.
    """
    value = ""
    for number, each in enumerate(held):
        if number:
            # Behind a difference a critique would have ended.
            yield f" = {value}.", PLAIN if held[number - 1].right else GIVEN
        calculation, _, result = each.said.partition(" = ")
        said = calculation.split()[0]
        differs = number > 0 and each.said != END and said != value
        value = result
        if differs:
            yield f" {said}", READ
            yield agreement(False)
            continue
        yield f" {'none' if each.said == END else calculation}", READ
        yield f",{f' {label(number)}' if number else ''}", READ
        yield f" {wanted(CALCULATIONS, each.expected, number)}", known
        yield from worked_out(each)


def worked_out(each: SectionCheck) -> Iterator[Piece]:
    """Yields the result of a calculation that is asked for, and its check; else that it differs."""
    asked_for, is_one, _ = each.expected.partition(" = ")
    calculation, _, result = each.said.partition(" = ")
    if not is_one or calculation != asked_for:
        yield agreement(each.right)
        return
    yield f" = {result}", READ
    claim = read_claim(each.said)
    if claim and 0 <= claim.result < 10**MOST_DIGITS:
        yield ":", READ
        yield from checked(claim, ":")
    else:
        yield agreement(False)


def agreement(right: bool) -> Piece:
    """Returns the mark behind what was compared."""
    return (".", READ) if right else (";", DECISIVE)


def wanted(index: int, expected: str, number: int) -> str:
    """Returns what is asked at one place of step `index` (from 0), an operation as in the plan.

    Of a calculation that is not the first (`number` 0) only the operation is.
    """
    if expected == END:
        return "none"
    if index == CALCULATIONS:
        return " ".join(expected.split()[min(number, 1) : 3])
    if index > CALCULATIONS:
        return _short(expected)
    verb, operand = expected.rsplit(" ", 1)
    return f"{SYMBOLS[verb]}{operand}"


def _short(expected: str) -> str:
    return re.sub("result |answer |option |read |is ", "", expected)


def sentence(index: int, said: str) -> str:
    """Returns how step `index` says what the checker read there, without the full stop."""
    if said == END:
        return "none"
    if index == len(SECTIONS) - 1:
        option, _, value = said.partition(" is ")
        return f"Therefore the answer is {option}" + (f": {value}" if value != "None" else "")
    first, _, rest = said.partition(" ")
    if rest.startswith("A '"):
        return f"Options: {rest}"
    return SENTENCES[first] + rest if first in SENTENCES else said[:1].upper() + said[1:]
