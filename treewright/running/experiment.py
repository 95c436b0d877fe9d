"""The verbs `run`, `resume` and `score`: go on with a job, tell how it ended."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets import load_dataset
from search.aggregation import MissingRule
from search.custom import admit
from search.questions import steered_by
from treewright.config.checks import check
from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.config.fingerprint import differences, identity_of
from treewright.config.load import load_runnable
from treewright.config.resuming import goes_on
from treewright.config.steering import strategy_told
from treewright.errors import ConfigError
from treewright.running.ending import Ending, ending
from treewright.running.job import Job
from treewright.running.lock import outlive
from treewright.running.recorded import NotResumable, RecordedRun
from treewright.running.replay import Scoring
from treewright.running.run_folder import RunFolder, Status
from treewright.running.scored_run import read_scored
from treewright.running.table import print_failures, print_table
from treewright.terminal import clean

OK, INTERNAL, USAGE, FAILURES, NOT_RESUMABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes."""


def job_of(config: Config) -> Job:
    """A run of this config: a new one, or the newest of the same name and fingerprint."""
    dataset = load_dataset(config.dataset)
    for note in dataset.notes:
        print(clean(f"note: {note}"), file=sys.stderr)
    return Job.of(config, dataset).begun()


def job_in(path: Path, overrides: Sequence[str] = ()) -> Job:
    """The run in a folder, to go on with; `overrides` of its cluster are for this time only.

    Raises:
        NotResumable: its config, its data or its models are not what they were.
        ConfigError: an override of anything else.
    """
    for override in overrides:
        if not override.startswith("cluster."):
            problem = "a run goes on as it was begun, only `cluster` may differ"
            hint = "a new run with other keys: `treewright run`"
            raise ConfigError(COMMAND_LINE, override.partition("=")[0], None, problem, hint)
    folder = RunFolder.open(path)
    config = load_runnable(folder.config, overrides)
    dataset = load_dataset(config.dataset)
    changed = differences(folder.manifest()["identity"], identity_of(config, dataset.digest))
    if changed:
        raise NotResumable(
            f"{path}: not resumable: the run was made with another {', '.join(changed)}; "
            "restore that, or start a new run with `treewright run`"
        )
    return Job(config, dataset, folder, as_kept=True)


async def go_on(job: Job, *, as_json: bool = False) -> int:
    """Finish a run as far as it can be finished, under its lock. Returns the exit code."""
    config, folder = job.config, job.run
    told = clean(f"run {folder.path}")
    print(told, file=sys.stderr if as_json else sys.stdout, flush=True)
    if steered_by(config.strategy):
        print(clean(f"strategy {strategy_told(config)}"), file=sys.stderr, flush=True)
    try:
        await outlive([folder.path])
        with job.at_work() as journal:
            ended = await job.finish(journal)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return interrupted(job)
    if ended.status is Status.INTERRUPTED:
        return interrupted(job)
    tell(folder, config, ended, as_json=as_json)
    return FAILURES if too_many(ended, config.fail_on_error) else OK


async def score(
    path: Path,
    aggregate: Sequence[str] = (),
    select: Sequence[str] = (),
    missing: str | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Aggregate a run again from its journal, asking no model; empty lists mean the run's own.

    Raises what `RecordedRun` raises, and `ConfigError` when its candidates cannot be reported so.
    """
    run = await RecordedRun.open(path)
    admit([*aggregate, *select])  # said by the user: as they are spelled, so are they imported
    own = run.config
    config = replace(
        own,
        aggregate=tuple(aggregate) or own.aggregate,
        select=tuple(select) or own.select,
        missing=MissingRule(missing) if missing else own.missing,
    )
    check(config, lambda key: "command line")
    known = await read_scored(run, Scoring.by(config))
    ended = ending(config, run.dataset, known)
    run.tell(known.damage)
    if ended.pending:
        hint = clean(goes_on(path, run.config))
        print(f"problems without a result yet: {ended.pending}; {hint}", file=sys.stderr)
    tell(run.folder, config, ended, as_json=as_json)
    return OK


def interrupted(job: Job) -> int:
    """Say how to go on."""
    print(clean(f"interrupted; {goes_on(job.run.path, job.config)}"), file=sys.stderr)
    return INTERRUPTED


def tell(folder: RunFolder, config: Config, ending: Ending, *, as_json: bool) -> None:
    """The table and the failures, or one JSON object on stdout."""
    steers = steered_by(config.strategy)
    if as_json:
        told = {"run": str(folder.path), "steered_by": steers, **ending.metrics.to_json()}
        told |= {"replicas": ending.replicas} if ending.replicas else {}
        print(json.dumps(told, allow_nan=False))
    else:
        print_table(ending.metrics, steers)
    print_failures(ending.failed, folder.path)


def too_many(ending: Ending, limit: float) -> bool:
    """Whether there are more failures than `fail_on_error`: a count or, below 1, a share."""
    return exceeds(limit, ending.metrics.failures, ending.metrics.problems)


def exceeds(limit: float, failures: int, total: int) -> bool:
    """The same of any total."""
    # A quotient: 0.29 x 100 is below 29.
    return (failures / total if 0 < limit < 1 else failures) > limit
