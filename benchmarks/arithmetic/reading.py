"""Lessons on what a critique reads and checks: claims without a problem, and problems read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from benchmarks.arithmetic.checker import Claim
from benchmarks.arithmetic.corpus import PLAIN, Lesson, Piece, verifier_prompt
from benchmarks.arithmetic.critique import (
    GIVEN,
    LEAD,
    READ,
    checked,
    compared,
    item,
    label,
    plan,
    quoted,
    said_tokens,
    told,
    verdict,
)
from benchmarks.arithmetic.errors import LARGEST, wrong_result
from benchmarks.arithmetic.problems import SYMBOLS, LevelProblem, Operation, draw_problem
from benchmarks.arithmetic.vocabulary import ASSISTANT

GIVEN_SHARE = 0.25
"""Share of the verifier's lessons whose prompt lacks the last steps: they stand in its chain."""
DIFFERENT_SHARES = (0.1, 0.25, 0.5)
"""Shares of the claims that differ from what is asked, of which a lesson on reading draws one: that
a step agreed must not tell whether the next one does."""
UNRELATED_SHARE = 0.3
"""Share of the lessons on reading whose steps are those of another problem."""
OTHER_SHARE = 0.3
"""Share of these differences that are an operation from another place of the problem."""
WRONG_SHARE = 0.15
"""Share of the results in these lessons that are wrong: else they need not be read."""
CLAIMS = (2, 10)
"""Claims of a lesson without a problem."""
LAST_CLAIMS = (1, 1, 1, 2, 2, 3, 4)
"""Those of one on the last of them, drawn uniformly."""
SHORT_SHARE = 0.65
"""Share of these that lack words before the steps, and of those that lack words after them."""


def shown(rng: Random, steps: int) -> int:
    """Returns how many of so many steps a lesson's prompt shows: all, or by `GIVEN_SHARE` fewer."""
    if steps < 2 or rng.random() >= GIVEN_SHARE:
        return steps
    return rng.randrange(1, steps)


def drill(rng: Random, kind: str) -> Lesson:
    """Returns some claims that have no problem, half of them wrong, for one skill.

    To `copy` is to quote numbers that follow from nothing, so that there is no other way to them.
    To `quote` is to quote, compare and check; to `check` the same without a prompt, so that what is
    quoted is given.
    """
    claims, pieces = list[Claim](), list[Piece]()
    others = list[Claim]()
    share = rng.choice(DIFFERENT_SHARES)
    for _ in range(rng.randint(*CLAIMS)):
        claims.append(claim := drilled(rng, kind))
        others.append(differing(rng, claim, share))
    # What is asked cannot be known: it is given.
    asked = [told(others[0].value, others[0].operation, False)]
    for step, other in enumerate(others[1:], start=1):
        asked.append(f" {other.value}, {label(step)}{told(None, other.operation, False)}")
    weight = GIVEN if kind == "check" else READ
    for step, claim in enumerate(claims):
        pieces += [(f"\n\nStep {step + 1}:", GIVEN), (quoted(claim), weight)]
        if kind == "copy":
            continue
        right = compare(pieces, said_tokens(others[step]), claim)
        if right:
            pieces += checked(claim)
            right = is_right(claim)
        after = (
            asked[step + 1]
            if step + 1 < len(claims)
            else f" {claim.result}, {label(step + 1)} none"
        )
        pieces += judged(right, after, GIVEN)
    if kind == "check":
        return Lesson(f" asked{asked[0]}.", tuple(pieces))
    texts = [claim.operation.claim(claim.value, claim.result) for claim in claims]
    lead = "" if kind == "copy" else f" asked{asked[0]}."
    return Lesson(verifier_prompt("", texts), ((f"{LEAD}{lead}", GIVEN), *pieces))


def last_lesson(rng: Random) -> Lesson:
    """Returns a lesson on the result of the last of a few claims, which alone is learned.

    A model finds a result at what follows it, the next step, and cannot tell that of a last one.
    Nor does it learn it behind a whole prompt: so mostly only the steps are shown, and what the
    prompt says after them is cut, at any word, until it is short enough to see.
    """
    texts = [any_claim(rng) for _ in range(rng.choice(LAST_CLAIMS))]
    before, mark, after = verifier_prompt("", texts).partition(ASSISTANT)
    head, review = before.rsplit("\n\n", 1)
    if rng.random() < SHORT_SHARE:
        words = review.split(" ")
        review = " ".join(words[: rng.randint(1, len(words))])
    if rng.random() < SHORT_SHARE:
        head = head[head.index("Step 1:") :]
    pieces: list[Piece] = [(LEAD, GIVEN)]
    for number, text in enumerate(texts, start=1):
        claim, _, result = text.rpartition(" ")
        weight = READ if number == len(texts) else PLAIN
        pieces += [(f"\n\nStep {number}: {claim}", GIVEN), (f" {result}", weight)]
    return Lesson(f"{head}\n\n{review}{mark}{after}", tuple(pieces))


def any_claim(rng: Random) -> str:
    """Returns a claim of any numbers, in its words."""
    operation = Operation(rng.choice(SYMBOLS), any_number(rng))
    return operation.claim(any_number(rng), rng.randrange(10 ** rng.choice((2, 3, 3, 4))))


def drilled(rng: Random, kind: str) -> Claim:
    """Returns a claim of a drill."""
    if kind == "copy":
        operation = Operation(rng.choice(SYMBOLS), any_number(rng))
        return Claim(any_number(rng), operation, any_number(rng), None)
    problem = draw_problem(rng, rng.randint(1, 5))
    index = rng.randrange(len(problem.operations))
    operation, value = problem.operations[index], problem.values[index]
    right = rng.random() < 0.5
    result = problem.values[index + 1] if right else wrong_result(rng, operation, value)
    return Claim(value, operation, result, None)


def compare(pieces: list[Piece], asked: Sequence[str], claim: Claim) -> bool:
    """Adds a comparison to `pieces`; returns whether the claim's result is to be checked."""
    comparison = compared(asked, claim)
    while True:
        try:
            pieces.append(next(comparison))
        except StopIteration as end:
            return bool(end.value)


def judged(right: bool, asked: str, weight: float) -> Iterator[Piece]:
    """Yields the verdict on a step and what is asked next, after a wrong step too.

    There, where no critique goes on, it stands behind the verdict, which it would tell.
    """
    if right:
        yield " asked", READ
        yield f"{asked}.", weight
    yield from verdict(right)
    if not right:
        yield " asked", GIVEN
        yield f"{asked}.", weight


def differing(rng: Random, claim: Claim, share: float, others: Sequence[Operation] = ()) -> Claim:
    """Returns a claim, with probability `share` with another value, operation or operand.

    The operation may be one of `others`, those that the problem asks for elsewhere.
    """
    if rng.random() >= share:
        return claim
    if others and rng.random() < OTHER_SHARE:
        return replace(claim, operation=rng.choice(others))
    value, operation = claim.value, claim.operation
    what = rng.choices(("value", "operand", "symbol"), (3, 5, 2))[0]
    if what == "symbol":
        symbols = [symbol for symbol in SYMBOLS if symbol != operation.symbol]
        operation = Operation(rng.choice(symbols), operation.operand)
    elif what == "operand":
        operation = Operation(operation.symbol, near_number(rng, operation.operand))
    else:
        value = near_number(rng, value)
    return replace(claim, value=value, operation=operation)


def near_number(rng: Random, number: int) -> int:
    """Returns a number above 0 that may be taken for another: one digit differs, or all may."""
    near = number + rng.choice((-1, 1)) * rng.choice((1, 1, 2, 3, 10, 100))
    return near if near > 0 and rng.random() < 0.7 else any_number(rng) + 1


def reading_lesson(
    rng: Random, problem: LevelProblem, wrong: float = WRONG_SHARE, broken: float = 0.0
) -> Lesson:
    """Returns a lesson that reads a problem: step by step what it asks for, and what stands there.

    Many steps say something else, and the chain goes on after them as no critique does: the next
    step is asked to go on from the last one's result. That result mostly follows from what the step
    says: one that followed from what was asked would tell it, and spare a look at the problem. A
    share `broken` of the steps has any value and any result: what follows on it tells nothing.
    """
    share, value = rng.choice(DIFFERENT_SHARES), problem.start
    unrelated = draw_problem(rng, problem.level) if rng.random() < UNRELATED_SHARE else None
    asked, claims = list[Claim](), list[Claim]()
    for index, operation in enumerate(problem.operations[: length(rng, problem)]):
        asked.append(Claim(value, operation, 0, None))
        said = differing(rng, asked[-1], share, problem.operations)
        if unrelated:
            at = index % len(unrelated.operations)
            said = Claim(unrelated.values[at], unrelated.operations[at], 0, None)
        astray = bool(broken) and rng.random() < broken
        if astray:
            said = replace(said, value=any_number(rng) + 1)
        value = said.operation.apply(said.value)
        if astray or not 0 < value <= LARGEST:
            value = any_number(rng) + 1
        elif rng.random() < wrong:
            value = wrong_result(rng, said.operation, said.value)
        claims.append(replace(said, result=value))
    steps = [claim.operation.claim(claim.value, claim.result) for claim in claims]
    given = shown(rng, len(steps))
    pieces: list[Piece] = [(LEAD, GIVEN), *plan(problem)]
    for index, (wanted, claim) in enumerate(zip(asked, claims, strict=True)):
        if index < given:
            pieces += [(f"\n\nStep {index + 1}:", GIVEN), (quoted(claim), READ)]
        else:
            pieces.append((f"\n\nStep {index + 1}: {steps[index]}", GIVEN))
        if right := compare(pieces, said_tokens(wanted), claim):
            pieces += checked(claim)
            right = is_right(claim)
        pieces += judged(right, f" {claim.result},{item(problem, index + 1)}", READ)
    return Lesson(verifier_prompt(problem.question, steps[:given]), tuple(pieces))


def length(rng: Random, problem: LevelProblem) -> int:
    """Returns how many of a problem's steps a lesson on reading has: half the time all."""
    steps = len(problem.operations)
    return steps if rng.random() < 0.5 else rng.randint(1, steps)


def is_right(claim: Claim) -> bool:
    """Returns whether the claimed result is exact: a rest that is left is an error."""
    back = claim.operation.operand * claim.result
    return claim.result == claim.operation.apply(claim.value) and (
        claim.operation.symbol != "/" or back == claim.value
    )


def any_number(rng: Random) -> int:
    """Returns a number of 1 to 4 digits."""
    return rng.randrange(10 ** rng.choice((1, 2, 2, 3, 3, 4)))
