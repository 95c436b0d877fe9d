"""A store that an event loop asks: on a thread of its own, and never the end of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from treewright.caching.faults import StoreError
from treewright.caching.store import ReplyStore, StoredPart

T = TypeVar("T")


class Keeper:
    """Replies by key. What is wrong with the store is told once; from then on it has nothing."""

    def __init__(self, file: Path | None, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._thread = ThreadPoolExecutor(1, "treewright-cache")
        self._store: ReplyStore | None = None
        self._file = file
        self._given_up = False

    async def open(self) -> bool:
        """Open the store, or tell why there is none. Returns whether there is one."""
        try:
            self._store = await self._on_thread(lambda: ReplyStore(self._file))
        except StoreError as error:
            self._give_up(error)
        return self._store is not None

    async def close(self) -> None:
        """Idempotent."""
        store, self._store = self._store, None
        if store is not None:
            await self._on_thread(store.close)
        self._thread.shutdown(wait=False)

    async def get(self, key: bytes) -> bytes | None:
        """The value under a key, None where there is none."""
        store = self._store
        if store is None:
            return None
        try:
            return await self._on_thread(lambda: store.get(key))
        except StoreError as error:
            self._give_up(error)
            return None

    async def put(self, key: bytes, part: StoredPart, value: bytes) -> None:
        """Keep a value, where that can be done."""
        store = self._store
        if store is None:
            return
        try:
            await self._on_thread(lambda: store.put(key, part, value))
        except StoreError as error:
            self._give_up(error)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _give_up(self, error: StoreError) -> None:
        if not self._given_up:
            self._tell(f"{error}; going on without it")
        store, self._store, self._given_up = self._store, None, True
        if store is not None:
            self._thread.submit(store.close)
