"""How a double sleeps: it refuses to work, and takes its time to wake."""

from __future__ import annotations

import asyncio

from engines.engine import EngineError


class ScriptedSleep:
    """A part that sleeps as an engine does. What it is asked while it sleeps is its death."""

    asleep = False
    wake_seconds = 0.0

    async def sleep(self) -> None:
        """See `engines.sleeping.Sleeping`."""
        self.asleep = True

    async def wake(self) -> None:
        """See `engines.sleeping.Sleeping`; it takes `wake_seconds`."""
        if self.asleep:
            await asyncio.sleep(self.wake_seconds)
        self.asleep = False

    def check_awake(self) -> None:
        """Raises `EngineError` while it sleeps."""
        if self.asleep:
            raise EngineError("it was asked something while it slept")
