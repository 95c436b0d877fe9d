"""Cells of a sweep held against one of them, problem by problem: what differs, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from search.wording import counted, number, percent, points, points_interval
from treewright.arms.comparison import Comparison, compare
from treewright.arms.marks import Marks
from treewright.config.kinds import kind_of
from treewright.sweeping.cell import Cell
from treewright.sweeping.shared_run import Figures, SharedRun

TOLD = 4
"""Differences that are told one by one."""


@dataclass(frozen=True)
class Held:
    """An arm of a cell against that of the cell which all are held against, by their numbers.

    `run`: the number of the run that the cell is read from. `name`: strategy and arm, in words.
    """

    ours: int
    theirs: int
    run: int
    name: str
    reference: str
    found: Comparison


def held_against(figures: Iterable[tuple[SharedRun, Cell, Figures]]) -> list[Held]:
    """Every arm against the reference, as one family; none where no cell is one.

    Each arm of each run is there once, under the first cell that reports it. The reference is the
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
    ours = list(_others(listed, reference[0].number, reference[2]))
    pairs = [(marks, reference[2]) for _, _, marks in ours]
    return [
        Held(cell.number, reference[1].number, run.number, named(cell, marks),
             named(reference[1], reference[2]), found)
        for (run, cell, marks), found in zip(ours, compare(pairs), strict=True)
    ]  # fmt: skip


def _others(
    listed: Sequence[tuple[SharedRun, Cell, Figures]], run: int, marks: Marks
) -> Iterator[tuple[SharedRun, Cell, Marks]]:
    seen = {(run, marks.arm)}
    for each, cell, figures in listed:
        for mark in figures.marks:
            if (each.number, mark.arm) not in seen:
                seen.add((each.number, mark.arm))
                yield each, cell, mark


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
    if len(shown) > TOLD:
        parts.append(f"{len(shown) - TOLD} more differ")
    silent = [each for each in held if not each.found.shown]
    if len(silent) > TOLD:
        parts.append(f"{len(silent)} others are not shown to differ")
    else:
        parts += [told(each) for each in silent]
    first = held[0]
    accuracy = percent(first.found.theirs.figures.accuracy)
    return f"Against cell {first.theirs} ({first.reference}: {accuracy} %), {'; '.join(parts)}."


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
