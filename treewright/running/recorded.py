"""A run as its readers open it: nothing is asked, so only what decides the questions must hold."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.datasets import Dataset, Sample, load_dataset
from benchmarks.grading import GradingConfig, open_grader
from search.fault import Fault
from search.questions import Declared
from treewright.arms.arm import Arm, arms_of
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.config.fingerprint import asked_identity, differences
from treewright.config.recorded import load_recorded
from treewright.config.trust import trust_said
from treewright.journal.damage import JournalCounts
from treewright.journal.journal import Journal
from treewright.running.replay import Known, Replay
from treewright.running.run_folder import RunFolder, Status
from treewright.running.run_name import find_run
from treewright.terminal import line


class NotResumable(Fault):
    """The run's config, data or models are not what they were. One line that names the keys."""

    exit_code = 4


@dataclass(frozen=True)
class RecordedRun:
    """A run on disk, and what it is; `read` says what it found.

    Made of a config and data that are at hand, it is one's own. `identity`: what its manifest says
    that it was made with. `left_out`: aggregations and selections of its config that are not
    reported. `label`: its letter, where several are compared.
    """

    folder: RunFolder
    config: Config
    dataset: Dataset
    identity: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    label: str = ""

    @classmethod
    async def open(cls, said: Path, label: str = "") -> RecordedRun:
        """The run that is meant: its folder, or what `find_run` takes for it.

        Raises:
            RunFolderError: there is no such run.
            ConfigError: its config cannot be read.
            DatasetError: its data are gone.
            NotResumable: its data or its questions are no longer those of the run.
        """
        folder = RunFolder.open(find_run(said))
        manifest = folder.manifest()
        config, left_out = load_recorded(folder.path, manifest, trust_said())
        identity = manifest["identity"]
        dataset = load_dataset(config.dataset)
        now = asked_identity(config, dataset.digest)
        # What an older or a newer version does not know, the journal's own digests hold.
        changed = [key for key in differences(identity, now) if key in identity and key in now]
        if changed:
            raise NotResumable(
                f"{said}: cannot be read: the run was made with another {', '.join(changed)}; "
                "restore that"
            )
        return cls(folder, config, dataset, identity, left_out, label)

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.folder.path

    @property
    def draws_independently(self) -> bool:
        """Whether any n of its candidates are best-of-n; see `Declared`."""
        return Declared.of(self.config.strategy).draws_independently

    @property
    def arms(self) -> list[Arm]:
        """The arms that its config reports, over all candidates."""
        return arms_of(self.config.aggregate, self.config.select)

    @asynccontextmanager
    async def replay(self) -> AsyncIterator[Replay]:
        """Its searches, one at a time, while the block lasts: its journal and a grader are open.

        Raises `JournalError`.
        """
        grading = limited(self.config.grading) if self.identity else self.config.grading
        with Journal.open(self.folder.journal, readonly=True) as journal:
            async with open_grader(grading) as grader:
                yield Replay.of(self.config, journal, grader)

    async def read(self, samples: Sequence[Sample] | None = None) -> Known:
        """What its journal holds of these problems (None: of all).

        Raises `JournalError`, `ReplayError`, `GradingError`.
        """
        async with self.replay() as replay:
            known = await replay.all(self.dataset.samples if samples is None else samples)
            known.book_lost(replay.journal)
            known.damage = self.damage(replay.journal.counts, len(known.pending))
        return known

    def damage(self, counts: JournalCounts, pending: int) -> str:
        """What is amiss with the journal, by which so many problems have no result."""
        complete = self.folder.status() is Status.COMPLETE
        return counts.damage(pending if complete else 0)

    def tell(self, damage: str) -> None:
        """Say on stderr what is amiss with the journal, and what is code that nobody trusted."""
        if self.left_out:
            names = ", ".join(self.left_out)
            told = f"left out, code of the run's own: {names}; --trust, or --python-path DIR"
            print(line(f"{self.folder.path}: {told}"), file=sys.stderr)
        if damage:
            print(line(f"{self.folder.path}: {damage}"), file=sys.stderr)

    def results(self, known: Known) -> list[tuple[Sample, Solved]]:
        """The problems that have a result, in the dataset's order, each with it."""
        solved = {item.problem_id: item for item in known.solved}
        samples = [each for each in self.dataset.samples if each.problem.id in solved]
        return [(sample, solved[sample.problem.id]) for sample in samples]


def limited(grading: GradingConfig) -> GradingConfig:
    """With what a reader's machine may be asked to do for a run that is not trusted.

    What its journal holds graded is not graded again, whatever the limits.
    """
    if trust_said().whole:
        return grading
    ours = GradingConfig()
    seconds = min(grading.timeout_s, ours.timeout_s)
    return replace(
        grading,
        timeout_s=seconds,
        budget_s=max(seconds, min(grading.budget_s, ours.budget_s)),
        workers=min(grading.workers, os.cpu_count() or 1),
        memory_mib=min(grading.memory_mib, ours.memory_mib),
    )
