"""A run as its readers open it: nothing is asked, so only what decides the questions must hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.datasets import Dataset, Sample, load_dataset
from benchmarks.grading import GradingConfig, open_grader
from search.fault import Fault
from search.ports import goes_on
from treewright.config.config import Config
from treewright.config.fingerprint import asked_identity, differences
from treewright.config.recorded import load_recorded
from treewright.config.stand_in import StandIn
from treewright.config.trust import trust_said
from treewright.journal.journal import Journal
from treewright.running.controller import Grading
from treewright.running.replay import Replayed, replay
from treewright.running.run_folder import RunFolder
from treewright.terminal import line


class NotResumable(Fault):
    """The run's config, data or models are not what they were. One line that names the keys."""

    exit_code = 4


@dataclass(frozen=True)
class Recorded:
    """A run on disk.

    `identity`: what its manifest says that it was made with. `left_out`: aggregations and
    selections of its config that are not reported.
    """

    folder: RunFolder
    config: Config
    dataset: Dataset
    identity: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    def tell(self) -> None:
        """Say on stderr what is not reported, because it is code that nobody trusted."""
        if self.left_out:
            names = ", ".join(self.left_out)
            told = f"left out, code of the run's own: {names}; --trust, or --python-path DIR"
            print(line(f"{self.folder.path}: {told}"), file=sys.stderr)

    @classmethod
    def open(cls, path: Path) -> Recorded:
        """Read what the run is, and not yet what it found.

        Raises:
            RunFolderError: there is no such run.
            ConfigError: its config cannot be read.
            DatasetError: its data are gone.
            NotResumable: its data or its questions are no longer those of the run.
        """
        folder = RunFolder.open(path)
        manifest = folder.manifest()
        recorded = load_recorded(folder.path, manifest, trust_said())
        config, identity = recorded.config, manifest["identity"]
        dataset = load_dataset(config.dataset)
        now = asked_identity(config, dataset.digest)
        held = [key for key in identity if key in now or holds(key, config)]
        changed = [key for key in differences(identity, now) if key in held]
        if changed:
            raise NotResumable(
                f"{path}: cannot be read: the run was made with another {', '.join(changed)}; "
                "restore that"
            )
        return cls(folder, config, dataset, identity, recorded.left_out)

    async def replayed(self, journal: Journal, samples: Sequence[Sample] | None = None) -> Replayed:
        """What its journal, opened to be read, holds of these problems (None: all).

        Raises `JournalError`, `ReplayError`.
        """
        config, samples = self.config, self.dataset.samples if samples is None else samples
        async with open_grader(as_trusted(config.grading)) as grader:
            grading = Grading(config.grading, grader, journal, readonly=True)
            return await replay(
                samples,
                config.strategy,
                journal,
                grading,
                config.seed,
                retry=False,
                goes_on=goes_on(config.scorer),
            )


def as_trusted(grading: GradingConfig) -> GradingConfig:
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


def holds(key: str, config: Config) -> bool:
    """Whether a key of the identity decides what is asked, so far as the strategy is known."""
    return key.startswith("strategy.") and not isinstance(config.strategy, StandIn)
