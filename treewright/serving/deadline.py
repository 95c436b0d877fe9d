"""A deadline that a search heeds in the middle of a question: what is in flight is aborted.

At the deadline every call that has no reply is taken back from the engines and answered: a draw
with a step that was cut (`ABORT`), a judgement with one that is missing. What such a call cost is
unknown. So the strategy goes on to its end with what it has, and its budget of time ends it at its
next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from search.core import Judgement, Spent, Step, StopReason
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)

UNCOUNTED = Spent(calls=1)
"""What a call cost that was taken back: nobody counted its tokens, so they are unknown."""


class Deadline:
    """`seconds` from `began`, in the event loop's time. `cut`: how many calls it took back.

    `why`: what passed, `deadline`, or `shutdown` where the server is being stopped.
    """

    def __init__(self, seconds: float, began: float) -> None:
        self.seconds = seconds
        self.ends = began + seconds
        self.cut = 0
        self.why = "deadline"
        self._timeouts: dict[asyncio.Timeout, float] = {}

    @property
    def left(self) -> float:
        """Seconds until then, below 0 when it has passed."""
        return self.ends - asyncio.get_running_loop().time()

    @asynccontextmanager
    async def heeded(self, grace_s: float = 0.0) -> AsyncIterator[None]:
        """A block that ends `grace_s` after the deadline. Raises `TimeoutError`."""
        timeout = asyncio.timeout_at(self.ends + grace_s)
        self._timeouts[timeout] = grace_s
        try:
            async with timeout:
                yield
        finally:
            del self._timeouts[timeout]

    def hasten(self, why: str) -> None:
        """It is now, unless it has passed."""
        now = asyncio.get_running_loop().time()
        if now < self.ends:
            self.ends, self.why = now, why
            for timeout, grace_s in self._timeouts.items():
                timeout.reschedule(now + grace_s)


class PolicyUntil(Policy):
    """A policy until a deadline."""

    def __init__(self, policy: Policy, deadline: Deadline) -> None:
        self.policy, self.deadline = policy, deadline

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """What the policy replies; steps that were cut at the deadline."""
        try:
            async with self.deadline.heeded():
                return await self.policy.extend(batch)
        except TimeoutError:
            self.deadline.cut += len(batch)
            return [
                PolicyReply(
                    call.path.grow(call.child, (Step("", (), StopReason.ABORT),)), UNCOUNTED
                )
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
        """What the scorer replies; missing judgements at the deadline."""
        try:
            async with self.deadline.heeded():
                return await self.scorer.judge(batch)
        except TimeoutError:
            self.deadline.cut += len(batch)
            missing = Judgement.missing(f"not judged before the {self.deadline.why}")
            return [ScorerReply(missing, UNCOUNTED) for _ in batch]

    async def close(self) -> None:
        """Close the scorer."""
        await self.scorer.close()
