"""Several things awaited at once: all of them, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather(work: Iterable[Awaitable[T]]) -> list[T]:
    """Await all; on the first exception cancel the rest, wait until they are gone, and raise it.

    So it is where `work` itself raises, when some of it is under way. What is there already is
    returned without a turn of the event loop.
    """
    tasks: list[asyncio.Future[T]] = []
    try:
        for item in work:
            tasks.append(asyncio.ensure_future(item))
        if all(map(_there, tasks)):
            return [task.result() for task in tasks]
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def settled(value: T) -> asyncio.Future[T]:
    """What is known already, to be awaited: a replay of many replies needs no task for each."""
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def _there(task: asyncio.Future[T]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
