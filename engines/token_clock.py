"""A simulated engine's time: how long tokens take, and requests that wait as long.

For scheduling experiments and speed benchmarks without a model; any double that generates tokens
can run on a `TokenClock`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TypeAlias

from search.checks import UNCOUNTED, check_count, check_number

Running: TypeAlias = tuple[float, int, "asyncio.Future[None]"]
"""A decoding request: the progress at which it is done, its number, who waits."""


@dataclass(frozen=True)
class Timing:
    """How long tokens take on a simulated engine.

    While b requests decode, each gets a token at every step, which takes
    `decode_seconds + batch_seconds * b` (processor sharing).
    """

    prefill_seconds: float = 2e-5
    """Seconds that a prompt token takes that is not cached."""
    decode_seconds: float = 0.012
    """Seconds of each step of the engine, however many requests decode."""
    batch_seconds: float = 1e-4
    """Seconds that each request that decodes adds to a step."""
    slots: int = 64
    """How many requests are served at once; the others wait in order."""
    wake_seconds: float = field(default=2.0, metadata=UNCOUNTED)
    """Seconds that the engine takes to wake where it slept (`cluster.elastic`)."""
    speed: float = 1.0
    """All of these times pass so many times faster."""

    def __post_init__(self) -> None:
        check_number("prefill_seconds", self.prefill_seconds)
        check_number("decode_seconds", self.decode_seconds)
        check_number("batch_seconds", self.batch_seconds)
        check_number("wake_seconds", self.wake_seconds)
        check_count("slots", self.slots)
        check_number("speed", self.speed, low=1e-6)

    def token_seconds(self, running: int) -> float:
        """Seconds between two tokens of a request while `running` requests decode."""
        return (self.decode_seconds + self.batch_seconds * running) / self.speed


class TokenClock:
    """Makes requests wait as long as they would take on one engine that they share."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self._slots = asyncio.Semaphore(timing.slots)
        self._running: list[Running] = []
        self._numbers = count()
        self._progress = 0.0
        """Tokens that a request would have got had it decoded from the beginning."""
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def serve(self, prefill: int, decode: int) -> None:
        """Return when a request of `prefill` uncached and `decode` new tokens is done."""
        async with self._slots:
            await asyncio.sleep(prefill * self.timing.prefill_seconds / self.timing.speed)
            self._advance()
            waiter = asyncio.get_running_loop().create_future()
            request = (self._progress + decode, next(self._numbers), waiter)
            heappush(self._running, request)
            self._set_timer()
            try:
                await waiter
            except asyncio.CancelledError:
                self._remove(request)
                raise

    def _remove(self, request: Running) -> None:
        if request in self._running:
            self._advance()
            self._running.remove(request)
            heapify(self._running)
            self._set_timer()

    def _advance(self) -> None:
        """Bring the progress up to now; the set of running requests was constant since the last."""
        now = asyncio.get_running_loop().time()
        seconds = self.timing.token_seconds(len(self._running))
        if self._running and seconds:
            self._progress += (now - self._since) / seconds
        self._since = now

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._running:
            left = max(0.0, self._running[0][0] - self._progress)
            delay = left * self.timing.token_seconds(len(self._running))
            self._timer = asyncio.get_running_loop().call_later(delay, self._finish)

    def _finish(self) -> None:
        self._advance()
        # The first is done by definition; the clock may be a rounding error short of it.
        self._progress = max(self._progress, self._running[0][0])
        while self._running and self._running[0][0] <= self._progress:
            *_, waiter = heappop(self._running)
            if not waiter.done():
                waiter.set_result(None)
        self._set_timer()
