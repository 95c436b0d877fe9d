"""Several vLLM servers that serve one model: which one is asked, and which ones are down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engines.address import UnfitServer
from engines.engine import EngineError, Facts
from engines.http_fault import HttpFault, Trouble
from engines.vllm_server import Server

SLACK = 8
"""A server that knows a prompt is asked until it has so many requests more than another."""
DOWN_S = 5.0
"""Seconds after which a server that was down is asked whether it is back."""

log = logging.getLogger(__name__)


class Fleet:
    """Servers, and what each has to do; at least one of them was looked at."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = tuple(servers)
        self.name = ", ".join(each.url for each in servers)
        facts = [each.facts for each in servers if each.facts]
        self.model = facts[0].name
        self.max_model_len = min(each.max_model_len for each in facts)
        self._asking: set[asyncio.Task[None]] = set()

    def describe(self) -> Facts:
        """What serves, and where."""
        return {"model": self.model, "device": self.name}

    async def choose(self, prompt: Sequence[int]) -> Server:
        """The server that knows the longest beginning of a prompt and has not much more to do.

        Raises `HttpFault` where all are down.
        """
        await self._revive()
        up = [each for each in self.servers if each.down_since is None]
        if not up:
            told = "; ".join(each.down_because for each in self.servers)
            raise HttpFault(Trouble.UNREACHABLE, told)
        least = min(each.load for each in up)
        free = [each for each in up if each.load <= least + SLACK]
        return max(free, key=lambda each: (each.known.length(prompt), -each.load))

    @contextmanager
    def serving(self, server: Server, prompt: Sequence[int]) -> Iterator[None]:
        """While the block lasts a server has one request more."""
        server.load += 1
        server.known.add(prompt)
        try:
            yield
        finally:
            server.load -= 1

    async def examine(self, server: Server, why: str) -> None:
        """A connection to it broke: it is left out if it is dead."""
        if server.down_since is not None or await server.is_healthy():
            return
        if server.down_since is None:  # of many requests that broke one tells it
            server.down_since, server.down_because = time.monotonic(), why
            server.known.clear()
            log.warning("%s; it is left out until it is back", why)

    async def any_up(self) -> bool:
        """Whether any server answers, the dead ones asked again."""
        await asyncio.gather(*map(self._ask_back, self._down()))
        return len(self._down()) < len(self.servers)

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self.servers))

    def _down(self) -> list[Server]:
        return [each for each in self.servers if each.down_since is not None]

    async def _revive(self) -> None:
        """Ask those that were down long enough whether they are up; wait only where none is."""
        down = self._down()
        if len(down) == len(self.servers):
            await asyncio.gather(*map(self._ask_back, down))
            return
        now = time.monotonic()
        for server in down:
            if now - (server.down_since or now) >= DOWN_S:
                server.down_since = now  # who looks next does not ask at once again
                task = asyncio.create_task(self._ask_back(server))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _ask_back(self, server: Server) -> None:
        if not await server.is_healthy():
            return
        try:
            facts = server.facts or await server.look()
        except (EngineError, UnfitServer) as fault:
            server.down_because = str(fault)
            log.warning("%s; it is left out", fault)
            return
        if facts.max_model_len < self.max_model_len:
            server.facts, server.down_because = None, f"{server.url}: its context is shorter"
            return
        server.down_since = None
        log.warning("%s is back", server.url)
