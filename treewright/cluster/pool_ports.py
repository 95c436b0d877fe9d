"""The ports as a pool of replicas serves them. Each reply was checked where its port is hosted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, cast

from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from treewright.cluster.pool import Pool

C = TypeVar("C", PolicyCall, ScorerCall)


class PooledPolicy(Policy):
    """The Policy port over a pool. Its calls name the prefix cache `cache`."""

    def __init__(self, pool: Pool, cache: str = "") -> None:
        self.pool = pool
        self.cache = cache

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`."""
        outcomes = await self.pool.ask([named(call, self.cache) for call in batch])
        return cast(list[PolicyReply | Failure], outcomes)

    async def close(self) -> None:
        """Stop the replicas, whoever else asks them."""
        await self.pool.close()


class PooledScorer(Scorer):
    """The Scorer port over a pool. Its calls name the prefix cache `cache`."""

    def __init__(self, pool: Pool, cache: str = "") -> None:
        self.pool = pool
        self.cache = cache

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`."""
        outcomes = await self.pool.ask([named(call, self.cache) for call in batch])
        return cast(list[ScorerReply | Failure], outcomes)

    async def close(self) -> None:
        """Stop the replicas, whoever else asks them."""
        await self.pool.close()


def named(call: C, cache: str) -> C:
    """The call with the name of its prefix cache."""
    return call if call.cache == cache else replace(call, cache=cache)
