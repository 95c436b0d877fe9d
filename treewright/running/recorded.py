"""A run as its readers open it: nothing is asked, so only what decides the questions must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import Dataset, Sample, load_dataset
from benchmarks.grading import open_grader
from search.fault import Fault
from treewright.config.config import Config
from treewright.config.fingerprint import differences, identity_of
from treewright.config.load import load_config
from treewright.journal.journal import Journal
from treewright.running.controller import Grading
from treewright.running.replay import Replayed, replay
from treewright.running.run_folder import RunFolder


class NotResumable(Fault):
    """The run's config, data or models are not what they were. One line that names the keys."""

    exit_code = 4


@dataclass(frozen=True)
class Recorded:
    """A run on disk. `identity`: what its manifest says that it was made with."""

    folder: RunFolder
    config: Config
    dataset: Dataset
    identity: Mapping[str, str]

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
        config = load_config(folder.config)
        dataset = load_dataset(config.dataset)
        identity = folder.manifest()["identity"]
        now = identity_of(config, dataset.digest)
        changed = [key for key in differences(identity, now) if key in identity and asked_by(key)]
        if changed:
            raise NotResumable(
                f"{path}: cannot be read: the run was made with another {', '.join(changed)}; "
                "restore that"
            )
        return cls(folder, config, dataset, identity)

    async def replayed(self, journal: Journal, samples: Sequence[Sample] | None = None) -> Replayed:
        """What its journal, opened to be read, holds of these problems (None: all).

        Raises `JournalError`, `ReplayError`.
        """
        config, samples = self.config, self.dataset.samples if samples is None else samples
        async with open_grader(config.grading) as grader:
            grading = Grading(config.grading, grader, journal, readonly=True)
            return await replay(
                samples, config.strategy, journal, grading, config.seed, retry=False
            )


def asked_by(key: str) -> bool:
    """Whether a key of the identity decides what is asked: reading needs no model and no engine."""
    return key in ("seed", "dataset") or key.startswith("strategy.")
