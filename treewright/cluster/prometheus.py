"""An actor's numbers as metrics of Ray, which its dashboard's Prometheus reads from each node.

Ray puts `ray_` before each name, and tags of its own beside `side`: the node and the worker, which
tell replicas apart. To import this module call `load_ray` of `treewright.cluster.cluster`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ray.experimental import internal_kv
from ray.util.metrics import Counter, Gauge

from engines.stats import EngineStats

EVERY_S = 1.0
"""How often the metrics change at most: polls come much oftener."""
GAUGES = {
    "running_requests": "Requests that the engine runs.",
    "waiting_requests": "Requests that wait in the engine.",
    "kv_cache_use": "Share of the KV cache that is in use, from 0 to 1.",
    "calls": "Calls in flight at the replica.",
}
COUNTERS = {
    "generated_tokens": "Tokens written.",
    "prompt_tokens": "Prompt tokens computed, not taken from the prefix cache.",
    "prefix_cache_asked_tokens": "Prompt tokens that the prefix cache was asked for.",
    "prefix_cache_hit_tokens": "Prompt tokens that the prefix cache had.",
    "preemptions": "Running requests set back for want of KV cache.",
}


class Exported:
    """The metrics of one replica of a side, `policy` or `scorer`."""

    def __init__(
        self,
        side: str,
        gauge: Callable[..., Any] = Gauge,
        counter: Callable[..., Any] = Counter,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        def made(kind: Callable[..., Any], told: Mapping[str, str]) -> dict[str, Any]:
            return {
                name: kind(f"treewright_{name}", about, ("side",)) for name, about in told.items()
            }

        self._tags = {"side": side}
        self._gauges, self._counters = made(gauge, GAUGES), made(counter, COUNTERS)
        self._now, self._due = now, 0.0
        self._last = EngineStats()

    def tell(self, calls: int, stats: EngineStats | None) -> None:
        """Take in what a poll found; most of the time nothing is done."""
        now = self._now()
        if now < self._due:
            return
        self._due = now + EVERY_S
        self._gauges["calls"].set(calls, self._tags)
        if stats is None:
            return
        for name, value in gauges(stats).items():
            self._gauges[name].set(value, self._tags)
        for name, count in counts(stats.since(self._last)).items():
            if count:  # a counter takes no 0
                self._counters[name].inc(count, self._tags)
        self._last = stats


def gauges(stats: EngineStats) -> dict[str, float]:
    """What is so now."""
    return {
        "running_requests": stats.running,
        "waiting_requests": stats.waiting,
        "kv_cache_use": stats.kv_use,
    }


def counts(stats: EngineStats) -> dict[str, int]:
    """What is added up."""
    return {
        "generated_tokens": stats.generated,
        "prompt_tokens": stats.read,
        "prefix_cache_asked_tokens": stats.asked,
        "prefix_cache_hit_tokens": stats.hits,
        "preemptions": stats.preemptions,
    }


def has_dashboard() -> bool:
    """Whether this cluster's Ray has a dashboard; asked in an actor."""
    try:
        return bool(internal_kv._internal_kv_get("webui:url", namespace="dashboard"))
    except Exception:  # noqa: BLE001 - whatever Ray says, a run does without
        return False
