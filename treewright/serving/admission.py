"""Who is searched now and who waits: bounded, in the order of asking."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from treewright.serving.faults import draining, full

REMEMBERED = 32
"""How many searches say how long one takes."""


class Queue:
    """At most `at_once` are searched, and at most `waiting` wait for it."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self.at_once, self.most = at_once, waiting
        self.draining = False
        """Whether no other is let in."""
        self.inside = 0
        self._turns = asyncio.Semaphore(at_once)
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return max(0, self.inside - self.at_once)

    @property
    def running(self) -> int:
        """How many are searched."""
        return min(self.inside, self.at_once)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue until its search has ended. Raises `ApiFault`: there is none."""
        if self.draining:
            raise draining()
        if self.inside >= self.at_once + self.most:
            raise full(self.waiting, self._next())
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    async def turn(self) -> Turn:
        """Wait until it is searched."""
        await self._turns.acquire()
        return Turn(self, asyncio.get_running_loop().time())

    def took(self, seconds: float) -> None:
        """A search has ended."""
        self._took.append(seconds)
        self._turns.release()

    def _next(self) -> float:
        """Seconds until a place is free, as far as is known."""
        return sum(self._took) / len(self._took) / self.at_once if self._took else 1.0


class Turn:
    """One search's turn, until it is `over`."""

    def __init__(self, queue: Queue, began: float) -> None:
        self._queue, self._began = queue, began

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: object) -> None:
        self._queue.took(asyncio.get_running_loop().time() - self._began)
