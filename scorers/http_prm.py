"""Judgements by a process reward model of one's own, over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from random import Random

from engines.address import UnfitServer
from engines.engine import EngineError
from engines.http_client import HttpClient, Transport
from engines.http_fault import HttpFault, Trouble
from engines.retrying import Late, Patience
from scorers.http_config import HttpConfig
from scorers.http_desk import Desk, exchange, hint
from scorers.http_protocol import Asked
from search.gather import gather
from search.ports import Failure, FailureKind, Scorer, ScorerCall, ScorerReply

log = logging.getLogger(__name__)


class HttpScorer(Scorer):
    """Asks a server. Calls that come at about the same time share a request."""

    def __init__(
        self, config: HttpConfig, key: str | None = None, transport: Transport | None = None
    ) -> None:
        self.config = config
        self._key = key
        self._transport = transport
        self._desk: Desk | None = None

    async def greet(self) -> None:
        """Ask about nothing, so that a wrong address or key is told once, and at the start.

        A server that is busy, or fails at an empty batch, may judge for all that. Raises
        `UnfitServer` or `EngineError`.
        """
        config = self.config
        client = HttpClient(config.url, self._key, self._transport)
        patience = Patience(
            config.retries, config.timeout_s, Random(), config.url, "scorer.timeout_s"
        )
        try:
            await patience.persist(lambda: exchange(client, [], config.prefix))
        except Late as late:
            log.warning("%s", late)
        except HttpFault as fault:
            told = f"{fault}{hint(fault)}"
            if fault.trouble is Trouble.UNREACHABLE:
                raise EngineError(told) from fault
            if fault.trouble is not Trouble.BUSY:
                raise UnfitServer(f"the scorer's server cannot be used: {told}") from fault
            log.warning("%s", told)
        finally:
            await client.close()

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`; a server that does not answer is a `Failure`.

        Raises `EngineError` where the key is not taken any more.
        """
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        path = call.path
        if not path.steps:
            return Failure.about(path, FailureKind.INVALID, "it has no steps to judge")
        if self.config.judges == "outcome" and not path.finished:
            message = "it is unfinished, this scorer judges ends"
            return Failure.about(path, FailureKind.INVALID, message)
        return await self._here().ask(Asked(path, call.seed))

    def _here(self) -> Desk:
        """That of the running event loop: connections belong to one."""
        loop = asyncio.get_running_loop()
        if self._desk is None or self._desk.loop is not loop:
            client = HttpClient(self.config.url, self._key, self._transport)
            self._desk = Desk(self.config, client, loop)
        return self._desk

    async def close(self) -> None:
        """Give the connections back. Idempotent."""
        desk, self._desk = self._desk, None
        if desk is not None and desk.loop is asyncio.get_running_loop():
            await desk.close()
