"""Replay: run the searches again on nothing but the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datasets import Sample
from benchmarks.grading import Grader
from benchmarks.grading_pool import GradingError
from engines.traits import contest_of, traits_of
from search.aggregation import MissingRule
from search.contest import Contest
from search.core import Problem, Spending
from search.custom import PartError
from search.driver import drive
from search.ports import Failure, ReplayError
from search.questions import Flow, Strategy
from treewright.arms.arm import arms_of
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.config.config import Config
from treewright.config.stand_in import StandIn
from treewright.journal.journal import Journal, JournalError
from treewright.journal.results import RESULT, ResultError, search_again
from treewright.running.controller import Failed, Grading
from treewright.running.gpu_hours import gpu_seconds
from treewright.running.memory import (
    RecordedMemory,
    RecordedPorts,
    SparedScorer,
    Unrecorded,
    noted_failures,
)
from treewright.running.wasted import lost


@dataclass(slots=True)
class Known:
    """What is known of a run's problems.

    Searches that ended, problems that failed, and samples still to be asked, each in the order in
    which it became known. Of searches that only a table is made of, `scored` has what that needs,
    and `solved` those that could not be scored: what fails there fails again with the table.
    `lost`: what was paid for and is in no result. `damage`: what is amiss with the journal, empty
    when nothing is. `gpu_seconds`: see `treewright.running.gpu_hours`.
    """

    # A large run is never spelled out: `asyncio.run` does so to its result, for seconds.
    solved: list[Solved] = field(default_factory=list, repr=False)
    scored: list[Scored] = field(default_factory=list, repr=False)
    failed: list[Failed] = field(default_factory=list)
    pending: list[Sample] = field(default_factory=list)
    lost: Spending = field(default_factory=Spending)
    damage: str = ""
    gpu_seconds: float | None = None

    @property
    def results(self) -> list[Solved | Scored]:
        """All searches that ended."""
        return [*self.solved, *self.scored]

    def keep(self, item: Solved | Failed, scoring: Scoring | None) -> None:
        """Take in a problem that ended: a search as it is, or what a table needs of it."""
        if isinstance(item, Failed):
            self.failed.append(item)
            return
        try:
            if scoring is not None:
                self.scored.append(scoring.of(item))
                return
        except PartError:  # told with the table, when the paid work is done
            pass
        self.solved.append(item)

    def book_lost(self, journal: Journal) -> None:
        """Count what was lost, and what was held of GPUs.

        Raises `JournalError` where a record cannot be read any more.
        """
        self.gpu_seconds = gpu_seconds(journal)
        again = [item for item in self.results if item.problem_id in journal.failed]
        booked = {
            item.problem_id: item.spent if isinstance(item, Scored) else item.search.costs.spent
            for item in again
        }
        self.lost = lost(journal, booked, [item.problem_id for item in self.failed])


@dataclass(frozen=True, slots=True)
class Scoring:
    """By what the searches of a table are scored."""

    aggregations: tuple[str | None, ...]
    missing: MissingRule

    @classmethod
    def by(cls, config: Config) -> Scoring:
        """By what a config reports, and what the progress of its run shows."""
        arms = arms_of(config.aggregate, [*config.select, "best"])
        return cls(tuple(dict.fromkeys(arm.aggregation for arm in arms)), config.missing)

    def of(self, solved: Solved) -> Scored:
        """What the table needs of a search. Raises `PartError` for an aggregation that fails."""
        return Scored.of(solved, self.aggregations, self.missing)


@dataclass(frozen=True, slots=True)
class RecordedStrategy:
    """A strategy whose code is not here: each search as the journal tells it."""

    journal: Journal
    part: StandIn

    def __call__(self, problem: Problem) -> Flow:
        """The search again. Raises `Unrecorded` where it has not ended."""
        told = self.journal.latest(RESULT).get(problem.id)
        if told is None:
            raise Unrecorded
        return search_again(told, problem)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)


@dataclass(frozen=True, slots=True)
class Replay:
    """Answers searches from the journal.

    `noted`: by key the failures that are not asked again. `goes_on`, `contest`: as for
    `search.driver.drive`.
    """

    strategy: Strategy
    journal: Journal
    grading: Grading
    seed: int
    noted: Mapping[str, Failure]
    goes_on: bool = False
    contest: Contest | None = None

    @classmethod
    def of(
        cls, config: Config, journal: Journal, grader: Grader, *, reading: bool = True
    ) -> Replay:
        """The searches of a run.

        When a session goes on, and is not only `reading`, what failed in infrastructure is pending
        again, and what is graded now is recorded.
        """
        strategy = config.strategy
        if isinstance(strategy, StandIn):
            strategy = RecordedStrategy(journal, strategy)
        grading = Grading(config.grading, grader, journal, readonly=reading)
        noted = noted_failures(journal, final=not reading)
        goes_on = traits_of(config.scorer).goes_on
        contest = contest_of(config.scorer, strategy)
        return cls(strategy, journal, grading, config.seed, noted, goes_on, contest)

    async def all(self, samples: Iterable[Sample], scoring: Scoring | None = None) -> Known:
        """What the journal holds of these. Whoever shares the event loop has a turn after each.

        With `scoring` no more is kept of a search than a table needs.

        Raises `JournalError`, `ReplayError`, `GradingError`.
        """
        known = Known()
        for sample in samples:
            found = await self.one(sample)
            if found is None:
                known.pending.append(sample)
            else:
                known.keep(found, scoring)
            await asyncio.sleep(0)
        return known

    async def one(self, sample: Sample) -> Solved | Failed | None:
        """The search of a problem, None where it has not ended.

        What a strategy raises after its last question, or its grading, it would raise again: that
        problem has failed. Raises as `all`.
        """
        try:
            return await self._one(sample)
        finally:
            self.journal.let_go(sample.problem.id)

    async def _one(self, sample: Sample) -> Solved | Failed | None:
        problem, journal = sample.problem, self.journal
        memory, ports = RecordedMemory(journal), RecordedPorts()
        scorer = SparedScorer(ports, self.noted)
        try:
            flow = self.strategy(problem)
            searched = await drive(
                flow,
                ports,
                scorer,
                memory,
                self.seed,
                goes_on=self.goes_on,
                contest=self.contest,
            )
            grades = await self.grading.grade(sample, searched)
        except ResultError as error:
            raise journal.not_ours(RESULT, problem.id, error) from error
        except Unrecorded:
            reason = self.noted.get(f"problem/{problem.id}")
            return Failed(problem.id, reason) if reason else None
        except (JournalError, ReplayError, GradingError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a strategy or grader raises becomes a record
            return Failed(problem.id, Failure.raised(error))
        return Solved(problem.id, searched, grades)
