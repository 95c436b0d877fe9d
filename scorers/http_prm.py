"""A process reward model of one's own, behind a small protocol over HTTP (docs/http_scorer.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import httpx

from engines.config import Machine
from engines.traits import Judges, Traits
from scorers.http_client import Client, Limits, Unanswered
from scorers.http_desk import Desk
from scorers.http_protocol import Asked, Unreadable, body, read
from scorers.whole import Whole
from search.checks import UNCOUNTED, check_choice, check_count, check_number, fault
from search.findings import Finding, fail, ok
from search.gather import gather
from search.ports import Failure, FailureKind, Scorer, ScorerCall, ScorerReply

LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class HttpConfig:
    """A process reward model behind an address, by a protocol of one page (http_scorer.md)."""

    url: str
    """Where judgements are asked for, path included: `http://127.0.0.1:8090/judge`."""
    judges: Literal["steps", "outcome"] = "steps"
    """Whether it judges steps, or finished solutions only, as a whole."""
    prefix: Whole = "last"
    """What a whole path gets where the server says nothing of it: the `last` step's probability,
    the `min` over steps or their `product`."""
    api_key: str | None = field(default=None, metadata=UNCOUNTED)
    """Sent as `Authorization: Bearer …`; write `${oc.env:NAME}`, for it is a secret."""
    batch: int = field(default=32, metadata=UNCOUNTED)
    """The most paths in one request."""
    wait_s: float = field(default=0.005, metadata=UNCOUNTED)
    """Seconds that a request waits for further paths."""
    requests: int = field(default=8, metadata=UNCOUNTED)
    """The most requests at a time, of one replica."""
    timeout_s: float = field(default=120.0, metadata=UNCOUNTED)
    """Seconds in which a request must be answered, whole."""
    retries: int = field(default=3, metadata=UNCOUNTED)
    """How often a request is made again that found no server, no answer in time, or a status that
    passes (408, 425, 429, 500, 502, 503, 504)."""
    backoff_s: float = field(default=0.5, metadata=UNCOUNTED)
    """Seconds before the first of these; each further pause is twice as long, and none shorter than
    the server's `retry-after`."""

    def __post_init__(self) -> None:
        check_url(self.url)
        check_choice("judges", self.judges, ("steps", "outcome"))
        check_choice("prefix", self.prefix, Whole)
        check_count("batch", self.batch)
        check_count("requests", self.requests)
        check_count("retries", self.retries, least=0)
        check_number("wait_s", self.wait_s, high=60.0)
        check_number("timeout_s", self.timeout_s, 0.001)
        check_number("backoff_s", self.backoff_s, high=60.0)

    @property
    def traits(self) -> Traits:
        """See `engines.traits`. What its tokens may be nobody here knows."""
        return Traits(
            machine=Machine(),
            remote=httpx.URL(self.url).host not in LOCAL,
            judges=Judges(self.judges),
            judges_key="judges",
        )

    @property
    def headers(self) -> dict[str, str]:
        """What every request says of who asks."""
        return {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`: an empty batch is asked for."""
        try:
            asyncio.run(self._ask_nothing())
        except (Unanswered, Unreadable) as error:
            yield fail("scorer server", str(error), "start it, or see scorer.url in the config")
            return
        yield ok("scorer server", f"{self.url} answers by the protocol")

    async def _ask_nothing(self) -> None:
        client = Client(self.url, self.headers, Limits(min(5.0, self.timeout_s), 0, 0.0))
        try:
            read(await client.post(body([])), [], self.prefix)
        except Unreadable as error:
            raise Unreadable(f"{self.url}: its answer is not by the protocol: {error}") from error
        finally:
            await client.close()


def check_url(url: str) -> None:
    """An address that can be asked, with no secret in it."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise fault("url", url, f"an address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise fault("url", url, "an address", "http://127.0.0.1:8090/judge, say")
    if parsed.userinfo:
        hint = "give it as scorer.api_key"
        raise ValueError(f"url: an address must have no user and no password in it; {hint}")


class HttpScorer(Scorer):
    """Asks a server. Calls that come at about the same time share a request."""

    def __init__(
        self, config: HttpConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.config = config
        self._transport = transport
        self._desk: Desk | None = None

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`; a server that does not answer is a `Failure`."""
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
            self._desk = Desk(self.config, self._client(), loop)
        return self._desk

    def _client(self) -> Client:
        config = self.config
        limits = Limits(config.timeout_s, config.retries, config.backoff_s)
        return Client(config.url, config.headers, limits, self._transport)

    async def close(self) -> None:
        """Give the connections back. Idempotent."""
        desk, self._desk = self._desk, None
        if desk is not None and desk.loop is asyncio.get_running_loop():
            await desk.close()


async def build(config: HttpConfig) -> HttpScorer:
    """The scorer of this configuration; the server is first asked with the first judgement."""
    return HttpScorer(config)
