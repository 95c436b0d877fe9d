"""Whether a replica answers, told apart from whether this process was there to hear it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from treewright.cluster.replica import Outcome, Replica, ReplicaHung


@asynccontextmanager
async def in_time(limit_s: float, what: str) -> AsyncIterator[None]:
    """Raises `ReplicaHung`, that says `what` within which time, when the block takes longer."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError as error:
        raise ReplicaHung(f"{what} within {limit_s:g} s") from error


async def poll_in_time(
    replica: Replica,
    wait_s: float,
    limit_s: float,
    silent_s: float = float("inf"),
    silent: Callable[[], None] = lambda: None,
) -> list[tuple[int, Outcome]]:
    """One poll of up to `wait_s` seconds; after `silent_s` without an answer `silent` is called.

    Where this process itself stood still (stopped by Ctrl-Z, or held up by an inline port), the
    answer is waiting and the replica is not to blame.

    Raises:
        ReplicaHung: it did not even answer this within `limit_s`.
        ReplicaDied: as the poll does.
    """
    poll = asyncio.ensure_future(replica.poll(wait_s))
    try:
        left = limit_s
        if silent_s < limit_s and not await _ended(poll, silent_s, wait_s):
            silent()
            left -= silent_s
        if not await _ended(poll, left, wait_s):
            raise ReplicaHung(f"it gave no sign for {limit_s:g} s")
        return poll.result()
    finally:
        poll.cancel()


async def _ended(
    poll: asyncio.Future[list[tuple[int, Outcome]]], limit_s: float, wait_s: float
) -> bool:
    """Whether it ends within the limit, which begins anew where this process stood still."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + limit_s
        if (await asyncio.wait({poll}, timeout=limit_s))[0]:
            return True
        if loop.time() < due + wait_s:
            return False
