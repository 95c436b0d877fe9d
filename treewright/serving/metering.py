"""Ports that count what their replies cost, whatever becomes of the search that asked."""

from __future__ import annotations

from collections.abc import Sequence

from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from treewright.ledger import known
from treewright.serving.metrics import Metrics


class MeteredPolicy(Policy):
    """A policy whose replies are counted."""

    def __init__(self, policy: Policy, metrics: Metrics) -> None:
        self.policy, self.metrics = policy, metrics

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """What the policy replies."""
        try:
            replies = await self.policy.extend(batch)
        except BaseException:  # a client that went, a deadline: the calls were taken back
            self.metrics.uncounted("policy", len(batch))
            raise
        count("policy", replies, self.metrics)
        return replies

    async def close(self) -> None:
        """Close the policy."""
        await self.policy.close()


class MeteredScorer(Scorer):
    """A scorer whose replies are counted."""

    def __init__(self, scorer: Scorer, metrics: Metrics) -> None:
        self.scorer, self.metrics = scorer, metrics

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """What the scorer replies."""
        try:
            replies = await self.scorer.judge(batch)
        except BaseException:  # a client that went, a deadline: the calls were taken back
            self.metrics.uncounted("verifier", len(batch))
            raise
        count("verifier", replies, self.metrics)
        return replies

    async def close(self) -> None:
        """Close the scorer."""
        await self.scorer.close()


def count(
    side: str, replies: Sequence[PolicyReply | ScorerReply | Failure], metrics: Metrics
) -> None:
    """Book what is known; a failure, and a reply that tells no tokens, is a call not counted.

    What is known to have been spent before a failure is booked all the same.
    """
    for reply in replies:
        if isinstance(reply, Failure) or not known(reply.spent):
            metrics.uncounted(side, 1)
        if known(reply.spent):
            metrics.spent(side, reply.spent)
