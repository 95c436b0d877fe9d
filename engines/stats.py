"""How an engine is doing, in its own numbers: what runs, what waits, what its caches do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class EngineStats:
    """The numbers of one engine, or of several together.

    Now: `running` and `waiting` requests, and `kv_use`, the share of its KV cache that is in use,
    from 0 to 1. Since it started: tokens `generated`, prompt tokens `read` (computed, not taken
    from the prefix cache), prompt tokens that the prefix cache was `asked` for and those that it
    had (`hits`), and `preemptions` of a running request for want of cache.
    """

    running: int = 0
    waiting: int = 0
    kv_use: float = 0.0
    generated: int = 0
    read: int = 0
    asked: int = 0
    hits: int = 0
    preemptions: int = 0

    @property
    def hit_share(self) -> float | None:
        """Of the prompt tokens, those that the prefix cache had; None before it was asked."""
        return self.hits / self.asked if self.asked else None

    def counted_on(self, earlier: EngineStats) -> EngineStats:
        """These numbers, with all that was counted before added."""
        return self._counts(earlier, 1)

    def since(self, earlier: EngineStats) -> EngineStats:
        """These numbers, counting from an earlier moment of the same engine."""
        return self._counts(earlier, -1)

    def beside(self, other: EngineStats) -> EngineStats:
        """Two engines as one: the fuller cache is what holds both up."""
        return replace(
            self._counts(other, 1),
            running=self.running + other.running,
            waiting=self.waiting + other.waiting,
            kv_use=max(self.kv_use, other.kv_use),
        )

    def _counts(self, other: EngineStats, sign: int) -> EngineStats:
        return replace(
            self,
            generated=self.generated + sign * other.generated,
            read=self.read + sign * other.read,
            asked=self.asked + sign * other.asked,
            hits=self.hits + sign * other.hits,
            preemptions=self.preemptions + sign * other.preemptions,
        )


@runtime_checkable
class Metered(Protocol):
    """An engine, or a port that has one, that can say how it is doing."""

    def engine_stats(self) -> EngineStats | None:
        """Its numbers now; None where it cannot tell, or has not yet."""
        ...


def stats_of(part: object) -> EngineStats | None:
    """What an engine or a port says of itself; None where it cannot."""
    return part.engine_stats() if isinstance(part, Metered) else None


def together(parts: Iterable[object]) -> EngineStats | None:
    """Of several parts, all that tell, as one; None where none does."""
    told = [stats for part in parts if (stats := stats_of(part)) is not None]
    return reduce(EngineStats.beside, told) if told else None
