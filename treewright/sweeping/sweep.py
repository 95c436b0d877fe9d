"""The verb `sweep`: many configs from one file, each generation once, on one set of engines."""

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
from treewright.running.lock import RunLock
from treewright.running.series import work_off
from treewright.sweeping.cell import load_cells
from treewright.sweeping.generation import Generation, generations
from treewright.sweeping.index import Index
from treewright.sweeping.plan import make_sweep_plan, to_json
from treewright.sweeping.tables import print_plan, print_results
from treewright.terminal import line


def sweep(
    path: str,
    overrides: Sequence[str] = (),
    *,
    at_once: int = 4,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Work off what is missing and print every cell, or only say what would be done.

    Args:
        path: a config with `sweep:`.
        overrides: `key=value` each, for all cells.
        at_once: how many runs are worked on side by side.
        dry_run: run nothing.
        as_json: print one JSON object instead of tables.

    Returns:
        The exit code: as of a run, 1 or 2 too when a cell could not be worked on.

    Raises:
        ConfigError, DatasetError: a sweep that cannot be.
        LockError: another process works on a sweep of this name.
    """
    with composed(path, overrides):
        found = generations(load_cells(path, overrides))
    remarks = [note for each in found for note in each.run.dataset.notes]
    remarks += [*(note for each in found for note in notes(each.run.config)), *reported_only(found)]
    for remark in dict.fromkeys(remarks):
        say(f"note: {remark}")
    if dry_run:
        return tell_plan(found, as_json=as_json)
    config = found[0].run.config
    index = Index(Path(config.output_dir) / config.name, found)
    with RunLock(index.make_folder()):
        index.open()
        if not worked_off(index, at_once):
            return unfinished(index)
    return tell(index, as_json=as_json)


def reported_only(found: Sequence[Generation]) -> list[str]:
    """That `aggregate` is swept over strategies which another key steers: it changes no search."""
    swept = {said.partition("=")[0] for each in found for said in each.cells[0].overrides}
    if "aggregate" not in swept or "strategy.aggregate" in swept:
        return []
    configs = [each.run.config for each in found if steered_by(each.run.config.strategy)]
    return [
        f"sweeping aggregate changes what is reported only: {strategy_told(config)} "
        "(strategy.aggregate) in all its cells; sweep strategy.aggregate to steer by others"
        for config in configs
    ]


def worked_off(index: Index, at_once: int) -> bool:
    """Work off what is missing. Returns whether it came to its end."""
    missing = [each.run for each in index.generations if not each.settled]
    cells = sum(len(each.cells) for each in index.generations)
    told = f"{cells} cells, {len(index.generations)} generations, {len(missing)} not complete"
    say(f"sweep {index.path}: {told}")
    try:
        work_off(missing, at_once, index.hear)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return False
    finally:
        index.close()
    return all(each.settled for each in index.generations)


def tell_plan(found: Sequence[Generation], *, as_json: bool) -> int:
    """Print what would be run."""
    plan = make_sweep_plan(found)
    if as_json:
        print(json.dumps(to_json(plan), allow_nan=False))
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
    too_many = any(result.too_many for _, _, result in index.results())
    return codes[0] if codes else FAILURES if too_many else OK


def unfinished(index: Index) -> int:
    """Say how to go on."""
    done = sum(each.settled for each in index.generations)
    say(
        f"interrupted: {done} of {len(index.generations)} generations are done ({index.path}); "
        "the same command goes on"
    )
    return INTERRUPTED


def say(message: str) -> None:
    """One line on stderr."""
    print(line(message), file=sys.stderr, flush=True)
