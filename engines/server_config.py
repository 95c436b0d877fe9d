"""The keys that engines have in common which are served elsewhere, over HTTP. Imports no httpx."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from engines.checkpoint import is_here
from engines.config import EngineConfig
from engines.token_price import TokenPrice
from engines.tokenizer import Tokenizer
from search.checks import check_count, check_number, fault
from search.fault import Fault
from search.findings import Finding, ok

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What an environment variable is called."""


class UnfitServer(Fault):
    """What answers at an address cannot serve this config. One line: the address, what, why."""

    exit_code = 2


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
        if self.api_key_env is not None and not VARIABLE.fullmatch(self.api_key_env):
            # What stands there may be the key itself, so it is not shown.
            raise ValueError(
                "api_key_env: must be the name of an environment variable, OPENAI_API_KEY say; "
                "the key itself belongs there and not in a config"
            )

    def key(self) -> str | None:
        """The key. Raises `UnfitServer` where its variable is not set."""
        if self.api_key_env is None:
            return None
        found = os.environ.get(self.api_key_env, "").strip()
        if not found:
            raise UnfitServer(
                f"engine.api_key_env: {self.api_key_env} is not set where the engine runs",
                f"export {self.api_key_env}=… before the run, on a cluster before Ray starts there",
            )
        return found

    @property
    def key_variable(self) -> str | None:
        """See `EngineConfig.key_variable`."""
        return self.api_key_env

    @property
    def billed(self) -> TokenPrice | None:
        """See `EngineConfig.billed`."""
        return self.price

    def notes(self) -> Iterator[str]:
        """That a key is not here."""
        if self.api_key_env is not None and not os.environ.get(self.api_key_env, "").strip():
            yield f"api_key_env: {self.api_key_env} is not set here; a run needs it"

    def lacks(self, model: str) -> str:
        """See `EngineConfig.lacks`: here a tokenizer is enough."""
        return "" if is_here(model) else super().lacks(model)

    def examine(
        self, side: str, model: str, *, chats: bool = True
    ) -> Generator[Finding, None, Tokenizer | None]:
        """The tokenizer alone: the weights are elsewhere."""
        yield ok(f"{side} model", f"{model} is served elsewhere; nobody was asked")
        return (yield from self.examine_tokenizer(side, model, chats=chats))


def check_url(field: str, url: str) -> None:
    """An address without a user, a password, a query. Raises ValueError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password:  # not shown: it is a secret
        raise ValueError(f"{field}: must hold no user or password; name a key with api_key_env")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise fault(field, url, "an address such as http://localhost:8000")
