"""What a pool bears."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`max_restarts`: of one replica, in a row, without a reply in between.

    `call_timeout_s`: without a reply and without a step of its engine, while calls are in flight.
    `slack`: a problem stays at its replica until that has this many calls more than the least
    loaded; `siblings`: children of one path stay together for so many more. The wait before a
    restart doubles from `backoff_s`; the first restart is at once. `again_s`: after so long a slot
    that was given up is tried again, once, while others serve; the wait doubles from there.
    `silent_s`: a replica that gives no sign for so long is told.
    """

    calls_in_flight: int = 64
    max_restarts: int = 3
    call_timeout_s: float = 600.0
    start_timeout_s: float = 300.0
    slack: int = 8
    siblings: int = 4
    backoff_s: float = 0.5
    again_s: float = 60.0
    silent_s: float = 8.0

    def backoff(self, deaths: int) -> float:
        """Seconds before the next start, after so many deaths in a row: 0 first, then doubling."""
        return min(30.0, self.backoff_s * 2.0 ** (deaths - 2)) if deaths > 1 else 0.0
