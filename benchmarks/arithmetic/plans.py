"""Lessons on the plan of a critique: to read a problem into it, and to find its items again."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.arithmetic.corpus import Lesson, Piece, verifier_prompt
from benchmarks.arithmetic.critique import GIVEN, LEAD, READ, label, plan, quoted, told
from benchmarks.arithmetic.problems import LevelProblem
from benchmarks.arithmetic.reading import drilled

ITEMS = (3, 14)
"""Items of a plan that are to be found again."""


def plan_lesson(problem: LevelProblem, steps: Sequence[str]) -> Lesson:
    """Returns the lesson that reads a problem, of which some steps are shown, and nothing more.

    A whole critique has a plan's few tokens among a thousand others; this has little else.
    """
    return Lesson(verifier_prompt(problem.question, steps), ((LEAD, GIVEN), *plan(problem)))


def look_up_lesson(rng: Random) -> Lesson:
    """Returns a chain whose plan stands for no problem: after each step its next item is learned.

    The steps are others than the plan's: so an item can be found by its letter alone. In a critique
    the step before it tells it too, and the next one wherever that is right.
    """
    count = rng.randint(*ITEMS)
    operations = [drilled(rng, "check").operation for _ in range(count + 1)]
    items = [told(None, each, at == count) for at, each in enumerate(operations)][1:]
    items.append(" none")
    read = [f" {label(at)}{text}" for at, text in enumerate(items, start=1)]
    begun = told(rng.randint(1, 99), operations[0], False)
    pieces: list[Piece] = [(f"{LEAD} asked{begun},{','.join(read)}.", GIVEN)]
    for at, text in enumerate(items, start=1):
        claim = drilled(rng, "check")
        pieces += [
            (f"\n\nStep {at}:{quoted(claim)}. asked {claim.result}, {label(at)}", GIVEN),
            (f"{text}.", READ),
            (" The step is \\boxed{correct}", GIVEN),
        ]
    return Lesson("", tuple(pieces))
