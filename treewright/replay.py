"""Replay: run the searches again on nothing but the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.datasets import Sample
from search.core import Missing, Strategy
from search.driver import drive
from search.ports import Failure, FailureKind
from treewright.controller import Failed, Grading
from treewright.journal.journal import Journal
from treewright.memory import (
    FINAL,
    RecordedMemory,
    RecordedPolicy,
    RecordedScorer,
    Unrecorded,
    read_failure,
)
from treewright.metrics import Solved


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the journal holds.

    Searches that ended, problems that failed, and samples still to be asked.
    """

    solved: list[Solved] = field(default_factory=list)
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

    With `retry`, what failed in infrastructure is pending again.
    """
    noted = {
        key: failure
        for key, payload in journal.latest("failure").items()
        if (failure := read_failure(payload)).kind in FINAL or not retry
    }
    memory, scorer = RecordedMemory(journal), RecordedScorer(noted)
    replayed = Replayed()
    for sample in samples:
        problem = sample.problem
        try:
            searched = await drive(strategy(problem), RecordedPolicy(), scorer, memory, seed)
        except Unrecorded:
            reason = noted.get(f"problem/{problem.id}")
            if reason:
                replayed.failed.append(Failed(problem.id, reason))
            else:
                replayed.pending.append(sample)
        else:
            grades = await grading.grade(sample, searched)
            replayed.solved.append(Solved(problem.id, searched, grades))
    return replayed


def unjudged(item: Solved) -> Failure | None:
    """The failure that left a candidate without a judgement, None when there is none."""
    for candidate in item.search.result.candidates:
        prefix = candidate.judgement.prefix if candidate.judgement else None
        if isinstance(prefix, Missing) and prefix.transient:
            return Failure(FailureKind.UNAVAILABLE, prefix.reason)
    return None
