"""The verbs that ask models: `run`, `sweep` and `resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from treewright.verbs.options import (
    ConfigPath,
    Debug,
    Json,
    Limit,
    Overrides,
    PythonPath,
    RunPath,
    Trusted,
    checked_config,
    checked_overrides,
    finished,
    say,
    trust,
)


def run(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, as `validate` does.")
    ] = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Run an experiment and print its table.

    The run folder is printed first. The same command again goes on where it stopped; when all is
    done it only prints the table.

    **Examples**

    - `treewright run quickstart`
    - `treewright run configs/quickstart.yaml strategy.n=4 --limit 8`
    - `treewright run mine.yaml policy.sampling.temperature=0.6 aggregate=min,last --json`
    """
    trust(trusted, python_path)
    changes = checked_overrides(overrides, limit)
    if dry_run:
        from treewright.validate import validate as check

        return check(checked_config(config), changes, as_json=as_json)
    from treewright.config.load import load_runnable
    from treewright.config.notes import notes

    loaded = load_runnable(checked_config(config), changes)
    for remark in notes(loaded):
        say(f"note: {remark}")
    from treewright.running.experiment import go_on, job_of  # after the faults: told fast

    return finished(go_on(job_of(loaded), as_json=as_json))


def sweep(
    config: ConfigPath,
    overrides: Overrides = None,
    limit: Limit = None,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, metavar="N", help="Runs worked on side by side.")
    ] = 4,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, and what it would cost at most.")
    ] = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Run every cell of a config's `sweep:` grid and print one table.

    Cells that differ in what they report only share one run. The same command again does what is
    missing. How every cell stands is in runs/NAME/sweep.json.

    **Examples**

    - `treewright sweep sweep_arithmetic --dry-run`
    - `treewright sweep mine.yaml --limit 50 sweep.grid.seed=[0,1,2]`
    """
    trust(trusted, python_path)
    changes = checked_overrides(overrides, limit)
    from treewright.sweeping.sweep import runs_of, tell_plan
    from treewright.sweeping.sweep import sweep as start

    found = runs_of(checked_config(config), changes)
    if dry_run:
        return tell_plan(found, as_json=as_json)
    return finished(start(found, at_once, as_json=as_json))


def resume(
    run: RunPath,
    overrides: Overrides = None,
    as_json: Json = False,
    trusted: Trusted = False,
    python_path: PythonPath = None,
    debug: Debug = False,
) -> int:
    """Go on with a run that was interrupted, killed or left incomplete.

    What its journal holds is not asked again. It refuses (exit code 4) when the data, the models
    or the versions are no longer those of the run. Where it goes on may differ: overrides are of
    `cluster`, for this time only.

    **Examples**

    - `treewright resume runs/quickstart/20261121T101500Z-1a2b3c4d`
    - `treewright resume runs/mine/20261121T101500Z-1a2b3c4d cluster.address=10.0.0.5:6379`
    """
    trust(trusted, python_path)
    from treewright.running.experiment import go_on, job_in

    return finished(go_on(job_in(run, checked_overrides(overrides)), as_json=as_json))
