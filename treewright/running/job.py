"""A job: a run that is to be made or gone on with, begun or not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.datasets import Dataset
from treewright.config.config import Config
from treewright.config.fingerprint import fingerprint, fingerprint_of, identity_of
from treewright.config.kinds import SECTIONS
from treewright.config.load import to_yaml
from treewright.config.stand_in import facts_of
from treewright.files.writing import make_folder
from treewright.journal.journal import Journal
from treewright.running.ending import Ending
from treewright.running.lock import RunLock
from treewright.running.replicas import FILE as REPLICAS
from treewright.running.run_folder import RunFolder, RunWriteError, Status, environment
from treewright.running.session import Session, Site
from treewright.running.tracebacks import write_tracebacks
from treewright.terminal import clean

ENDED = (Status.COMPLETE, Status.INCOMPLETE)


@dataclass(frozen=True)
class Job:
    """The config and the data of a run, and its folder: None until it has begun.

    `about`: what tells it from the others of its name, empty where nothing need. `as_kept`: whether
    the config in its folder is to stay as it is, whatever this one says of its cluster.
    """

    config: Config
    dataset: Dataset
    folder: RunFolder | None
    about: str = ""
    as_kept: bool = False

    @classmethod
    def of(cls, config: Config, dataset: Dataset, about: str = "") -> Job:
        """With the newest run of this config over this data, where there is one."""
        identity = fingerprint(config, dataset.digest)
        folder = RunFolder.find(Path(config.output_dir), config.name, identity)
        return cls(config, dataset, folder, about)

    @property
    def told(self) -> str:
        """The run's folder, and what tells it from the others."""
        where = "no run" if self.folder is None else str(self.folder.path)
        return f"{where} ({self.about})" if self.about else where

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be asked."""
        return self.folder is not None and self.folder.status() is Status.COMPLETE

    @property
    def ended(self) -> bool:
        """Whether every problem was reached; some may have failed."""
        return self.folder is not None and self.folder.status() in ENDED

    @property
    def run(self) -> RunFolder:
        """The folder of a job that has begun."""
        assert self.folder is not None
        return self.folder

    def begun(self) -> Job:
        """With a run folder, which says what it is."""
        if self.folder is not None:
            return self
        config, digest = self.config, self.dataset.digest
        identity = identity_of(config, digest)
        name = Path(config.output_dir), config.name, fingerprint_of(identity)
        folder = RunFolder.create(*name)
        begin(folder, config, identity)
        return replace(self, folder=folder)

    @contextmanager
    def at_work(self) -> Iterator[Journal]:
        """The run's journal, under its lock; whatever ends the block early shows in STATUS."""
        with at_work(self.run, None if self.as_kept else self.config) as journal:
            yield journal

    async def finish(self, journal: Journal, site: Site | None = None) -> Ending:
        """A session at the run; its figures and what was raised are written, then how it ended."""
        session = Session(self.config, self.dataset, journal)
        try:
            ending = await session.finish(site)
        except BaseException:
            with suppress(RunWriteError):  # what went wrong first is what is told
                self.write_replicas(session)
            raise
        self.run.write_json("metrics.json", ending.metrics.to_json())
        self.write_replicas(session)
        write_tracebacks(self.run, ending.failed, journal.failed)
        self.run.set_status(ending.status)
        return ending

    def write_replicas(self, session: Session) -> None:
        """What became of those that the session asked, if it asked any."""
        if session.replicas:
            self.run.write_json(REPLICAS, session.replicas)


def begin(
    folder: RunFolder,
    config: Config,
    identity: Mapping[str, str],
    where: Mapping[str, object] | None = None,
) -> None:
    """Write what a new run says of itself. `where`: its `environment`, if that is known."""
    make_folder(folder.path, "journal")
    write_config(folder, config)
    folder.write_json("env.json", where or environment())
    folder.write_json(
        "manifest.json",
        {
            "name": config.name,
            "fingerprint": fingerprint_of(identity),
            "identity": identity,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parts": {name: facts_of(name, getattr(config, name)) for name in SECTIONS},
        },
    )


@contextmanager
def at_work(folder: RunFolder, config: Config | None) -> Iterator[Journal]:
    """A folder's journal, under its lock; whatever ends the block early shows in STATUS.

    `config` None: it is in the folder as it is now.
    """
    with (
        RunLock(folder.path),
        Journal.open(folder.journal, durable=folder.durable) as journal,
    ):
        if damage := journal.counts.damage():
            print(clean(f"{folder.path}: {damage}"), file=sys.stderr)
        folder.set_status(Status.RUNNING)
        if config is not None:
            write_config(folder, config)  # reporting and cluster may be others than before
        try:
            yield journal
        except (asyncio.CancelledError, KeyboardInterrupt):
            folder.set_status(Status.INTERRUPTED)
            raise
        except BaseException:
            with suppress(RunWriteError):  # what went wrong first is what is told
                folder.set_status(Status.INCOMPLETE)
            raise


def write_config(folder: RunFolder, config: Config) -> None:
    """The config, as it was said and in full."""
    folder.write_text("config.yaml", to_yaml(config, resolved=False))
    folder.write_text("config.resolved.yaml", to_yaml(config, resolved=True))
