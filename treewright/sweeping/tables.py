"""A sweep as a person reads it in a terminal: what it would run, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from search.questions import steered_by
from search.wording import DASH, UNKNOWN, amount, points, points_interval, whole
from treewright.arms.columns import Place
from treewright.arms.measured import Measured
from treewright.arms.tables import console
from treewright.config.steering import strategy_told
from treewright.hiding import hide
from treewright.running.series import by_engines
from treewright.running.table import left_out, without_answer
from treewright.sweeping.held_against import conclusion, held_against, reading
from treewright.sweeping.index import Index
from treewright.sweeping.plan import SweepPlan
from treewright.sweeping.shared_run import SharedRun
from treewright.terminal import line

WIDE = 160
"""Columns where there is no terminal to ask."""
IN_ARM = ("aggregate", "select")
"""Swept keys that the name of an arm tells."""


def print_plan(plan: SweepPlan, runs: Sequence[SharedRun]) -> None:
    """The cells and the runs they share, then what each run costs at most."""
    by_cell = sorted(
        ((cell, run) for run in runs for cell in run.cells), key=lambda pair: pair[0].number
    )
    keys = swept(runs)
    cells = _table(["cell", *keys], ["run", "status"])
    for cell, run in by_cell:
        values = [cell.values[key] for key in keys]
        _row(cells, [cell.number, *values, run.number, run.status])
    costs = _table(["run"], ["cells", "strategy", "draws", "judgements", "tokens", "status"])
    for run, each in zip(runs, plan.runs, strict=True):
        asked = each.plan
        told = [
            strategy_told(run.job.config),
            asked.policy.calls,
            asked.scorer.calls,
            tokens(each.tokens),
        ]
        _row(costs, [run.number, each.cells, *told, each.status])
    shown = console(WIDE)
    shown.print(cells)
    shown.print(costs)
    shown.print(_summary(plan, runs), highlight=False, markup=False)


def print_results(index: Index) -> None:
    """Every arm of the cells at its largest n, then what was left out, then the runs.

    Cells that come to the same are one row. Where they are held against one of them, it says how
    they differ from it, and at last what that shows.
    """
    keys = [key for key in swept(index.runs) if key not in IN_ARM]
    steers = ["steered by"] if any(map(steering, index.runs)) else []
    columns = Place.SWEEP.columns
    held = held_against(index.figures())
    against = {each.reading: each.found for each in held}
    sources = {cell.number: (run, cell) for run in index.runs for cell in run.cells}
    figures = ["arm", *(column.narrow or column.heading for column in columns)]
    figures += [f"− cell {held[0].theirs}", "95 % CI of that"] if held else []
    table = _table(["cells", *keys], [*steers, *figures, "run"])
    steered = {each.number: steering(each) or DASH for each in index.runs}
    for (number, values, arm), cells in same_arms(index, keys).items():
        told = [str(arm.arm), *(column.text(arm) for column in columns)]
        if held:
            found = against.get(reading(*sources[cells[0]], arm.arm))
            told += [points(found.difference), points_interval(found.ci95)] if found else [DASH] * 2
        by = [steered[number]] if steers else []
        _row(table, [", ".join(map(str, cells)), *values, *by, *told, number])
    shown = console(WIDE)
    shown.print(table)
    for note in [*filter(None, [conclusion(held)]), *notes(index), *map(_run, index.runs)]:
        shown.print(line(note), highlight=False, markup=False, soft_wrap=True)


def same_arms(
    index: Index, keys: Sequence[str]
) -> dict[tuple[int, tuple[str, ...], Measured], list[int]]:
    """Numbers of cells by their run, their values of these keys, and the arm."""
    found: dict[tuple[int, tuple[str, ...], Measured], list[int]] = {}
    for run, cell, figures in index.figures():
        values = tuple(cell.values[key] for key in keys)
        for arm in figures.tops:
            found.setdefault((run.number, values, arm), []).append(cell.number)
    return found


def notes(index: Index) -> list[str]:
    """What was left out of an accuracy, and where there is no answer, each once."""
    told: dict[tuple[int, str], None] = {}
    for run, _, figures in index.figures():
        if figures.metrics:
            for note in (*left_out(figures.metrics), *without_answer(figures.metrics)):
                told[run.number, note] = None
    return [f"run {number}: {note}" for number, note in told]


def steering(run: SharedRun) -> str | None:
    """What steers the searches of a run, None where nothing does."""
    return steered_by(run.job.config.strategy)


def swept(runs: Sequence[SharedRun]) -> list[str]:
    """The swept keys."""
    return list(runs[0].cells[0].values)


def tokens(most: int | None) -> str:
    """`at most 1,000`; a dash for doubles, which generate none."""
    if most is None:
        return UNKNOWN
    return f"at most {amount(most)}" if most else DASH


def _summary(plan: SweepPlan, runs: Sequence[SharedRun]) -> str:
    missing = [run.job for run in runs if not run.job.complete]
    left = f"{tokens(plan.tokens)} tokens" if plan.tokens else "nothing: doubles only"
    if plan.tokens is None:
        left = "an unknown number of tokens: a part of one's own says nothing of them"
    if not missing:
        left = "nothing"
    return (
        f"{len(plan.cells)} cells, {len(runs)} runs, "
        f"{len(runs) - len(missing)} of them complete; "
        f"left to generate: {left}, with {len(by_engines(missing))} set(s) of engines"
    )


def _run(run: SharedRun) -> str:
    counted = [each.metrics.failures for each in run.figures.values() if each.metrics]
    failures = max(counted, default=0)
    failed = f", {failures} problems with failures" if failures else ""
    return f"run {run.number}: {run.status}{failed}: {run.job.told}"


def _table(folded: Iterable[str], whole: Iterable[str]) -> Table:
    """A table; what is in its first columns may be folded."""
    table = Table(box=SIMPLE_HEAD)
    for column in folded:
        table.add_column(Text(line(column)), overflow="fold")
    for column in whole:
        table.add_column(column, no_wrap=True)
    return table


def _row(table: Table, values: Iterable[object]) -> None:
    """A row of plain text: what a config says is no markup."""
    table.add_row(
        *(
            Text(whole(value) if isinstance(value, int) else line(hide(str(value))))
            for value in values
        )
    )
