"""The verbs `run`, `resume` and `score`: find the run folder, hold its lock, tell how it ended."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.datasets import Dataset, load_dataset
from search.aggregation import MissingRule
from search.custom import admit
from search.questions import steered_by
from treewright.config.checks import check
from treewright.config.config import Config
from treewright.config.fingerprint import differences, fingerprint, identity_of
from treewright.config.kinds import SECTIONS
from treewright.config.load import load_runnable, to_yaml
from treewright.config.stand_in import facts_of
from treewright.config.steering import strategy_told
from treewright.files.writing import make_folder
from treewright.journal.journal import Journal
from treewright.running.lock import RunLock
from treewright.running.recorded import NotResumable, Recorded, as_trusted
from treewright.running.run_folder import RunFolder, RunWriteError, Status, environment
from treewright.running.session import Ending, Session
from treewright.running.table import print_failures, print_table
from treewright.running.tracebacks import write_tracebacks
from treewright.terminal import clean

OK, INTERNAL, USAGE, FAILURES, NOT_RESUMABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes."""


def run(config: Config, *, as_json: bool = False) -> int:
    """Run an experiment, or go on with the newest run of the same name and fingerprint.

    Returns the exit code.
    """
    dataset = load_dataset(config.dataset)
    for note in dataset.notes:
        print(clean(f"note: {note}"), file=sys.stderr)
    folder = find(config, dataset) or create(config, dataset)
    return go_on(folder, config, dataset, as_json=as_json)


def resume(path: Path, *, as_json: bool = False) -> int:
    """Go on with a run.

    Raises `NotResumable` when its config, its data or its models are not what they were.
    """
    folder = RunFolder.open(path)
    config = load_runnable(folder.config)
    dataset = load_dataset(config.dataset)
    changed = differences(folder.manifest()["identity"], identity_of(config, dataset.digest))
    if changed:
        raise NotResumable(
            f"{path}: not resumable: the run was made with another {', '.join(changed)}; "
            "restore that, or start a new run with `treewright run`"
        )
    return go_on(folder, config, dataset, as_json=as_json)


def score(
    path: Path,
    aggregate: Sequence[str] = (),
    select: Sequence[str] = (),
    missing: str | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Aggregate a run again from its journal, asking no model; empty lists mean the run's own.

    Raises `NotResumable` when the questions are no longer those of the run, and `ConfigError` when
    its candidates cannot be reported so.
    """
    recorded = Recorded.open(path)
    admit([*aggregate, *select])  # said by the user: as they are spelled, so are they imported
    folder, own = recorded.folder, recorded.config
    config = replace(
        own,
        aggregate=tuple(aggregate) or own.aggregate,
        select=tuple(select) or own.select,
        missing=MissingRule(missing) if missing else own.missing,
    )
    check(config, lambda key: "command line")
    with Journal.open(folder.journal, readonly=True) as journal:
        if noted := str(journal.counts):
            print(f"journal: {noted}", file=sys.stderr)
        session = Session(config, recorded.dataset, journal)
        ending = asyncio.run(session.read(as_trusted(config.grading)))
    recorded.tell()
    if ending.pending:
        hint = clean(f"`treewright resume {path}` goes on")
        print(f"problems without a result yet: {ending.pending}; {hint}", file=sys.stderr)
    tell(folder, config, ending, as_json=as_json)
    return OK


def find(config: Config, dataset: Dataset) -> RunFolder | None:
    """The newest run of this config over this data, or None."""
    identity = fingerprint(config, dataset.digest)
    return RunFolder.find(Path(config.output_dir), config.name, identity)


def create(config: Config, dataset: Dataset) -> RunFolder:
    """A new run folder that says what it is."""
    identity = fingerprint(config, dataset.digest)
    folder = RunFolder.create(Path(config.output_dir), config.name, identity)
    make_folder(folder.path, "journal")
    write_config(folder, config)
    folder.write_json("env.json", environment())
    folder.write_json(
        "manifest.json",
        {
            "name": config.name,
            "fingerprint": identity,
            "identity": identity_of(config, dataset.digest),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parts": {name: facts_of(name, getattr(config, name)) for name in SECTIONS},
        },
    )
    return folder


def write_config(folder: RunFolder, config: Config) -> None:
    """The config, as it was said and in full."""
    folder.write_text("config.yaml", to_yaml(config, resolved=False))
    folder.write_text("config.resolved.yaml", to_yaml(config, resolved=True))


def go_on(folder: RunFolder, config: Config, dataset: Dataset, *, as_json: bool) -> int:
    """Finish a run as far as it can be finished, under its lock."""
    told = clean(f"run {folder.path}")
    print(told, file=sys.stderr if as_json else sys.stdout, flush=True)
    if steered_by(config.strategy):
        print(clean(f"strategy {strategy_told(config)}"), file=sys.stderr, flush=True)
    try:
        with at_work(folder, config) as journal:
            ending = asyncio.run(Session(config, dataset, journal).run())
            conclude(folder, ending, journal)
    except (asyncio.CancelledError, KeyboardInterrupt):
        return interrupted(folder)
    if ending.status is Status.INTERRUPTED:
        return interrupted(folder)
    tell(folder, config, ending, as_json=as_json)
    return FAILURES if too_many(ending, config.fail_on_error) else OK


@contextmanager
def at_work(folder: RunFolder, config: Config) -> Iterator[Journal]:
    """The run's journal, under its lock; whatever ends the block early shows in STATUS."""
    with RunLock(folder.path), Journal.open(folder.journal) as journal:
        if noted := str(journal.counts):
            print(f"journal: {noted}", file=sys.stderr)
        folder.set_status(Status.RUNNING)
        write_config(folder, config)  # reporting and cluster may differ from the last session's
        try:
            yield journal
        except (asyncio.CancelledError, KeyboardInterrupt):
            folder.set_status(Status.INTERRUPTED)
            raise
        except BaseException:
            with suppress(RunWriteError):  # what went wrong first is what is told
                folder.set_status(Status.INCOMPLETE)
            raise


def conclude(folder: RunFolder, ending: Ending, journal: Journal) -> None:
    """Write the figures and what was raised, and only then how it ended."""
    folder.write_json("metrics.json", ending.metrics.to_json())
    write_tracebacks(folder, ending.failed, journal.failed)
    folder.set_status(ending.status)


def interrupted(folder: RunFolder) -> int:
    """Say how to go on."""
    print(clean(f"interrupted; `treewright resume {folder.path}` goes on"), file=sys.stderr)
    return INTERRUPTED


def tell(folder: RunFolder, config: Config, ending: Ending, *, as_json: bool) -> None:
    """The table and the failures, or one JSON object on stdout."""
    steers = steered_by(config.strategy)
    if as_json:
        told = {"run": str(folder.path), "steered_by": steers, **ending.metrics.to_json()}
        print(json.dumps(told, allow_nan=False))
    else:
        print_table(ending.metrics, steers)
    print_failures(ending.failed, folder.path)


def too_many(ending: Ending, limit: float) -> bool:
    """Whether there are more failures than `fail_on_error`: a count or, below 1, a share."""
    failures, problems = ending.metrics.failures, ending.metrics.problems
    # A quotient: 0.29 x 100 is below 29.
    return (failures / problems if 0 < limit < 1 else failures) > limit
