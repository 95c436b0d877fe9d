"""The keys that engines have in common which are served elsewhere, over HTTP. Imports no httpx."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar

from engines.address import UnfitServer, check_key_env, key_of
from engines.checkpoint import is_here
from engines.config import EngineConfig
from engines.token_price import TokenPrice
from engines.tokenizer import Tokenizer
from search.checks import check_count, check_number
from search.findings import Finding, fail, ok


@dataclass(frozen=True)
class ServerConfig(EngineConfig):
    """An engine behind an address."""

    api_key_env: str | None = None
    """The name of the environment variable that holds the key, where one is asked for; the key
    itself stands in no config, file, log or error."""
    timeout_s: float = 600.0
    """Seconds that one request may take, all its retries and its wait at the server included."""
    retries: int = 6
    """How often a request is sent again that the server could not serve for now (429, 5xx, a
    connection that broke, half an answer), after waits that double from half a second, or as long
    as its `retry-after` says."""

    price: TokenPrice | None = None
    """What tokens cost, for the table and the ledger; null: nobody says."""

    remote: ClassVar[bool] = True
    uncounted: ClassVar[frozenset[str]] = frozenset(
        {"api_key_env", "timeout_s", "retries", "price"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("timeout_s", self.timeout_s, 0.001, hint="seconds")
        check_count("retries", self.retries, least=0)
        check_key_env(self.api_key_env)

    def key(self) -> str | None:
        """The key. Raises `UnfitServer` where its variable is not set."""
        return key_of("engine", self.api_key_env)

    @property
    def key_variable(self) -> str | None:
        """See `EngineConfig.key_variable`."""
        return self.api_key_env

    @property
    def billed(self) -> TokenPrice | None:
        """See `EngineConfig.billed`."""
        return self.price

    def examine_key(self, side: str) -> Iterator[Finding]:
        """Whether its variable is set where the check is made; nothing where no key is named."""
        if self.api_key_env is None:
            return
        try:
            self.key()
        except UnfitServer as unfit:
            yield fail(f"{side} key", unfit.problem, unfit.hint)
        else:
            yield ok(f"{side} key", f"{self.api_key_env} is set")

    def lacks(self, model: str) -> str:
        """See `EngineConfig.lacks`: here a tokenizer is enough."""
        return "" if is_here(model) else super().lacks(model)

    def examine(
        self, side: str, model: str, *, chats: bool = True
    ) -> Generator[Finding, None, Tokenizer | None]:
        """The key and the tokenizer: the weights are elsewhere."""
        yield ok(f"{side} model", f"{model} is served elsewhere; nobody was asked")
        yield from self.examine_key(side)
        return (yield from self.examine_tokenizer(side, model, chats=chats))
