"""Replay: run the searches again on nothing but the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.datasets import Sample
from benchmarks.grading_pool import GradingError
from search.core import Problem
from search.driver import drive
from search.ports import Failure, ReplayError
from search.questions import Flow, Strategy
from treewright.config.stand_in import StandIn
from treewright.journal.journal import Journal, JournalError
from treewright.journal.results import RESULT, ResultError, search_again
from treewright.metrics import Solved
from treewright.running.controller import Failed, Grading
from treewright.running.memory import (
    RecordedMemory,
    RecordedPolicy,
    RecordedScorer,
    SparedScorer,
    Unrecorded,
    noted_failures,
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the journal holds.

    Searches that ended, problems that failed, and samples still to be asked.
    """

    # A large run is never spelled out: `asyncio.run` does so to its result, for seconds.
    solved: list[Solved] = field(default_factory=list, repr=False)
    failed: list[Failed] = field(default_factory=list)
    pending: list[Sample] = field(default_factory=list)


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


async def replay(
    samples: Sequence[Sample],
    strategy: Strategy,
    journal: Journal,
    grading: Grading,
    seed: int,
    *,
    retry: bool,
    goes_on: bool = False,
) -> Replayed:
    """Answer every search from the journal; `goes_on` as for `search.driver.drive`.

    With `retry`, what failed in infrastructure is pending again. What a strategy raises after its
    last question, or its grading, it would raise again: that problem has failed.
    """
    if isinstance(strategy, StandIn):
        strategy = RecordedStrategy(journal, strategy)
    noted = noted_failures(journal, final=retry)
    memory, scorer = RecordedMemory(journal), SparedScorer(RecordedScorer(), noted)
    replayed = Replayed()
    for sample in samples:
        problem = sample.problem
        try:
            ports = RecordedPolicy(), scorer, memory
            searched = await drive(strategy(problem), *ports, seed, goes_on=goes_on)
            grades = await grading.grade(sample, searched)
        except ResultError as error:
            raise journal.not_ours(RESULT, problem.id, error) from error
        except Unrecorded:
            reason = noted.get(f"problem/{problem.id}")
            if reason:
                replayed.failed.append(Failed(problem.id, reason))
            else:
                replayed.pending.append(sample)
        except (JournalError, ReplayError, GradingError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a strategy or grader raises becomes a record
            replayed.failed.append(Failed(problem.id, Failure.raised(error)))
        else:
            replayed.solved.append(Solved(problem.id, searched, grades))
    return replayed
