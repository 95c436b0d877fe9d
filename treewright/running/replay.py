"""Replay: run the searches again on nothing but the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.datasets import Sample
from benchmarks.grading_pool import GradingError
from search.driver import drive
from search.ports import Failure, ReplayError
from search.questions import Strategy
from treewright.journal.journal import Journal, JournalError
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


async def replay(
    samples: Sequence[Sample],
    strategy: Strategy,
    journal: Journal,
    grading: Grading,
    seed: int,
    *,
    retry: bool,
) -> Replayed:
    """Answer every search from the journal.

    With `retry`, what failed in infrastructure is pending again. What a strategy raises after its
    last question, or its grading, it would raise again: that problem has failed.
    """
    noted = noted_failures(journal, final=retry)
    memory, scorer = RecordedMemory(journal), SparedScorer(RecordedScorer(), noted)
    replayed = Replayed()
    for sample in samples:
        problem = sample.problem
        try:
            searched = await drive(strategy(problem), RecordedPolicy(), scorer, memory, seed)
            grades = await grading.grade(sample, searched)
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
