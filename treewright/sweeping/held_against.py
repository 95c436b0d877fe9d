"""Cells of a sweep held against one of them, problem by problem: what differs, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from search.wording import counted, number, percent, points, points_interval
from treewright.arms.arm import Arm
from treewright.arms.comparison import Comparison, compare
from treewright.arms.marks import Marks
from treewright.config.kinds import kind_of
from treewright.sweeping.cell import Cell
from treewright.sweeping.shared_run import Figures, SharedRun

TOLD = 4
"""Differences that are told one by one."""
Reading: TypeAlias = tuple[int, str, str, str]
"""The number of a run, an arm, and by which rules its answers are graded and scored."""


@dataclass(frozen=True)
class Held:
    """An arm of a cell against that of the cell which all are held against, by their numbers.

    `reading`: what tells our figures from others. `name`: strategy and arm, in words; `reference`
    likewise, with its accuracy over all its problems, as the table has it.
    """

    ours: int
    theirs: int
    reading: Reading
    name: str
    reference: str
    found: Comparison


def held_against(figures: Iterable[tuple[SharedRun, Cell, Figures]]) -> list[Held]:
    """Every arm against the reference, as one family; none where no cell is one.

    Each reading of a run is there once, under the first cell that reports it. The reference is the
    last arm of its cell: what is chosen by a score stands behind what is not.
    """
    listed = list(figures)
    reference = next(
        (
            (run, cell, each.marks[-1])
            for run, cell, each in listed
            if cell.reference and each.marks
        ),
        None,
    )
    if reference is None:
        return []
    run, chosen, theirs = reference
    ours = list(_others(listed, reading(run, chosen, theirs.arm)))
    found = compare([(marks, theirs) for _, _, marks in ours])
    name = f"{named(chosen, theirs)}: {percent(theirs.figures.accuracy)} %"
    return [
        Held(cell.number, chosen.number, own, named(cell, marks), name, each)
        for (own, cell, marks), each in zip(ours, found, strict=True)
    ]


def _others(
    listed: Sequence[tuple[SharedRun, Cell, Figures]], reference: Reading
) -> Iterator[tuple[Reading, Cell, Marks]]:
    seen = {reference}
    for run, cell, figures in listed:
        for marks in figures.marks:
            own = reading(run, cell, marks.arm)
            if own not in seen:
                seen.add(own)
                yield own, cell, marks


def reading(run: SharedRun, cell: Cell, arm: Arm) -> Reading:
    """What decides an arm's figures in a cell: others that say the same have the same."""
    missing = str(cell.config.missing) if arm.aggregation else ""
    return run.number, str(arm), repr(cell.config.grading), missing


def named(cell: Cell, marks: Marks) -> str:
    """`dvts, history.last+weighted`."""
    return f"{kind_of('strategy', cell.config.strategy)}, {marks.arm}"


def conclusion(held: Sequence[Held]) -> str:
    """What is shown and what is not, in one sentence; nothing where nothing was held."""
    if not held:
        return ""
    shown = sorted(
        (each for each in held if each.found.shown),
        key=lambda each: -abs(each.found.difference or 0),
    )
    parts = [told(each) for each in shown[:TOLD]]
    if more := len(shown[TOLD:]):
        parts.append(f"{more} more {'differs' if more == 1 else 'differ'}")
    silent = [each for each in held if not each.found.shown]
    if len(silent) > TOLD:
        parts.append(f"{len(silent)} others are not shown to differ")
    else:
        parts += [told(each) for each in silent]
    first = held[0]
    return f"Against cell {first.theirs} ({first.reference}), {'; '.join(parts)}."


def told(each: Held) -> str:
    """`cell 4 (dvts, …) is better by 6.2 points (95 % CI …), at 1.02 times the tokens`."""
    found = each.found
    problems = counted(found.problems, "problem")
    if found.difference is None:
        return f"cell {each.ours} ({each.name}) has no decided problem in common with it"
    cost = (
        "" if found.cost_ratio is None else f", at {number(found.cost_ratio, 2)} times the tokens"
    )
    ends = "" if found.ci95 is None else f"95 % CI {points_interval(found.ci95)}, "
    name = f"cell {each.ours} ({each.name})"
    if found.shown:
        size = percent(abs(found.difference))
        return f"{name} is {found.verdict} by {size} points ({ends}{problems}){cost}"
    gap = points(found.difference)
    return f"{name} is not shown to differ: {gap} points ({ends}{problems}){cost}"
