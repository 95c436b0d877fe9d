"""The `engine:` keys of kind `vllm_server`: a vLLM that runs already. Imports no httpx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from engines.address import check_url
from engines.config import Ability
from engines.engine import Engine
from engines.server_config import ServerConfig
from engines.tokenizer import Tokenizer
from search.checks import fault


@dataclass(frozen=True)
class VllmServerConfig(ServerConfig):
    """A running `vllm serve`, or several that serve the same model.

    Of the part's `model` only the tokenizer is read here.
    """

    kind: Literal["vllm_server"] = "vllm_server"
    """Who makes the tokens."""
    max_model_len: int | None = None
    """The longest prompt plus generation, in tokens, not more than the server's; null is the
    server's own."""
    base_urls: tuple[str, ...] = ("http://localhost:8000",)
    """The addresses of the servers. Several are replicas: a request goes to the one that knows the
    longest beginning of its prompt, unless that has more to do than others; one that dies is left
    out until it is back."""
    served_model_name: str | None = None
    """The name under which the servers serve it; null: the part's `model` where they list it, else
    the only one that they list."""
    share_cache: bool = False
    """Whether prompts that others asked the servers count as cached; else each engine has a prefix
    cache of its own there, and a run costs the same whatever was asked before it."""

    can: ClassVar[frozenset[Ability]] = frozenset(Ability) - {Ability.HEADS, Ability.SLEEP}
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "tokenizers")
    uncounted: ClassVar[frozenset[str]] = ServerConfig.uncounted | {"base_urls", "share_cache"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.base_urls:
            raise fault("base_urls", [], "one address or more, http://localhost:8000 say")
        for index, url in enumerate(self.base_urls):
            check_url(f"base_urls[{index}]", url)
        if len(set(map(root, self.base_urls))) < len(self.base_urls):
            raise fault("base_urls", list(self.base_urls), "addresses that differ")

    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """See `EngineConfig.open`."""
        from engines.vllm_server_engine import serve

        return await serve(model, self)


def root(url: str) -> str:
    """The address of the server, of one that may be that of its OpenAI-compatible API."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
