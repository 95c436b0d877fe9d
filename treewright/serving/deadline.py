"""A deadline that a search heeds in the middle of a question: what is in flight is aborted.

At the deadline every call that has no reply is taken back from the engines and answered: a draw
with a step that was cut (`ABORT`), a judgement with a failure. So the strategy goes on to its end
with what it has, and its budget of time ends it at its next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from search.core import Spent, Step, StopReason
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


@dataclass
class Deadline:
    """`seconds` from `began`, in the event loop's time. `cut`: how many calls it took back."""

    seconds: float
    began: float
    cut: int = 0

    @property
    def ends(self) -> float:
        """When, in the event loop's time."""
        return self.began + self.seconds

    @property
    def left(self) -> float:
        """Seconds until then, below 0 when it has passed."""
        return self.ends - asyncio.get_running_loop().time()


class PolicyUntil(Policy):
    """A policy until a deadline."""

    def __init__(self, policy: Policy, deadline: Deadline) -> None:
        self.policy, self.deadline = policy, deadline

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """What the policy replies; cut steps at the deadline. Their tokens nobody counted."""
        try:
            async with asyncio.timeout_at(self.deadline.ends):
                return await self.policy.extend(batch)
        except TimeoutError:
            self.deadline.cut += len(batch)
            return [
                PolicyReply(call.path.grow(call.child, (Step("", (), StopReason.ABORT),)), Spent())
                for call in batch
            ]

    async def close(self) -> None:
        """Close the policy."""
        await self.policy.close()


class ScorerUntil(Scorer):
    """A scorer until a deadline."""

    def __init__(self, scorer: Scorer, deadline: Deadline) -> None:
        self.scorer, self.deadline = scorer, deadline

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """What the scorer replies; failures at the deadline."""
        try:
            async with asyncio.timeout_at(self.deadline.ends):
                return await self.scorer.judge(batch)
        except TimeoutError:
            self.deadline.cut += len(batch)
            told = f"not judged within {self.deadline.seconds:g} s"
            return [Failure.about(call.path, FailureKind.UNAVAILABLE, told) for call in batch]

    async def close(self) -> None:
        """Close the scorer."""
        await self.scorer.close()
