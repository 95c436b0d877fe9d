"""Coroutines from code that awaits nothing, also where an event loop is running: a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")


class Portal:
    """An event loop in a thread of its own, from the first use until it is closed.

    Any thread may use it.
    """

    def __init__(self) -> None:
        self._turn = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def run(self, work: Coroutine[object, object, T]) -> T:
        """What the coroutine returns or raises. An interrupt cancels it, and waits for its end."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def close(self) -> None:
        """End the thread, and what other threads wait for. Idempotent; the next use starts another.

        Those threads are told `concurrent.futures.CancelledError`.
        """
        with self._turn:
            if self._loop is None or self._thread is None:
                return
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None

    def abandon(self, last: Callable[[], Coroutine[object, object, None]]) -> None:
        """End after this coroutine, waiting for nothing: for a finalizer, in any thread."""
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(loop.create_task, _end(last, loop))

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._turn:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(
                    target=_serve, args=(self._loop,), name="treewright", daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _end(
    last: Callable[[], Coroutine[object, object, None]], loop: asyncio.AbstractEventLoop
) -> None:
    await last()
    await _cancel_all()
    loop.stop()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
