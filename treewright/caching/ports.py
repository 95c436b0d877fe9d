"""The two ports with a cache before them: what it has is not asked again, and costs nothing now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from weakref import WeakValueDictionary

from search.core import Missing, Spent
from search.gather import gather
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from search.replies import reply_to
from treewright.caching.keys import reply_key, with_seed
from treewright.caching.store import StoredPart
from treewright.journal.codec import (
    decode_policy_reply,
    decode_scorer_reply,
    encode_policy_reply,
    encode_scorer_reply,
)
from treewright.journal.records import BadRecord, dumps, parsed
from treewright.ledger import known


class Keeps(Protocol):
    """Values by key, for a while."""

    async def get(self, key: bytes) -> bytes | None:
        """The value under a key, None where there is none."""
        ...

    async def put(self, key: bytes, part: StoredPart, value: bytes) -> None:
        """Keep a value, where that can be done."""
        ...


class RecalledReplies:
    """The replies of one part, as a store keeps them."""

    def __init__(self, store: Keeps, part: StoredPart) -> None:
        self.store = store
        self.part = part
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def key(self, call: PolicyCall | ScorerCall) -> bytes:
        """That of a reply which no seed could change."""
        return reply_key(self.part, call)

    def one_at_a_time(self, key: bytes) -> asyncio.Lock:
        """A lock for calls that ask the same, seed aside: the second may have the first's reply."""
        return self._locks.setdefault(key, asyncio.Lock())

    async def find(
        self, key: bytes, call: PolicyCall | ScorerCall, *, sampled: bool
    ) -> PolicyReply | ScorerReply | None:
        """The reply that was kept, as one that costs nothing now; None where there is none.

        `sampled`: one that was sampled under the call's seed, not one that no seed could change.
        """
        value = await self.store.get(with_seed(key, call.seed) if sampled else key)
        reply = None if value is None else decoded(value, call)
        if reply is None:
            return None
        return replace(reply, spent=reply.spent.as_recalled(), sampled=sampled)

    async def keep(
        self, key: bytes, call: PolicyCall | ScorerCall, reply: PolicyReply | ScorerReply
    ) -> None:
        """Keep a reply that was made."""
        if isinstance(reply, PolicyReply):
            data = encode_policy_reply(reply, len(call.path.steps))
        else:
            data = encode_scorer_reply(reply)
        key = with_seed(key, call.seed) if reply.sampled else key
        await self.store.put(key, self.part, dumps(data))


class CachedPolicy(Policy):
    """A policy whose greedy draws are kept. Others are independent draws, and made.

    `greedy`: all draws are.
    """

    def __init__(self, policy: Policy, replies: RecalledReplies, *, greedy: bool) -> None:
        self.policy = policy
        self.replies = replies
        self.greedy = greedy

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`."""
        return await gather(self._draw(call) for call in batch)

    async def _draw(self, call: PolicyCall) -> PolicyReply | Failure:
        if not (self.greedy or call.greedy):
            (made,) = await self.policy.extend([call])
            return made
        key = self.replies.key(call)
        async with self.replies.one_at_a_time(key):
            return await self._draw_greedily(key, call)

    async def _draw_greedily(self, key: bytes, call: PolicyCall) -> PolicyReply | Failure:
        found = await self.replies.find(key, call, sampled=False)
        if isinstance(found, PolicyReply):
            return found
        (made,) = await self.policy.extend([call])
        if isinstance(made, PolicyReply) and not made.sampled and was_made(made.spent):
            await self.replies.keep(key, call, made)
        return made

    async def close(self) -> None:
        """Free the policy behind it."""
        await self.policy.close()


class CachedScorer(Scorer):
    """A scorer whose judgements are kept: those that were sampled, for the same seed only.

    A judgement that the model did not give is kept as the missing one that it is; what failed in
    infrastructure is not kept.
    """

    def __init__(self, scorer: Scorer, replies: RecalledReplies) -> None:
        self.scorer = scorer
        self.replies = replies

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`."""
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        key = self.replies.key(call)
        async with self.replies.one_at_a_time(key):
            return await self._judge_once(key, call)

    async def _judge_once(self, key: bytes, call: ScorerCall) -> ScorerReply | Failure:
        for sampled in (False, True):
            found = await self.replies.find(key, call, sampled=sampled)
            if isinstance(found, ScorerReply):
                return found
        (made,) = await self.scorer.judge([call])
        if isinstance(made, ScorerReply) and was_made(made.spent) and is_lasting(made):
            await self.replies.keep(key, call, made)
        return made

    async def close(self) -> None:
        """Free the scorer behind it."""
        await self.scorer.close()


def was_made(spent: Spent) -> bool:
    """Whether a model was asked, and it is known what that cost, which is charged again.

    Nothing else is worth keeping, an inherited judgement say.
    """
    return spent.calls > 0 and spent.recalled == 0 and known(spent)


def is_lasting(reply: ScorerReply) -> bool:
    """Whether asking again would give the same."""
    prefix = reply.judgement.prefix
    return not (isinstance(prefix, Missing) and prefix.transient)


def decoded(value: bytes, call: PolicyCall | ScorerCall) -> PolicyReply | ScorerReply | None:
    """The reply that a value holds, None where it holds none that could answer the call."""
    try:
        data = parsed(value)
        reply: PolicyReply | ScorerReply = (
            decode_policy_reply(data, call)
            if isinstance(call, PolicyCall)
            else decode_scorer_reply(data, len(call.path.steps))
        )
    except (BadRecord, ValueError):
        return None
    fit = reply_to(call, [reply])
    return None if isinstance(fit, Failure) else fit
