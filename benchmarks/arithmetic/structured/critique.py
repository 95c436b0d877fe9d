"""The verifier's critique of a structured response: quote, say what is asked, work it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.arithmetic.checker import STEP, Claim, read_claim
from benchmarks.arithmetic.corpus import DECISIVE, PLAIN, Piece
from benchmarks.arithmetic.critique import GIVEN, LEAD, READ, verdict
from benchmarks.arithmetic.structured.checker import SectionCheck, check, hold
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.vocabulary import EOS
from benchmarks.arithmetic.working import MOST_DIGITS, columns


def critique(
    choice: ChoiceProblem, steps: Sequence[str], shown: int | None = None
) -> Iterator[Piece]:
    """Yields the verification chain up to the first error, then the verdict on the whole.

    Each thing that a section says is quoted; beside it stands what is asked for there. Of a
    calculation no result is given: where the rest agrees, it is checked column by column. The first
    difference ends a section's critique.

    Args:
        choice: what the steps are to answer.
        steps: the sections, as `untagged` writes them.
        shown: how many of them the prompt shows, by default all: the others are put into the chain
            as they were written, by whoever lets the verification go on.
    """
    labels = check(choice, steps)
    yield LEAD, PLAIN
    for index, (text, label) in enumerate(zip(steps, labels, strict=True)):
        if label is None:
            break
        given = shown is not None and index >= shown
        yield f"\n\nStep {index + 1}:{f' {text}' if given else ''}", GIVEN if given else READ
        held = hold(choice, index, text)
        for each in held:
            yield from examined(each)
            yield (";" if each is not held[-1] else "."), READ
        yield from verdict(label)
    all_shown = shown is None or len(steps) <= shown
    # Whoever puts steps into a chain ends it: after a right one nothing tells whether more follow.
    yield "\n</think>\nIs the solution correct?", READ if all_shown or False in labels else GIVEN
    yield (" No" if False in labels else " Yes"), DECISIVE
    yield EOS, PLAIN


def examined(each: SectionCheck) -> Iterator[Piece]:
    """Yields the quotation, what is asked for and, of a calculation, the check of its result."""
    yield f" {each.said}", READ
    if not STEP.fullmatch(each.expected):
        yield f", asked {each.expected}", READ
        return
    asked = each.expected.partition(" = ")[0]
    yield f", asked {asked}", READ
    claim = read_claim(each.said)
    if claim is not None and can_be_checked(claim) and each.said.startswith(f"{asked} = "):
        yield from worked_out(claim)


def can_be_checked(claim: Claim) -> bool:
    """Returns whether a result can be worked out in columns."""
    return claim.result >= 0 and len(str(claim.result)) <= MOST_DIGITS


def worked_out(claim: Claim) -> Iterator[Piece]:
    """Yields the columns of a claim up to one that differs."""
    mark = ":"
    for equations, total, expected in columns(claim.operation, claim.value, claim.result):
        yield mark, READ
        yield equations, PLAIN
        yield total, PLAIN
        yield expected, PLAIN
        mark = ","
