"""Every strategy at three budgets of tokens, beside best-of-n and majority at the same tokens.

    python -m treewright.studies.strategies --output benchmarks/strategies.md

The runs are ordinary run folders: the same command again does only what is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from treewright.errors import exit_code
from treewright.journal.journal import Journal
from treewright.metrics import Solved
from treewright.running.run_folder import Status
from treewright.running.series import Run, planned, work_off
from treewright.running.session import Session
from treewright.studies.cells import BASE, BUDGETS, ENTRIES, REFERENCES, Cell, cells
from treewright.studies.comparing import Ladder, Row, rows
from treewright.studies.document import document, write
from treewright.studies.measures import StudyError
from treewright.terminal import line

UNFINISHED = 130


def main(arguments: Sequence[str] | None = None, base: Path = BASE) -> int:
    """Run what is missing, measure and print. Returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(arguments)
    try:
        strategies = list(dict.fromkeys([*REFERENCES, *options.strategies]))
        table = cells(strategies, options.budgets, common(options), base)
        runs = planned(list({cell.config.name: cell.config for cell in table}.values()))
        missing = sum(not run.complete for run in runs)
        print(f"{len(runs)} runs, {missing} not complete", file=sys.stderr, flush=True)
        runs = work_off(runs, options.at_once)
        return tell(table, runs, options, arguments)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return unfinished("aborted")
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        print(line(f"error: {error}"), file=sys.stderr)
        return code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m treewright.studies.strategies", description=(__doc__ or "").splitlines()[0]
    )
    made.add_argument("--strategies", type=names, default=list(ENTRIES), metavar="A,B")
    made.add_argument("--budgets", type=numbers, default=list(BUDGETS), metavar="N,M")
    made.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    made.add_argument("--split", help="of the data: test, or validation to try widths out")
    made.add_argument("--at-once", type=int, default=4, metavar="N", help="runs side by side")
    made.add_argument("--output", type=Path, metavar="FILE", help="write the page there")
    made.add_argument("--json", action="store_true", help="print one JSON object with rows")
    return made


def names(listed: str) -> list[str]:
    """`beam,mcts`."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def numbers(listed: str) -> list[int]:
    """`600,1200`. Raises ValueError, which argparse tells."""
    return [int(name) for name in names(listed)]


def common(options: argparse.Namespace) -> list[str]:
    """What the options say to every config."""
    said = {"dataset.limit": options.limit, "dataset.split": options.split}
    return [f"{key}={value}" for key, value in said.items() if value is not None]


def tell(
    table: Sequence[Cell], runs: Sequence[Run], options: argparse.Namespace, arguments: list[str]
) -> int:
    """Print or write what was found; nothing while a run is unfinished."""
    left = [run for run in runs if not ended(run)]
    if left:
        return unfinished(f"{len(left)} of {len(runs)} runs are not finished")
    found = list(measured(table, runs))
    if options.json:
        print(json.dumps({"rows": [row.to_json() for row in found]}, allow_nan=False))
    command = " ".join(["python -m treewright.studies.strategies", *arguments])
    text = document(found, described(runs[0]), command)
    if options.output:
        write(options.output, text)
        print(f"written: {options.output}", file=sys.stderr)
    elif not options.json:
        print(text, end="")
    return 0


def ended(run: Run) -> bool:
    """Whether every problem of the run was reached; some may have failed."""
    return run.folder is not None and run.folder.status() in (Status.COMPLETE, Status.INCOMPLETE)


def unfinished(why: str) -> int:
    """Say how to go on."""
    print(f"{why}; the same command goes on", file=sys.stderr)
    return UNFINISHED


def described(run: Run) -> str:
    """The data, the models and the seed, in words."""
    config, data = run.config, run.config.dataset
    models = [str(getattr(side, "model", "a double")) for side in (config.policy, config.scorer)]
    return (
        f"{len(run.dataset.samples)} problems of {data.name or data.path}, split {data.split}; "
        f"policy {shown(models[0])}, verifier {shown(models[1])}, seed {config.seed}"
    )


def shown(model: str) -> str:
    """The model without the folder that Treewright is installed in."""
    installed = Path(__file__).resolve().parents[2]
    path = Path(model)
    return str(path.relative_to(installed)) if path.is_relative_to(installed) else model


def measured(table: Sequence[Cell], runs: Sequence[Run]) -> Iterator[Row]:
    """The rows of all cells, in their order. Each run is read once; references are kept."""
    by_name = {run.config.name: run for run in runs}
    kept = {cell.strategy: read(by_name[cell.config.name]) for cell in references(table)}
    ladders = {
        cell.strategy: Ladder.of(kept[cell.strategy][0], cell.rules[0])
        for cell in references(table)
    }
    for cell in table:
        solved, failures = kept.get(cell.strategy) or read(by_name[cell.config.name])
        yield from rows(cell, solved, failures, ladders)


def references(table: Sequence[Cell]) -> list[Cell]:
    """One cell of each reference."""
    return list({cell.strategy: cell for cell in table if cell.strategy in REFERENCES}.values())


def read(run: Run) -> tuple[list[Solved], int]:
    """What the journal holds: the solved problems, and how many have a failure.

    Raises `StudyError` where nothing was solved.
    """
    assert run.folder is not None
    with Journal.open(run.folder.journal, readonly=True) as journal:
        session = Session(run.config, run.dataset, journal)
        ending = asyncio.run(session.read())
    if not session.solved:
        raise StudyError(f"no problem was solved: `treewright score {run.folder.path}` says why")
    return session.solved, len(ending.failed)


if __name__ == "__main__":
    sys.exit(main())
