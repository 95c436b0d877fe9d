"""What a run held of GPUs, over all its sessions: in its journal, as readings of a meter.

The seconds of a meter are dealt out evenly among the runs that are worked on meanwhile; the time
that the engines of several runs took to start is that of the runs that begin first. A session that
is killed loses what it held since its last reading, `EVERY_S` at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from treewright.cluster.gpu_meter import GpuMeter
from treewright.journal.journal import Journal

GPUS = "gpus"
"""The kind of the journal's records that hold GPU-seconds; each session has a key of its own."""
EVERY_S = 60.0
"""How often a session records what it held so far."""


class SharedGpus:
    """Deals out the time of a site's GPUs among the sessions at it."""

    def __init__(self, meter: GpuMeter | None = None) -> None:
        self.meter = meter or GpuMeter()
        self._dealt = 0.0
        self._parts: dict[Journal, float] = {}

    @asynccontextmanager
    async def held(self, journal: Journal) -> AsyncIterator[None]:
        """While the block lasts a session works on the run of this journal.

        Inside another such block this one adds nothing.
        """
        if journal in self._parts:
            yield
            return
        key = uuid4().hex
        self._deal()
        self._parts[journal] = 0.0
        self._deal()  # what was held before the first session came
        noting = asyncio.create_task(self._note_again(journal, key))
        try:
            yield
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)  # what it met, this meets too
            await self._note(journal, key)
            del self._parts[journal]

    async def _note_again(self, journal: Journal, key: str) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._note(journal, key)

    async def _note(self, journal: Journal, key: str) -> None:
        self._deal()
        if seconds := self._parts[journal]:
            await journal.append(GPUS, key, {"seconds": round(seconds, 3)})

    def _deal(self) -> None:
        """Give each session its part of what was held since the last time."""
        if self._parts:
            total = self.meter.seconds
            part = (total - self._dealt) / len(self._parts)
            self._dealt = total
            for journal in self._parts:
                self._parts[journal] += part


def gpu_seconds(journal: Journal) -> float | None:
    """What all sessions of a run held; None where none of them had a GPU, or nobody counted."""
    readings = journal.latest(GPUS)
    return sum(float(data["seconds"]) for data in readings.values()) if readings else None
