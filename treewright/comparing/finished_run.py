"""A finished run, as what compares runs sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.aggregation import MissingRule
from treewright.arms.arm import Arm
from treewright.arms.graded_run import GradedRun
from treewright.arms.solved import Solved
from treewright.arms.tariff import Tariff
from treewright.config.resuming import goes_on
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun


@dataclass(frozen=True)
class FinishedRun:
    """What the journal of a finished run holds.

    `failures`: problems that have no result and will not be in any pair.
    """

    source: RecordedRun
    solved: list[Solved]
    failures: int

    def graded(self, arms: Iterable[Arm], missing: MissingRule) -> GradedRun:
        """Its problems, scored for these arms."""
        draws = self.source.draws_independently
        tariff, label = Tariff.of(self.source.config), self.source.label
        return GradedRun.of(self.solved, arms, missing, label, draws=draws, tariff=tariff)

    @property
    def largest(self) -> int:
        """How many candidates a problem has at most."""
        return max((len(item.search.result.candidates) for item in self.solved), default=0)


async def read(source: RecordedRun) -> FinishedRun:
    """Replay the run from its journal, asking nobody and writing nothing.

    Raises:
        ConfigError: some problems have no result yet: those that have one are the quick ones.
        JournalError: the journal cannot be read, or another version wrote it.
    """
    known = await source.read()
    if known.pending:
        left, total = len(known.pending), len(source.dataset.samples)
        problem = f"{left} of {total} problems have no result"
        problem += f" ({known.damage})" if known.damage else ""
        hint = goes_on(source.path, source.config)
        raise ConfigError(str(source.path), "is not finished", None, problem, hint)
    source.tell(known.damage)
    return FinishedRun(source, known.solved, len(known.failed))
