"""Every strategy at three budgets of tokens, beside best-of-n and majority at the same tokens.

    python -m treewright.studies.strategies --output benchmarks/strategies.md

The runs are ordinary run folders: the same command again does only what is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from treewright.arms.solved import Solved
from treewright.running.ending import ending
from treewright.running.job import Job
from treewright.running.recorded import RecordedRun
from treewright.studies.cell_results import CellResult, ladder, results
from treewright.studies.cells import BASE, BUDGETS, ENTRIES, REFERENCES, StudyCell, cells
from treewright.studies.command import common, deliver, described, guarded, parser, worked_off
from treewright.studies.document import document
from treewright.studies.page import StudyError

MODULE = "treewright.studies.strategies"


def main(arguments: Sequence[str] | None = None, base: Path = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = options_of(arguments)
    return guarded(lambda: study(options, " ".join([f"python -m {MODULE}", *arguments]), base))


async def study(options: argparse.Namespace, command: str, base: Path) -> None:
    """All of it, or an exception."""
    strategies = list(dict.fromkeys([*REFERENCES, *options.strategies]))
    table = cells(strategies, options.budgets, common(options), base)
    configs = {cell.config.name: cell.config for cell in table}
    jobs = await worked_off(list(configs.values()), options.at_once)
    found = [row async for row in measured(table, jobs)]
    figures = {"rows": [row.to_json() for row in found]}
    deliver(options, document(found, described(jobs[0]), command), figures)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    made = parser(MODULE, __doc__)
    made.add_argument("--strategies", type=names, default=list(ENTRIES), metavar="A,B")
    made.add_argument("--budgets", type=numbers, default=list(BUDGETS), metavar="N,M")
    made.add_argument("--at-once", type=int, default=4, metavar="N", help="runs side by side")
    return made.parse_args(arguments)


def names(listed: str) -> list[str]:
    """`beam,mcts`."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def numbers(listed: str) -> list[int]:
    """`600,1200`. Raises ValueError, which argparse tells."""
    return [int(name) for name in names(listed)]


async def measured(table: Sequence[StudyCell], jobs: Sequence[Job]) -> AsyncIterator[CellResult]:
    """The results of all cells, in their order. Each run is read once; references are kept."""
    by_name = {job.config.name: job for job in jobs}
    kept = {cell.strategy: await read(by_name[cell.config.name]) for cell in references(table)}
    ladders = {
        cell.strategy: ladder(kept[cell.strategy][0], cell.arms[0]) for cell in references(table)
    }
    for cell in table:
        solved, failures = kept.get(cell.strategy) or await read(by_name[cell.config.name])
        for found in results(cell, solved, failures, ladders):
            yield found


def references(table: Sequence[StudyCell]) -> list[StudyCell]:
    """One cell of each reference."""
    return list({cell.strategy: cell for cell in table if cell.strategy in REFERENCES}.values())


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
