"""Where calls wait until a request takes them along: those of about the same time share one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from engines.engine import EngineError
from engines.http_client import HttpClient
from engines.http_fault import AT_FAULT, TOO_LARGE, HttpFault, Trouble
from engines.retrying import Late, Patience
from scorers.http_protocol import Asked, Unreadable, body, read
from scorers.whole import Whole
from search.core import Spent
from search.ports import Failure, FailureKind, ScorerReply

if TYPE_CHECKING:
    from scorers.http_config import HttpConfig

ITS_OWN = (*AT_FAULT, 500)
"""Statuses that one item may have brought upon the others: each is sent alone."""


@dataclass(frozen=True)
class Waiting:
    """A call that is to be sent, and who waits for its reply."""

    asked: Asked
    reply: asyncio.Future[ScorerReply | Failure]


class Desk:
    """Where calls wait until a request takes them along."""

    def __init__(
        self, config: HttpConfig, client: HttpClient, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.loop = loop
        self._config = config
        self._client = client
        self._patience = Patience(
            config.retries, config.timeout_s, Random(), client.url, "scorer.timeout_s"
        )
        self._room = asyncio.Semaphore(config.requests)
        self._waiting: list[Waiting] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Asked) -> ScorerReply | Failure:
        """The reply, when the request that took it along is answered."""
        waiting = Waiting(asked, self.loop.create_future())
        self._waiting.append(waiting)
        task = asyncio.ensure_future(self._send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return await waiting.reply

    async def close(self) -> None:
        """End what is under way, and the connections."""
        for task in tuple(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        for waiting in self._waiting:
            waiting.reply.cancel()
        self._waiting.clear()
        await self._client.close()

    async def _send(self) -> None:
        """Take along what waits by now; of several that were started for them the first does."""
        if len(self._waiting) < self._config.batch:
            await asyncio.sleep(self._config.wait_s)
        async with self._room:
            taken = self._waiting[: self._config.batch]
            del self._waiting[: len(taken)]
            wanted = [each for each in taken if not each.reply.done()]
            if wanted:
                await self._serve(wanted)

    async def _serve(self, taken: Sequence[Waiting]) -> None:
        try:
            replies = await self._exchange([each.asked for each in taken])
        except asyncio.CancelledError:
            for each in taken:
                each.reply.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            for each in taken:
                if not each.reply.done():
                    each.reply.set_exception(error)
            return
        for each, reply in zip(taken, replies, strict=True):
            if not each.reply.done():
                each.reply.set_result(reply)

    async def _exchange(self, items: Sequence[Asked]) -> list[ScorerReply | Failure]:
        try:
            return await self._patience.persist(
                lambda: exchange(self._client, items, self._config.prefix)
            )
        except Late as late:
            message, status, spent = str(late), 0, Spent(1)
        except HttpFault as fault:
            message, status = f"{self._patience.told(fault)}{hint(fault)}", fault.status
            spent = Spent(1) if fault.trouble is Trouble.GARBLED else Spent()
            if fault.trouble is Trouble.UNAUTHORISED:
                raise EngineError(f"the key is not taken any more: {message}") from fault
        if status in ITS_OWN and len(items) > 1:
            return [reply for item in items for reply in await self._exchange([item])]
        kind = FailureKind.INVALID if status == TOO_LARGE else FailureKind.UNAVAILABLE
        return [Failure.about(item.path, kind, message, spent) for item in items]


async def exchange(
    client: HttpClient, items: Sequence[Asked], rule: Whole
) -> list[ScorerReply | Failure]:
    """Ask once. Raises `HttpFault`."""
    try:
        return read(await client.post("", body(items)), items, rule)
    except Unreadable as unreadable:
        raise client.garbled(f"its answer is not by the protocol: {unreadable}") from unreadable


def hint(fault: HttpFault) -> str:
    """What to look at in the config, where a fault tells it."""
    if fault.trouble is Trouble.UNAUTHORISED:
        return "; scorer.api_key_env names the variable that holds the key"
    return "; is scorer.url whole, its path included?" if fault.status in (404, 405) else ""
