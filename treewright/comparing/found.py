"""A run that is compared: what it was, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import Dataset
from search.aggregation import MissingRule
from search.strategies.best_of_n import BestOfN
from search.strategies.majority import Majority
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded_run import GradedRun
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun


@dataclass(frozen=True)
class Source:
    """A run that was opened; `label` is its letter."""

    label: str
    run: RecordedRun

    @classmethod
    async def open(cls, label: str, path: Path) -> Source:
        """What the run is, and not yet what it found. Raises what `RecordedRun.open` raises."""
        return cls(label, await RecordedRun.open(path))

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.run.folder.path

    @property
    def config(self) -> Config:
        """As the run was asked."""
        return self.run.config

    @property
    def dataset(self) -> Dataset:
        """What it was asked."""
        return self.run.dataset

    @property
    def identity(self) -> Mapping[str, str]:
        """What its manifest says that it was made with."""
        return self.run.identity

    @property
    def draws_independently(self) -> bool:
        """Whether its candidates are independent draws, so that any n of them are best-of-n."""
        strategy = self.config.strategy
        return isinstance(strategy, (BestOfN, Majority)) and strategy.stop == "none"

    @property
    def arms(self) -> list[Arm]:
        """The arms that its config reports, over all candidates."""
        return arms_of(self.config.aggregate, self.config.select)


@dataclass(frozen=True)
class Found:
    """What the journal of a finished run holds.

    `failures`: problems that have no result and will not be in any pair.
    """

    source: Source
    solved: list[Solved]
    failures: int

    def graded(self, arms: Iterable[Arm], missing: MissingRule) -> GradedRun:
        """Its problems, scored for these arms."""
        draws = self.source.draws_independently
        return GradedRun.of(self.solved, arms, missing, self.source.label, draws=draws)

    @property
    def largest(self) -> int:
        """How many candidates a problem has at most."""
        return max((len(item.search.result.candidates) for item in self.solved), default=0)


async def read(source: Source) -> Found:
    """Replay the run from its journal, asking nobody and writing nothing.

    Raises:
        ConfigError: some problems have no result yet: those that have one are the quick ones.
        JournalError: the journal cannot be read, or another version wrote it.
    """
    known = await source.run.read()
    if known.pending:
        left, total = len(known.pending), len(source.dataset.samples)
        problem = f"{left} of {total} problems have no result"
        problem += f" ({known.damage})" if known.damage else ""
        hint = f"`treewright resume {source.path}` goes on"
        raise ConfigError(str(source.path), "is not finished", None, problem, hint)
    source.run.tell(known.damage)
    return Found(source, known.solved, len(known.failed))
