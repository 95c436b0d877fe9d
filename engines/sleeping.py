"""An engine that sleeps: it gives its GPU back, and takes it again, without being loaded anew."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Sleeping(Protocol):
    """An engine, or a port that has one, that can sleep. Asleep it answers nothing."""

    async def sleep(self) -> None:
        """Give back the memory of the GPU; weights are kept beside it, the prefix cache is not.

        Nothing may be in flight. Raises `EngineError`: it is of no use any more.
        """
        ...

    async def wake(self) -> None:
        """Return when it can answer again; so can one that is awake. Raises `EngineError`."""
        ...
