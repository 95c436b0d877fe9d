"""Every strategy at three budgets of tokens, beside best-of-n and majority at the same tokens.

    python -m treewright.studies.strategies --output benchmarks/strategies.md

The runs are ordinary run folders: the same command again does only what is missing. `--results`
keeps what they found in a folder, so that some budgets can be run today and others tomorrow, here
and elsewhere, and the page be made of all of them. Another domain
is another `--config`, with the `--widths` that `choose_widths` found for it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from treewright.arms.arm import Arm
from treewright.arms.comparison import Comparison, compare
from treewright.arms.marks import Marks
from treewright.arms.solved import Solved
from treewright.running.ending import ending
from treewright.running.job import Job
from treewright.running.recorded import RecordedRun
from treewright.running.series import planned
from treewright.studies import command
from treewright.studies.cell_results import CellResult, ladder, nearest, results
from treewright.studies.cells import BASE, ENTRIES, REFERENCES, StudyCell, cells
from treewright.studies.claims import Claim, searches, votes
from treewright.studies.document import Findings, document
from treewright.studies.kept import Kept, SeenRun
from treewright.studies.levels import Levels
from treewright.studies.page import StudyError
from treewright.studies.pictures import draw
from treewright.studies.seen import Seen
from treewright.studies.widths import SHIPPED, Widths


def main(arguments: Sequence[str] | None = None, base: Path | str = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    made = command.parser("treewright.studies.strategies", __doc__, base)
    command.strategies(made, ENTRIES)
    made.add_argument("--budgets", type=command.numbers, default=[], metavar="N,M",
                      help="some of those that there are widths for; none: all")  # fmt: skip
    made.add_argument("--widths", type=Path, default=SHIPPED, metavar="FILE",
                      help="as choose_widths writes it")  # fmt: skip
    made.add_argument("--results", type=Path, metavar="FOLDER",
                      help="keep there what complete runs found; it is not run again")  # fmt: skip
    return command.run(made, arguments, study)


async def study(options: argparse.Namespace) -> None:
    """All of it, or an exception."""
    strategies = list(dict.fromkeys([*REFERENCES, *options.strategies]))
    widths = Widths.read(options.widths)
    table = cells(strategies, options.budgets, command.common(options), options.config, widths)
    budgets = {cell.config.name: float(cell.budget) for cell in table}  # of several the largest
    jobs, seen = await known(table, options, lambda job: budgets[job.config.name])
    found = measured(table, seen, Levels.of(jobs[0].dataset))
    data = f"{command.described(jobs[0])}; widths chosen {widths.chosen}"
    pictures = draw(options.output, found.picture())
    command.deliver(options, document(found, data, options.command, pictures), found.to_json())


async def known(
    table: Sequence[StudyCell], options: argparse.Namespace, dear: command.Dear
) -> tuple[list[Job], dict[str, SeenRun]]:
    """The jobs of these cells, and by name what is known of each; what is missing is run.

    Raises as `command.worked_off`, and `StudyError` where nothing was solved.
    """
    kept = Kept(options.results)
    configs = {cell.config.name: cell.config for cell in table}
    arms = {cell.config.name: cell.arms for cell in table}
    jobs = planned(list(configs.values()))
    seen = {job.config.name: run for job in jobs if (run := kept.read(job))}
    missing = [config for name, config in configs.items() if name not in seen]
    unfinished = None
    try:
        done = await command.worked_off(missing, options, dear) if missing else []
    except command.Unfinished as error:
        unfinished, done = error, planned(missing)
    for job in done:
        if job.ended:
            run = seen[job.config.name] = await looked_at(job, arms[job.config.name])
            if job.complete:
                kept.write(job, run)
    if unfinished:
        raise unfinished
    return jobs, seen


async def looked_at(job: Job, arms: Sequence[Arm]) -> SeenRun:
    """What the study needs of a run. Raises `StudyError` where nothing was solved."""
    solved, failures = await read(job)
    scores = {arm.aggregation for arm in arms}
    return SeenRun([Seen.of(each, scores) for each in solved], failures)


def measured(table: Sequence[StudyCell], seen: Mapping[str, SeenRun], levels: Levels) -> Findings:
    """The results of all cells, in their order."""
    rows = [
        row
        for cell in table
        for run in [seen[cell.config.name]]
        for row in results(cell, run.problems, run.failures)
    ]
    first = {cell.strategy: cell for cell in table if cell.strategy in REFERENCES}
    drawn = {name: seen[cell.config.name].problems for name, cell in first.items()}
    ladders = {
        (name, budget): ladder(drawn[name], cell.arms[0], budget)
        for name, cell in first.items()
        for budget in sorted({each.cell.budget for each in rows})
    }
    greedy = next((each.marks for each in rows if each.cell.strategy == "greedy"), None)
    best = {budget: rungs for (name, budget), rungs in ladders.items() if name == "best_of_n"}
    claims = [*votes(greedy, drawn["majority"], drawn["best_of_n"]), *searches(rows, best, levels)]
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
