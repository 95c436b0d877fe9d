"""Every strategy at three budgets of tokens, beside best-of-n and majority at the same tokens.

    python -m treewright.studies.strategies --output benchmarks/strategies.md

The runs are ordinary run folders: the same command again does only what is missing. Another domain
is another `--config`, with the `--widths` that `choose_widths` found for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from treewright.arms.comparison import Comparison, compare
from treewright.arms.marks import Marks
from treewright.arms.solved import Solved
from treewright.running.ending import ending
from treewright.running.job import Job
from treewright.running.recorded import RecordedRun
from treewright.studies import command
from treewright.studies.cell_results import CellResult, ladder, nearest, results
from treewright.studies.cells import BASE, ENTRIES, REFERENCES, StudyCell, cells
from treewright.studies.claims import Claim, searches, votes
from treewright.studies.document import Findings, document
from treewright.studies.levels import Levels
from treewright.studies.page import StudyError
from treewright.studies.pictures import draw
from treewright.studies.widths import SHIPPED, Widths


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    made = command.parser("treewright.studies.strategies", __doc__, base)
    command.strategies(made, ENTRIES)
    made.add_argument("--budgets", type=command.numbers, default=[], metavar="N,M",
                      help="some of those that there are widths for; none: all")  # fmt: skip
    made.add_argument("--widths", type=Path, default=SHIPPED, metavar="FILE",
                      help="as choose_widths writes it")  # fmt: skip
    return command.run(made, arguments, study)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    strategies = list(dict.fromkeys([*REFERENCES, *options.strategies]))
    widths = Widths.read(options.widths)
    table = cells(strategies, options.budgets, command.common(options), options.config, widths)
    configs = {cell.config.name: cell.config for cell in table}
    budgets = {cell.config.name: float(cell.budget) for cell in table}  # of several the largest
    jobs = await command.worked_off(
        list(configs.values()), options, lambda job: budgets[job.config.name]
    )
    found = await measured(table, jobs)
    data = f"{command.described(jobs[0])}; widths chosen {widths.chosen}"
    pictures = draw(options.output, found.picture())
    command.deliver(options, document(found, data, options.command, pictures), found.to_json())


async def measured(table: Sequence[StudyCell], jobs: Sequence[Job]) -> Findings:
    """The results of all cells, in their order. Each run is read once; references are kept."""
    by_name = {job.config.name: job for job in jobs}
    first = {cell.strategy: cell for cell in table if cell.strategy in REFERENCES}
    kept = {name: await read(by_name[cell.config.name]) for name, cell in first.items()}
    rows: list[CellResult] = []
    for cell in table:
        solved, failures = kept.get(cell.strategy) or await read(by_name[cell.config.name])
        rows += results(cell, solved, failures)
    ladders = {
        (name, budget): ladder(kept[name][0], cell.arms[0], budget)
        for name, cell in first.items()
        for budget in sorted({each.cell.budget for each in rows})
    }
    levels = Levels.of(jobs[0].dataset)
    greedy = next((each.marks for each in rows if each.cell.strategy == "greedy"), None)
    best = {budget: rungs for (name, budget), rungs in ladders.items() if name == "best_of_n"}
    claims = [
        *votes(greedy, kept["majority"][0], kept["best_of_n"][0]),
        *searches(rows, best, levels),
    ]
    return together(rows, ladders, claims, levels)


def together(
    rows: Sequence[CellResult],
    ladders: dict[tuple[str, int], list[Marks]],
    claims: Sequence[Claim],
    levels: Levels,
) -> Findings:
    """All that the page compares, as one family."""
    asked = [
        (at, name, nearest(row.marks, ladders[name, row.cell.budget]))
        for at, row in enumerate(rows)
        for name in REFERENCES
        if name != row.cell.strategy
    ]
    pairs = [(rows[at].marks, theirs) for at, _, theirs in asked]
    found = compare([*((claim.ours, claim.theirs) for claim in claims), *pairs])
    versus: list[dict[str, Comparison | None]] = [dict.fromkeys(REFERENCES) for _ in rows]
    for (at, name, _), each in zip(asked, found[len(claims) :], strict=True):
        versus[at][name] = each
    told = tuple(replace(row, versus=each) for row, each in zip(rows, versus, strict=True))
    return Findings(told, tuple(zip(claims, found, strict=False)), levels)


async def read(job: Job) -> tuple[list[Solved], int]:
    """What the journal holds: the solved problems, and how many have a failure.

    Raises `StudyError` where nothing was solved.
    """
    run = RecordedRun(job.run, job.config, job.dataset)
    known = await run.read()
    run.tell(known.damage)
    if not known.solved:
        raise StudyError(f"no problem was solved: `treewright score {job.run.path}` says why")
    return known.solved, len(ending(job.config, job.dataset, known).failed)


if __name__ == "__main__":
    sys.exit(main())
