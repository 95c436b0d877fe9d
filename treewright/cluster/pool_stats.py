"""The figures of a pool."""

from __future__ import annotations

from dataclasses import dataclass

from treewright.cluster.replica import Info


@dataclass(frozen=True, slots=True)
class PoolStats:
    """What a pool did so far, in calls.

    `retries`: asked again after a death. `duplicates`: replies that were not waited for any more.
    `lost_calls`: attempts whose reply never came, so that their tokens are unknown.
    `load`: in flight, by replica. `infos`: what each replica said of itself, empty until it has.
    `missing`: of each replica that has not come, why its last start failed; empty strings for the
    others.
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
