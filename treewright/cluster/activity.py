"""What the replicas of one slot have been doing since the measuring began."""

from __future__ import annotations

from dataclasses import dataclass

from engines.stats import EngineStats


@dataclass(eq=False, slots=True)
class Activity:
    """How long a slot had a replica, how much of that it was at work, and what it wrote.

    At work is a share: of the `room` for calls that one replica computes side by side, as much as
    was taken, 1 at most. It is the engine's own count of requests where that is known, of which a
    call may be several, else the calls in flight. Where nobody knows the room, any call is all.
    """

    room: int | None = None
    up_s: float = 0.0
    """Seconds in which a replica was there."""
    busy_s: float = 0.0
    """The same, each by the share that was at work."""
    running_s: float = 0.0
    """The same, each by the requests that its engine ran."""
    waiting_s: float = 0.0
    """The same, each by the requests that waited in its engine."""
    kv_most: float = 0.0
    """The largest share of its KV cache that was in use."""
    generated: int = 0
    """Tokens of the replies."""
    engine: EngineStats | None = None
    """Of all engines that were here; None where they tell nothing."""
    last: EngineStats | None = None
    """What the present one said last."""

    def renewed(self) -> None:
        """Another replica is here, whose engine counts from 0."""
        self.last = None

    def measure(self) -> None:
        """Count from now."""
        self.up_s = self.busy_s = self.running_s = self.waiting_s = self.kv_most = 0.0
        self.generated, self.engine = 0, None

    def heard(self, seconds: float, calls: int, stats: EngineStats | None) -> None:
        """Take in one poll: how long it took, what was in flight, and what the engine said."""
        self.up_s += seconds
        self.busy_s += seconds * self.share(calls, stats)
        if stats is not None:
            news = stats.since(self.last or EngineStats())
            self.engine = news.counted_on(self.engine or EngineStats())
            self.last = stats
            self.running_s += seconds * stats.running
            self.waiting_s += seconds * stats.waiting
            self.kv_most = max(self.kv_most, stats.kv_use)

    def share(self, calls: int, stats: EngineStats | None) -> float:
        """How much of it is at work, from 0 to 1."""
        if not calls:
            return 0.0  # what an engine said when it was last asked may be old
        if self.room is None:
            return 1.0
        at_work = calls if stats is None else stats.running + stats.waiting
        return min(1.0, at_work / self.room)

    @property
    def tokens(self) -> int:
        """That were written: as the engine counts them, or else the replies."""
        return self.generated if self.engine is None else self.engine.generated
