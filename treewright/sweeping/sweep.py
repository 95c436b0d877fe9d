"""The verb `sweep`: many configs from one file, each run once, on one set of engines."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from search.fault import Fault
from search.questions import steered_by
from treewright.config.load import composed
from treewright.config.notes import notes
from treewright.config.steering import strategy_told
from treewright.running.experiment import FAILURES, INTERNAL, INTERRUPTED, OK
from treewright.running.lock import RunLock, outlive
from treewright.running.series import work_off
from treewright.sweeping.cell import load_cells
from treewright.sweeping.index import Index
from treewright.sweeping.plan import SweepPlan
from treewright.sweeping.shared_run import SharedRun, shared_runs
from treewright.sweeping.tables import print_plan, print_results
from treewright.terminal import line


def runs_of(path: str, overrides: Sequence[str] = ()) -> list[SharedRun]:
    """The runs that a config with `sweep:` needs; remarks on them are said.

    `overrides`: `key=value` each, for all cells. Raises `ConfigError` and `DatasetError` for a
    sweep that cannot be.
    """
    with composed(path, overrides):
        found = shared_runs(load_cells(path, overrides))
    remarks = [note for each in found for note in each.job.dataset.notes]
    remarks += [*(note for each in found for note in notes(each.job.config)), *reported_only(found)]
    for remark in dict.fromkeys(remarks):
        say(f"note: {remark}")
    return found


async def sweep(found: Sequence[SharedRun], at_once: int, *, as_json: bool = False) -> int:
    """Work off what is missing, `at_once` runs side by side, and print every cell.

    Returns the exit code: as of a run, 1 or 2 too when a cell could not be worked on. Raises
    `LockError` where another process works on a sweep of this name.
    """
    config = found[0].job.config
    index = Index(Path(config.output_dir) / config.name, found)
    index.folder.make()
    await outlive([index.folder.path, *(e.job.folder.path for e in found if e.job.folder)])
    with RunLock(index.folder.path):
        await index.open()
        if not await worked_off(index, at_once):
            return unfinished(index)
    return tell(index, as_json=as_json)


def reported_only(found: Sequence[SharedRun]) -> list[str]:
    """That `aggregate` is swept over strategies which another key steers: it changes no search."""
    swept = {said.partition("=")[0] for each in found for said in each.cells[0].overrides}
    if "aggregate" not in swept or "strategy.aggregate" in swept:
        return []
    configs = [each.job.config for each in found if steered_by(each.job.config.strategy)]
    return [
        f"sweeping aggregate changes what is reported only: {strategy_told(config)} "
        "(strategy.aggregate) in all its cells; sweep strategy.aggregate to steer by others"
        for config in configs
    ]


async def worked_off(index: Index, at_once: int) -> bool:
    """Work off what is missing. Returns whether it came to its end."""
    missing = [each.job for each in index.runs if not each.settled]
    cells = sum(len(each.cells) for each in index.runs)
    told = f"{cells} cells, {len(index.runs)} runs, {len(missing)} not complete"
    say(f"sweep {index.path}: {told}")
    try:
        await work_off(missing, at_once, index.hear)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return False
    finally:
        index.close()
    return all(each.settled for each in index.runs)


def tell_plan(found: Sequence[SharedRun], *, as_json: bool) -> int:
    """Print what would be run."""
    plan = SweepPlan.of(found)
    if as_json:
        print(json.dumps(plan.to_json(), allow_nan=False))
    else:
        print_plan(plan, found)
    return OK


def tell(index: Index, *, as_json: bool) -> int:
    """Print every cell and what failed. Returns the exit code."""
    if as_json:
        print(json.dumps(index.to_json(), allow_nan=False))
    else:
        print_results(index)
    codes = []
    for cells, fault in index.faults():
        say(f"failed: {cells}: {fault}")
        codes.append(fault.exit_code if isinstance(fault, Fault) else INTERNAL)
    too_many = any(figures.too_many for _, _, figures in index.figures())
    return codes[0] if codes else FAILURES if too_many else OK


def unfinished(index: Index) -> int:
    """Say how to go on."""
    done = sum(each.settled for each in index.runs)
    say(
        f"interrupted: {done} of {len(index.runs)} runs are done ({index.path}); "
        "the same command goes on"
    )
    return INTERRUPTED


def say(message: str) -> None:
    """One line on stderr."""
    print(line(message), file=sys.stderr, flush=True)
