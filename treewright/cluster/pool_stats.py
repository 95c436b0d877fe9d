"""The figures of a pool."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engines.stats import EngineStats
from treewright.cluster.replica import Info


class State(StrEnum):
    """Where a slot's replica is."""

    PLACED = "waits for a place"
    STARTS = "starts"
    SERVES = "serves"
    LEAVES = "ends its calls"
    ASLEEP = "asleep"
    WAKES = "wakes"
    REPLACED = "is replaced"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """One replica, and those that were in its place before.

    `node`, `gpu`: where it is, empty where it has none of its own; `gpus`: how many it has.
    `computes_on`: what others may share with it, empty where it is nothing or unknown. `calls`: in
    flight. `engine`: its own numbers, None where it tells none. Its counts, `tokens` (written),
    `up_s` (seconds), `busy_s` (of these, at work), the means of the requests that ran and waited
    and the largest use of its KV cache are since the measuring began; see `Activity`.
    """

    number: int
    state: State
    node: str
    gpu: str
    gpus: float
    computes_on: str
    calls: int
    engine: EngineStats | None
    tokens: int
    up_s: float
    busy_s: float
    mean_running: float
    mean_waiting: float
    kv_most: float

    @property
    def busy(self) -> float | None:
        """The share of its time that it was at work; None before it had any."""
        return self.busy_s / self.up_s if self.up_s else None


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool did so far, in calls.

    `retries`: asked again after a death. `duplicates`: replies that were not waited for any more.
    `lost_calls`: attempts whose reply never came, so that their tokens are unknown.
    `load`: in flight, by replica. `infos`: what each replica said of itself, empty until it has.
    `missing`: of each replica that has not come, why its last start failed; empty strings for the
    others. `each`: what every replica is doing. `at_once`: how many calls one has at most; `room`:
    how many one computes side by side, None where nobody knows.
    """

    replies: int
    retries: int
    deaths: int
    duplicates: int
    lost_calls: int
    waiting: int
    in_flight: int
    alive: int
    load: tuple[int, ...]
    infos: tuple[Info, ...]
    missing: tuple[str, ...] = ()
    each: tuple[ReplicaStats, ...] = ()
    at_once: int = 0
    room: int | None = None

    @property
    def short(self) -> bool:
        """Whether a replica may have fewer calls than it computes side by side."""
        return self.room is not None and self.at_once < self.room

    @property
    def busy(self) -> float | None:
        """The share of all replicas' time in which they were at work; None before any was there."""
        up = sum(each.up_s for each in self.each)
        return sum(each.busy_s for each in self.each) / up if up else None
