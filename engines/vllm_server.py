"""One running vLLM: what it said of itself, and its answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from engines.engine import Generation, Refused, Request
from engines.http_client import HttpClient
from engines.http_fault import HttpFault
from engines.prefix_affinity import Known
from engines.vllm_wire import (
    GENERATE,
    Unlike,
    completions_body,
    generate_body,
    generation,
    path_of,
    sampling_fields,
)

HEALTH_S = 5.0
"""Seconds in which a server that lives says so."""


@dataclass(frozen=True)
class ServerFacts:
    """What a server said before the first request.

    `path` is where it is asked; `counts_cached` whether it tells how much of a prompt was cached.
    """

    name: str
    max_model_len: int
    path: str
    counts_cached: bool


class Server:
    """A server: `facts` once it was looked at, `down_since` by the clock while it is down."""

    def __init__(
        self, client: HttpClient, look: Callable[[HttpClient], Awaitable[ServerFacts]]
    ) -> None:
        self.url = client.url
        self.facts: ServerFacts | None = None
        self.known = Known()
        self.load = 0
        self.down_since: float | None = None
        self.down_because = ""
        self._client = client
        self._look = look

    async def look(self) -> ServerFacts:
        """Ask it what it serves. Raises `UnfitServer` or `EngineError`."""
        self.facts = await self._look(self._client)
        return self.facts

    async def generate(
        self, request: Request, max_model_len: int, eos_ids: Collection[int]
    ) -> Generation | Refused:
        """Raises `HttpFault` where it gives no answer."""
        assert self.facts is not None, "only a server that was looked at is asked"
        path, name = path_of(request, self.facts.path), self.facts.name
        try:
            said = body(path, request, name, max_model_len, eos_ids)
        except ValueError as error:
            return Refused(f"{self.url}: {error}")
        answer = await self._client.post(path, said)
        try:
            found = generation(answer, path, request, eos_ids)
        except Unlike as unlike:
            raise self._client.garbled(f"its answer is not vLLM's: {unlike}") from unlike
        return Refused(f"{self.url}: {found}", again=True) if isinstance(found, str) else found

    async def is_healthy(self) -> bool:
        """Whether it answers, and its engine lives."""
        return await is_healthy(self._client)

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.close()


async def is_healthy(client: HttpClient) -> bool:
    """Whether `/health` is answered with no 5xx; a gateway may have no such path."""
    try:
        return await client.status("/health", HEALTH_S) < 500
    except HttpFault:
        return False


def body(
    path: str, request: Request, model: str, max_model_len: int, eos_ids: Collection[int]
) -> dict[str, Any]:
    """What is sent to a path."""
    fields = sampling_fields(request, max_model_len, eos_ids)
    return (generate_body if path == GENERATE else completions_body)(request, model, fields)
