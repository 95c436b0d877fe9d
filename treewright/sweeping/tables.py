"""A sweep as a person reads it in a terminal: what it would run, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from search.questions import steered_by
from treewright.arms.columns import Place
from treewright.arms.measured import Measured
from treewright.arms.tables import console
from treewright.config.steering import strategy_told
from treewright.hiding import hide
from treewright.running.series import by_engines
from treewright.running.table import left_out, without_answer
from treewright.sweeping.generation import Generation
from treewright.sweeping.index import Index
from treewright.sweeping.plan import SweepPlan
from treewright.terminal import line
from treewright.wording import DASH, UNKNOWN, amount, whole

WIDE = 160
"""Columns where there is no terminal to ask."""
IN_ARM = ("aggregate", "select")
"""Swept keys that the name of an arm tells."""


def print_plan(plan: SweepPlan, generations: Sequence[Generation]) -> None:
    """The cells and the generations they share, then what each generation costs at most."""
    by_cell = sorted(
        ((cell, generation) for generation in generations for cell in generation.cells),
        key=lambda pair: pair[0].number,
    )
    keys = swept(generations)
    cells = _table(["cell", *keys], ["generation", "status"])
    for cell, generation in by_cell:
        values = [cell.values[key] for key in keys]
        _row(cells, [cell.number, *values, generation.number, generation.status])
    costs = _table(["generation"], ["cells", "strategy", "draws", "judgements", "tokens", "status"])
    for generation, each in zip(generations, plan.generations, strict=True):
        asked = each.plan
        told = [
            strategy_told(generation.run.config),
            asked.policy.calls,
            asked.scorer.calls,
            tokens(each.tokens),
        ]
        _row(costs, [generation.number, each.cells, *told, each.status])
    shown = console(WIDE)
    shown.print(cells)
    shown.print(costs)
    shown.print(_summary(plan, generations), highlight=False, markup=False)


def print_results(index: Index) -> None:
    """Every arm of the cells at its largest n, then what was left out, then the runs.

    Cells that come to the same are one row.
    """
    keys = [key for key in swept(index.generations) if key not in IN_ARM]
    steers = ["steered by"] if any(map(steering, index.generations)) else []
    columns = Place.SWEEP.columns
    figures = ["arm", *(column.narrow or column.heading for column in columns)]
    table = _table(["cells", *keys], [*steers, *figures, "generation"])
    steered = {each.number: steering(each) or DASH for each in index.generations}
    for (number, values, arm), cells in same_arms(index, keys).items():
        told = [str(arm.arm), *(column.text(arm) for column in columns)]
        by = [steered[number]] if steers else []
        _row(table, [", ".join(map(str, cells)), *values, *by, *told, number])
    shown = console(WIDE)
    shown.print(table)
    for note in [*notes(index), *map(_run, index.generations)]:
        shown.print(line(note), highlight=False, markup=False, soft_wrap=True)


def same_arms(
    index: Index, keys: Sequence[str]
) -> dict[tuple[int, tuple[str, ...], Measured], list[int]]:
    """Numbers of cells by their generation, their values of these keys, and the arm."""
    found: dict[tuple[int, tuple[str, ...], Measured], list[int]] = {}
    for generation, cell, result in index.results():
        values = tuple(cell.values[key] for key in keys)
        for arm in result.tops:
            found.setdefault((generation.number, values, arm), []).append(cell.number)
    return found


def notes(index: Index) -> list[str]:
    """What was left out of an accuracy, and where there is no answer, each once."""
    told: dict[tuple[int, str], None] = {}
    for generation, _, result in index.results():
        if result.metrics:
            for note in (*left_out(result.metrics), *without_answer(result.metrics)):
                told[generation.number, note] = None
    return [f"generation {number}: {note}" for number, note in told]


def steering(generation: Generation) -> str | None:
    """What steers the searches of a generation, None where nothing does."""
    return steered_by(generation.run.config.strategy)


def swept(generations: Sequence[Generation]) -> list[str]:
    """The swept keys."""
    return list(generations[0].cells[0].values)


def tokens(most: int | None) -> str:
    """`at most 1,000`; a dash for doubles, which generate none."""
    if most is None:
        return UNKNOWN
    return f"at most {amount(most)}" if most else DASH


def _summary(plan: SweepPlan, generations: Sequence[Generation]) -> str:
    missing = [generation.run for generation in generations if not generation.run.complete]
    left = f"{tokens(plan.tokens)} tokens" if plan.tokens else "nothing: doubles only"
    if plan.tokens is None:
        left = "an unknown number of tokens: a part of one's own says nothing of them"
    if not missing:
        left = "nothing"
    return (
        f"{len(plan.cells)} cells, {len(generations)} generations, "
        f"{len(generations) - len(missing)} of them complete; "
        f"left to generate: {left}, with {len(by_engines(missing))} set(s) of engines"
    )


def _run(generation: Generation) -> str:
    results = [result for result in generation.results.values() if result.metrics]
    failures = max((result.metrics.failures for result in results if result.metrics), default=0)
    failed = f", {failures} problems with failures" if failures else ""
    return f"generation {generation.number}: {generation.status}{failed}: {generation.run.told}"


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
