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
HEADINGS = (
    *("node", "GPU", "replica", "state", "running", "waiting", "tokens/s"),
    *("KV use", "cache hits", "preempted", "idle"),
)


@dataclass(frozen=True, slots=True)
class View:
    """`rows` by node and GPU, with a cell for each of `HEADINGS`; `more` are not shown.

    `sides`: how idle each is. `advice` may be None.
    """

    rows: tuple[tuple[str, ...], ...] = ()
    more: int = 0
    sides: tuple[str, ...] = ()
    advice: str | None = None

    def lines(self) -> Iterator[str]:
        """All of it in plain lines."""
        for row in self.rows:
            node, gpu, replica, state, *cells = row
            where = f"{node} GPU {gpu}" if gpu != DASH else node
            figures = zip(HEADINGS[4:], cells, strict=True)
            told = ", ".join(f"{name} {cell}" for name, cell in figures if cell != DASH)
            yield f"{where}: {replica} {state}{', ' if told else ''}{told}"
        yield from self.notes()

    def notes(self) -> Iterator[str]:
        """What is no row."""
        if self.more:
            yield f"and {self.more} more replicas"
        yield from self.sides
        if self.advice:
            yield self.advice


@dataclass(slots=True)
class Sight:
    """Looks at replicas again and again. `stats`: the figures now, by side."""

    stats: Callable[[], Mapping[str, PoolStats]]
    now: Callable[[], float] = time.monotonic
    _samples: deque[tuple[float, dict[tuple[str, int], int]]] = field(default_factory=deque)

    def look(self) -> View:
        """What they are doing now; nothing of replicas in this process."""
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
        rows = tuple(row(side, each, rates.get((side, each.number))) for side, each in here)
        sides = tuple(
            f"{side}: idle {percent(1 - pool.busy, 0)} %"
            for side, pool in found.items()
            if pool.busy is not None and any(one.node for one in pool.each)
        )
        return View(rows[:SHOWN], max(0, len(rows) - SHOWN), sides, advised(found))

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
