"""Whose turn it is to start."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class StartLocks:
    """Replicas that share a GPU start one after another, all others at the same time.

    While it starts, vLLM takes whatever changes in the free memory of the whole device for its own
    doing (vLLM issue 55827): of two that start side by side one gets too small a cache, and the
    other fails.
    """

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._compiled: set[str] = set()

    @asynccontextmanager
    async def turn(self, shared: str | None) -> AsyncIterator[None]:
        """Hold what is shared while the block lasts; None shares nothing and waits for nobody."""
        if shared is None:
            yield
            return
        async with self._locks[shared]:
            yield

    @asynccontextmanager
    async def compiling(self, what: str | None) -> AsyncIterator[None]:
        """Be the first to compile this, or wait until another one has; None compiles nothing.

        The first to end without an error has compiled it; from then on all start at once.
        """
        if what is None or what in self._compiled:
            yield
            return
        async with self._locks[what]:
            if what not in self._compiled:
                yield
                self._compiled.add(what)
                return
        yield
