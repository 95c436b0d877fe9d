"""What a server counts, as Prometheus reads it. No question, no answer and no key is in it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from search.core import Spent
from treewright.serving.admission import Queue

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of one server."""

    def __init__(self, queue: Queue) -> None:
        self._registry = CollectorRegistry()
        here = self._registry
        self.requests = Counter(
            "treewright_requests", "Chat requests by how they ended.", ["outcome"], registry=here
        )
        self.seconds = Histogram(
            "treewright_request_seconds", "Seconds to an answer.", buckets=SECONDS, registry=here
        )
        self.early = Counter(
            "treewright_best_so_far", "Answers that a deadline or a budget ended.", registry=here
        )
        self._tokens = Counter(
            "treewright_tokens",
            "Tokens that calls are known to have cost, by side and kind.",
            ["side", "kind"],
            registry=here,
        )
        self._uncounted = Counter(
            "treewright_calls_uncounted",
            "Calls whose tokens nobody told: taken back, failed, or of a server that tells none.",
            ["side"],
            registry=here,
        )
        running = Gauge(
            "treewright_searches_running", "Questions that are searched.", registry=here
        )
        running.set_function(lambda: queue.running)
        waiting = Gauge("treewright_searches_waiting", "Questions that wait.", registry=here)
        waiting.set_function(lambda: queue.waiting)

    def spent(self, side: str, spent: Spent) -> None:
        """Book what a reply cost at one side."""
        for kind in ("prompt", "cached", "generated"):
            self._tokens.labels(side, kind).inc(getattr(spent, kind))

    def uncounted(self, side: str, calls: int) -> None:
        """Book calls whose cost is unknown."""
        self._uncounted.labels(side).inc(calls)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
