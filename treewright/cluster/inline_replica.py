"""A replica in this process and event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engines.stats import EngineStats
from treewright.cluster.replica import (
    Build,
    Call,
    Info,
    Outcome,
    Port,
    PortHost,
    ReplicaDied,
    Spot,
    build_port,
    describe,
)


class InlineReplica:
    """A replica in this process and event loop: for doubles, and for tests of the pool.

    `ready` hears of each port that was built.
    """

    def __init__(self, build: Build, ready: Callable[[Port], None] = lambda port: None) -> None:
        self._build = build
        self._ready = ready
        self._host: PortHost | None = None
        self._dead: str | None = None

    async def prepare(self) -> str | None:
        """It takes no place of its own."""
        return None

    def compiles(self) -> str | None:
        """Doubles compile nothing."""
        return None

    async def start(self) -> Info:
        """See `Replica.start`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        port = await build_port(self._build)
        self._host = PortHost(port)
        self._ready(port)
        if self._dead is not None:
            raise ReplicaDied(self._dead)
        return {**describe(port), "seconds": loop.time() - began}

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """See `Replica.submit`."""
        if self._host is not None and self._dead is None:
            self._host.submit(batch)

    async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
        """See `Replica.poll`."""
        if self._host is None:
            raise ReplicaDied(self._dead or "not started")
        return await self._host.poll(wait_s)

    def steps(self) -> int:
        """See `Replica.steps`."""
        return self._host.steps() if self._host is not None else 0

    def stats(self) -> EngineStats | None:
        """See `Replica.stats`."""
        return self._host.stats() if self._host is not None else None

    def spot(self) -> Spot:
        """It has no place of its own."""
        return Spot()

    def abort(self, ids: Sequence[int]) -> None:
        """See `Replica.abort`."""
        if self._host is not None:
            self._host.abort(ids)

    async def sleep(self) -> None:
        """See `Replica.sleep`."""
        await self._alive().sleep()

    async def wake(self) -> None:
        """See `Replica.wake`."""
        await self._alive().wake()

    def _alive(self) -> PortHost:
        if self._host is None or self._dead is not None:
            raise ReplicaDied(self._dead or "not started")
        return self._host

    async def stop(self) -> None:
        """See `Replica.stop`."""
        self.kill("stopped")
        if self._host is not None:
            await self._host.close()

    def kill(self, cause: str = "killed", *, explained: bool = False) -> None:
        """Die as a process does: nothing in flight is answered, and the next `poll` raises."""
        self._dead = self._dead or cause
        if self._host is not None:
            self._host.kill(cause, explained=explained)
