"""From completions to a journal: the two ports answer from the file, and the replies are recorded.

So an imported run is replayed, scored and drawn like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from benchmarks.datasets import Sample
from search.calls import SearchFailed
from search.core import Judgement, Missing, Spent, Step, StepVerdict, StopReason, VerdictStatus
from search.driver import drive
from search.ports import (
    Failure,
    FailureKind,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.questions import Strategy
from treewright.exchange.completions import Completion
from treewright.exchange.step_splitting import split_steps
from treewright.journal.journal import Journal
from treewright.running.memory import JournalMemory, failure_payload

ByProblem: TypeAlias = Mapping[str, Sequence[Completion]]

NO_SCORES = "the file has no scores for it"
NO_LAST = "the file has no score for its last step"


class FilePorts(Policy, Scorer):
    """A policy and a scorer that know what a file says, by problem id."""

    def __init__(self, completions: ByProblem) -> None:
        self.completions = completions

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """The completion of each call's number, whole."""
        return [self._draw(call) for call in batch]

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """The scores of each path's completion; what they cost nobody counted."""
        uncounted = Spent(calls=1)
        return [
            ScorerReply(judgement_of(self.completions[path.problem.id][path.place[0]]), uncounted)
            for path in (call.path for call in batch)
        ]

    def _draw(self, call: PolicyCall) -> PolicyReply | Failure:
        problem = call.path.problem.id
        known = self.completions.get(problem)
        if known is None:
            return Failure(FailureKind.INVALID, f"problem {problem}: the file has no completions")
        steps = steps_of(known, call.child)
        spent = Spent(calls=1, generated=known[call.child].tokens or 0)
        return PolicyReply(call.path.grow(call.child, steps), spent)


def steps_of(completions: Sequence[Completion], index: int) -> list[Step]:
    """The steps of a completion.

    The file has no token ids. Each step has one in their place: the number of the first completion
    that says the same with the same scores. So what counts as the same, and is judged once, is
    what the file cannot tell apart.
    """
    own = completions[index]
    same = (other.text == own.text and other.scores == own.scores for other in completions)
    stand_in = (next(number for number, equal in enumerate(same) if equal),)
    texts, _ = split_steps(own.text, len(own.scores))
    stops = [*[StopReason.STEP_END] * (len(texts) - 1), own.stop]
    return [Step(text, stand_in, stop) for text, stop in zip(texts, stops, strict=True)]


def judgement_of(completion: Completion) -> Judgement:
    """One verdict per score. The probability of the whole is the last score, as its authors use it.

    A completion without scores has a Missing judgement.
    """
    if not completion.scores:
        return Judgement.missing(NO_SCORES)
    verdicts = tuple(
        StepVerdict(score, VerdictStatus.MISSING if score is None else VerdictStatus.READ)
        for score in completion.scores
    )
    last = completion.scores[-1]
    return Judgement(verdicts, Missing(NO_LAST) if last is None else last)


async def record(
    samples: Sequence[Sample],
    completions: ByProblem,
    strategy: Strategy,
    journal: Journal,
    seed: int,
) -> None:
    """Put every completion on record. What the journal holds already stays as it is.

    A problem without completions becomes an error record.
    """
    ports, memory = FilePorts(completions), JournalMemory(journal, lambda spent: None)
    for sample in samples:
        problem = sample.problem
        try:
            await drive(strategy(problem), ports, ports, memory, seed)
        except SearchFailed as error:
            payload = failure_payload(problem.id, error.failure)
            await journal.append("failure", f"problem/{problem.id}", payload)
