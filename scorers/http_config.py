"""The keys of the scorer `http`: a process reward model of one's own, behind a small protocol.

The protocol is docs/http_scorer.md. Imports no httpx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

from engines.address import UnfitServer, check_key_env, check_url, is_loopback, key_of
from engines.config import Machine
from engines.traits import Judges, Traits
from scorers.whole import Whole
from search.checks import UNCOUNTED, check_choice, check_count, check_number
from search.findings import Finding, fail, ok

if TYPE_CHECKING:
    from scorers.http_prm import HttpScorer


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
    api_key_env: str | None = field(default=None, metadata=UNCOUNTED)
    """The name of the environment variable that holds the key, where one is asked for; the key
    itself stands in no config, file, log or error."""
    batch: int = field(default=32, metadata=UNCOUNTED)
    """The most paths in one request."""
    wait_s: float = field(default=0.005, metadata=UNCOUNTED)
    """Seconds that a request waits for further paths."""
    requests: int = field(default=8, metadata=UNCOUNTED)
    """The most requests at a time, of one replica."""
    timeout_s: float = field(default=600.0, metadata=UNCOUNTED)
    """Seconds that one request may take, all its retries and its wait at the server included."""
    retries: int = field(default=3, metadata=UNCOUNTED)
    """How often a request is sent again that the server could not serve for now (429, 5xx, a
    connection that broke, half an answer), after waits that double from half a second, or as long
    as its `retry-after` says."""

    def __post_init__(self) -> None:
        check_url("url", self.url)
        check_key_env(self.api_key_env)
        check_choice("judges", self.judges, ("steps", "outcome"))
        check_choice("prefix", self.prefix, Whole)
        check_count("batch", self.batch)
        check_count("requests", self.requests)
        check_count("retries", self.retries, least=0)
        check_number("wait_s", self.wait_s, high=60.0)
        check_number("timeout_s", self.timeout_s, 0.001, hint="seconds")

    @property
    def traits(self) -> Traits:
        """See `engines.traits`. What its tokens may be nobody here knows."""
        return Traits(
            machine=Machine(),
            remote=not is_loopback(self.url),
            judges=Judges(self.judges),
            judges_key="judges",
            secrets={"api_key_env": self.api_key_env} if self.api_key_env else {},
        )

    def key(self) -> str | None:
        """The key. Raises `UnfitServer` where its variable is not set."""
        return key_of("scorer", self.api_key_env)

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`: an empty batch is asked for."""
        from engines.http_fault import HttpFault
        from engines.retrying import Late

        try:
            asyncio.run(self._ask_nothing())
        except UnfitServer as unfit:
            yield fail("scorer server", unfit.problem, unfit.hint)
        except (HttpFault, Late) as trouble:
            yield fail("scorer server", str(trouble), "start it, or see scorer.url in the config")
        else:
            yield ok("scorer server", f"{self.url} answers by the protocol")

    async def _ask_nothing(self) -> None:
        from engines.http_client import HttpClient
        from engines.retrying import Patience
        from scorers.http_desk import exchange

        client = HttpClient(self.url, self.key())
        once = Patience(0, min(5.0, self.timeout_s), Random(), self.url, "doctor waits no longer")
        try:
            await once.persist(lambda: exchange(client, [], self.prefix))
        finally:
            await client.close()


async def build(config: HttpConfig) -> HttpScorer:
    """The scorer of this configuration, once its server has answered an empty batch.

    Raises:
        UnfitServer: the key is not there or is refused, or what answers is no such server.
        EngineError: nobody answers.
    """
    from scorers.http_prm import HttpScorer

    scorer = HttpScorer(config, config.key())
    await scorer.greet()
    return scorer
