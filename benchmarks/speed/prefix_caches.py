"""Simulated engines with prefix caches of their own, for `benchmarks.speed.affinity`."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.speed.overlap import BASE
from benchmarks.speed.scaling import parts
from benchmarks.speed.setting import BYTES_PER_TOKEN
from engines.token_clock import TokenClock
from policies.scripted import ScriptedPolicy
from scorers.scripted import ScriptedScorer
from search.core import Place, Prefix
from search.gather import gather
from search.ports import (
    Closing,
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)

PROMPT_TOKENS = 300
"""Of instructions and question, on both sides."""
CACHE_TOKENS = 65_536
"""What an engine's cache holds."""


class PrefixCache:
    """The prompts that one engine computed, step by step, up to so many bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[int, int] = OrderedDict()
        self._bytes = 0

    def take(self, path: Prefix) -> tuple[int, int]:
        """Bytes of the prompt that asks about a path, and those that were cached; all are now."""
        key, known, total, cached = hash(path.problem.id), True, 0, 0
        sizes = [PROMPT_TOKENS * BYTES_PER_TOKEN, *(len(step.token_ids) for step in path.steps)]
        for size, text in zip(sizes, ["", *(step.text for step in path.steps)], strict=True):
            key = hash((key, text))
            known = known and key in self._held
            total, cached = total + size, cached + size * known
            self._hold(key, size)
        return total, cached

    def _hold(self, key: int, size: int) -> None:
        if key not in self._held:
            self._bytes += size
        self._held[key] = size
        self._held.move_to_end(key)
        while self._bytes > self._most:
            self._bytes -= self._held.popitem(last=False)[1]


@dataclass
class Side:
    """What all replicas of one side were asked: bytes of prompts, and who had which family."""

    prompt: int = 0
    cached: int = 0
    families: dict[tuple[str, Place], Counter[int]] = field(default_factory=dict)
    replicas: int = 0

    def joined(self) -> int:
        """The number of a new replica."""
        self.replicas += 1
        return self.replicas

    def note(self, replica: int, cache: PrefixCache, path: Prefix, parent: Place) -> int:
        """Book a call; bytes of its prompt that are computed."""
        total, cached = cache.take(path)
        self.prompt += total
        self.cached += cached
        self.families.setdefault((path.problem.id, parent), Counter())[replica] += 1
        return total - cached

    @property
    def hits(self) -> float:
        """The share that was cached."""
        return self.cached / self.prompt


class CachingPolicy(Policy, Closing):
    """A simulated policy whose prompts take as long as what is not in its cache."""

    def __init__(self, side: Side, most: int) -> None:
        config, _ = parts(BASE)
        self._policy, self._clock = ScriptedPolicy(config), TokenClock(config.timing)
        self._side, self._cache, self._number = side, PrefixCache(most), side.joined()

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """See `Policy`."""
        return await gather(self._reply(call) for call in batch)

    async def _reply(self, call: PolicyCall) -> PolicyReply | Failure:
        (reply,) = await self._policy.extend([call])
        computed = self._side.note(self._number, self._cache, call.path, call.path.place)
        if isinstance(reply, PolicyReply):
            await self._clock.serve(computed, reply.spent.generated)
            self._cache.take(reply.path)  # what was generated is cached as well
        return reply


class CachingScorer(Scorer, Closing):
    """A simulated scorer, likewise."""

    def __init__(self, side: Side, most: int) -> None:
        _, config = parts(BASE)
        self._scorer, self._clock = ScriptedScorer(config), TokenClock(config.timing)
        self._side, self._cache, self._number = side, PrefixCache(most), side.joined()

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """See `Scorer`."""
        return await gather(self._reply(call) for call in batch)

    async def _reply(self, call: ScorerCall) -> ScorerReply | Failure:
        (reply,) = await self._scorer.judge([call])
        computed = self._side.note(self._number, self._cache, call.path, call.path.place[:-1])
        if isinstance(reply, ScorerReply):
            await self._clock.serve(computed, reply.spent.generated)
        return reply
