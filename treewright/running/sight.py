"""What replicas are doing, as a session shows it: a row each, by node and GPU."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from search.wording import DASH, percent, whole
from treewright.cluster.pool_stats import PoolStats, ReplicaStats
from treewright.running.replicas import advised

WINDOW_S = 5.0
"""Tokens per second are over so many."""
SHOWN = 16
"""The most rows that are shown; the rest are counted."""
HEADINGS = {
    "node": "node",
    "GPU": "GPU",
    "replica": "replica",
    "state": "state",
    "running": "run",
    "waiting": "wait",
    "tokens/s": "tok/s",
    "KV use": "KV",
    "cache hits": "hits",
    "preempted": "preempted",
    "idle": "idle",
}
"""What each cell is, and the same where there is little room."""


@dataclass(frozen=True, slots=True)
class View:
    """`rows` by node and GPU, with a cell for each of `HEADINGS`; `more` are not shown.

    `idle`: how much each side is. `advice` may be None.
    """

    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    idle: str = ""
    advice: str | None = None

    def lines(self) -> Iterator[str]:
        """All of it in plain lines."""
        for row in self.rows:
            node, gpu, replica, state, *cells = row
            where = f"{node} GPU {gpu}" if gpu != DASH else node
            figures = zip(list(HEADINGS)[4:], cells, strict=True)
            told = ", ".join(f"{name} {cell}" for name, cell in figures if cell != DASH)
            yield f"{where}: {replica} {state}{', ' if told else ''}{told}"
        yield from self.notes()

    def notes(self) -> Iterator[str]:
        """What is no row."""
        if self.more:
            yield f"and {self.more} more replicas"
        if self.idle:
            yield self.idle
        if self.advice:
            yield self.advice


@dataclass(slots=True)
class Sight:
    """Looks at replicas again and again. `stats`: the figures now, by side."""

    stats: Callable[[], Mapping[str, PoolStats]]
    now: Callable[[], float] = time.monotonic
    _samples: deque[tuple[float, dict[tuple[str, int], int]]] = field(default_factory=deque)

    def look(self, *, back: bool = False) -> View:
        """What they are doing now, or with `back` what they did all the while.

        Nothing of replicas in this process.
        """
        found = self.stats()
        here = [
            (side, each)
            for side, pool in found.items()
            for each in pool.each
            if any(one.node for one in pool.each)
        ]
        if not here:
            return View()
        rates = self._rates({(side, each.number): each.tokens for side, each in here})
        here.sort(key=lambda at: (not at[1].node, at[1].node, at[1].gpu, at[0], at[1].number))
        rows = tuple(
            mean_row(side, each) if back else row(side, each, rates.get((side, each.number)))
            for side, each in here
        )
        idle = ", ".join(
            f"{side} {share(1 - pool.busy)}"
            for side, pool in found.items()
            if pool.busy is not None and any(one.node for one in pool.each)
        )
        told = f"idle: {idle}" if idle else ""
        return View(rows[:SHOWN], max(0, len(rows) - SHOWN), told, advised(found))

    def _rates(self, tokens: dict[tuple[str, int], int]) -> dict[tuple[str, int], float]:
        """Tokens per second of each since a look some seconds ago; none at the first."""
        now, samples = self.now(), self._samples
        while len(samples) > 1 and now - samples[1][0] >= WINDOW_S:
            samples.popleft()
        samples.append((now, tokens))
        since, before = samples[0]
        if now <= since:
            return {}
        return {key: (count - before.get(key, 0)) / (now - since) for key, count in tokens.items()}


def mean_row(side: str, each: ReplicaStats) -> tuple[str, ...]:
    """The same over all its time: means, and the most of its KV cache."""
    engine = each.engine
    node, gpu, name, state, *_, hits, preempted, idle = row(side, each, None)
    return (
        *(node, gpu, name, state),
        whole(each.mean_running) if engine else DASH,
        whole(each.mean_waiting) if engine else DASH,
        whole(each.tokens / each.up_s) if each.up_s else DASH,
        share(each.kv_most if engine else None),
        *(hits, preempted, idle),
    )


def row(side: str, each: ReplicaStats, rate: float | None) -> tuple[str, ...]:
    """The cells of one replica."""
    engine = each.engine
    return (
        each.node or DASH,
        each.gpu or DASH,
        f"{side} {each.number}",
        each.state.value,
        whole(engine.running if engine else each.calls),
        whole(engine.waiting) if engine else DASH,
        DASH if rate is None else whole(rate),
        share(engine.kv_use if engine else None),
        share(engine.hit_share if engine else None),
        whole(engine.preemptions) if engine else DASH,
        share(None if each.busy is None else 1 - each.busy),
    )


def share(value: float | None) -> str:
    """`41 %`, or a dash where it is unknown."""
    return DASH if value is None else f"{percent(value, 0)} %"
