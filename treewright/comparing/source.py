"""A run that is compared: what it was, and what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import Dataset, load_dataset
from benchmarks.grading import open_grader
from search.strategies.best_of_n import BestOfN
from search.strategies.majority import Majority
from treewright.comparing.arm_name import ArmName
from treewright.config.config import Config
from treewright.config.fingerprint import differences, identity_of
from treewright.config.load import load_config
from treewright.errors import ConfigError
from treewright.journal.journal import Journal
from treewright.metrics import Solved, rows
from treewright.running.controller import Grading
from treewright.running.experiment import NotResumable, asked_by
from treewright.running.replay import Replayed, replay
from treewright.running.run_folder import RunFolder
from treewright.running.session import reporting


@dataclass(frozen=True)
class Source:
    """A run that was opened. `label` is its letter, `identity` what its manifest says it was."""

    label: str
    path: Path
    config: Config
    dataset: Dataset
    identity: Mapping[str, str]

    @classmethod
    def open(cls, label: str, path: Path) -> Source:
        """Read what the run is, and not yet what it found.

        Raises:
            RunFolderError: there is no such run.
            ConfigError: its config cannot be read.
            DatasetError: its data are gone.
            NotResumable: its data or its questions are no longer those of the run.
        """
        folder = RunFolder.open(path)
        config = load_config(folder.config)
        dataset = load_dataset(config.dataset)
        identity = folder.manifest()["identity"]
        now = identity_of(config, dataset.digest)
        changed = [key for key in differences(identity, now) if key in identity and asked_by(key)]
        if changed:
            raise NotResumable(
                f"{path}: cannot be compared: the run was made with another {', '.join(changed)}; "
                "restore that"
            )
        return cls(label, path, config, dataset, identity)

    @property
    def draws_independently(self) -> bool:
        """Whether its candidates are independent draws, so that any n of them are best-of-n."""
        strategy = self.config.strategy
        return isinstance(strategy, (BestOfN, Majority)) and strategy.stop == "none"

    @property
    def arms(self) -> list[ArmName]:
        """The arms that its config reports, over all candidates."""
        return [
            ArmName(selection, str(aggregator) if aggregator else None)
            for aggregator, selection in rows(reporting(self.config))
        ]


@dataclass(frozen=True)
class Found:
    """What the journal of a finished run holds.

    `failures`: problems that have no result and will not be in any pair. `noted`: what is amiss
    with the journal; empty when nothing is.
    """

    source: Source
    solved: list[Solved]
    failures: int
    noted: str

    @property
    def largest(self) -> int:
        """How many candidates a problem has at most."""
        return max((len(item.search.result.candidates) for item in self.solved), default=0)


def read(source: Source) -> Found:
    """Replay the run from its journal, asking nobody and writing nothing.

    Raises:
        ConfigError: some problems have no result yet: those that have one are the quick ones.
        JournalError: the journal cannot be read, or another version wrote it.
    """
    with Journal.open(source.path / "journal", readonly=True) as journal:
        replayed, noted = asyncio.run(_replay(source, journal)), str(journal.counts)
    if replayed.pending:
        left, total = len(replayed.pending), len(source.dataset.samples)
        problem = f"{left} of {total} problems have no result" + (f" ({noted})" if noted else "")
        hint = f"`treewright resume {source.path}` goes on"
        raise ConfigError(str(source.path), "is not finished", None, problem, hint)
    return Found(source, replayed.solved, len(replayed.failed), noted)


async def _replay(source: Source, journal: Journal) -> Replayed:
    config = source.config
    async with open_grader(config.grading) as grader:
        grading = Grading(config.grading, grader, journal, readonly=True)
        samples = source.dataset.samples
        return await replay(samples, config.strategy, journal, grading, config.seed, retry=False)
