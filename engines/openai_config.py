"""The `engine:` keys of kind `openai`: an OpenAI-compatible API. Imports no httpx."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Any, ClassVar, Literal, TypeAlias

from engines.address import check_url
from engines.config import Ability
from engines.engine import Engine
from engines.server_config import ServerConfig
from engines.texts import TextEngine
from engines.tokenizer import Tokenizer
from search.checks import check_choice, fault
from search.findings import Finding, ok

ContinueBy: TypeAlias = Literal["none", "continue_final_message", "completions"]
SET_HERE = ("model", "messages", "prompt", "max_tokens", "temperature", "top_p", "seed", "stop",
            "stream", "stream_options", "n", "logprobs", "echo", "max_completion_tokens",
            "continue_final_message", "add_generation_prompt",
            "chat_template_kwargs")  # fmt: skip
"""What a request says by other keys, and `extra_body` may not."""
MOST_TOP_LOGPROBS = 20
ENDPOINTS = ("/completions", "/responses", "/embeddings", "/models")
"""What no base address ends in."""


@dataclass(frozen=True)
class OpenAiConfig(ServerConfig):
    """An API that speaks as OpenAI's does; the part's `model` is the API's name of it.

    It knows texts, not tokens: whole solutions by chat, step by step where `continue_by` says how.
    The same request may be answered otherwise the next time.
    """

    kind: Literal["openai"] = "openai"
    """Who makes the tokens."""
    base_url: str = "https://api.openai.com/v1"
    """The address of the API, `/v1` and all."""
    api_key_env: str | None = "OPENAI_API_KEY"
    """The name of the environment variable that holds the key; null where none is asked for. The
    key itself stands in no config, file, log or error."""
    continue_by: ContinueBy = "none"
    """How a solution that was begun is gone on with, which a search step by step needs: `none`, the
    API cannot; `continue_final_message`, its chat endpoint can, as vLLM's and SGLang's;
    `completions`, it has `/completions`, for which `tokenizer` makes the prompt. An API that goes
    on must say what stopped it (`stop_reason`, or `matched_stop`)."""
    tokenizer: str | None = None
    """With `completions`: the folder or hub name of a checkpoint whose chat template makes the
    prompt."""
    top_logprobs: int = 0
    """With `completions`: of how many of the likeliest tokens at each position the API tells the
    log-probability, 20 at most; a ThinkPRM over an API reads its verdicts from them."""
    send_seed: bool = True
    """Whether each request says its seed, of 31 bits; some APIs refuse to be told one."""
    stream: bool = False
    """Whether answers come in pieces, for gateways that end a connection on which nothing comes."""
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the API calls the limit of a generation."""
    extra_body: dict[str, Any] = field(default_factory=dict)
    """What else each request says, `{reasoning_effort: low}` say."""

    uncounted: ClassVar[frozenset[str]] = ServerConfig.uncounted | {"stream"}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_url("base_url", self.base_url)
        if self.base_url.rstrip("/").endswith(ENDPOINTS):
            allowed = "an address that ends before the endpoint, in /v1 mostly"
            raise fault("base_url", self.base_url, allowed)
        check_choice("continue_by", self.continue_by, ContinueBy)
        if (self.continue_by == "completions") != (self.tokenizer is not None):
            allowed = "a checkpoint with continue_by: completions, and null without"
            raise fault("tokenizer", self.tokenizer, allowed, "its chat template makes the prompt")
        if not 0 <= self.top_logprobs <= MOST_TOP_LOGPROBS:
            raise fault("top_logprobs", self.top_logprobs, f"from 0 to {MOST_TOP_LOGPROBS}")
        if self.top_logprobs and self.continue_by != "completions":
            raise fault("top_logprobs", self.top_logprobs, "0 without continue_by: completions")
        for name in self.extra_body:
            if name in SET_HERE:
                raise ValueError(f"extra_body: {name} is set by another key")
        try:
            dumps(self.extra_body, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"extra_body: must be what JSON can say: {error}") from error

    @property
    def abilities(self) -> frozenset[Ability]:
        """See `EngineConfig.abilities`."""
        goes_on = {Ability.CONTINUE} if self.continue_by != "none" else set()
        listed = {Ability.TOP_LOGPROBS} if self.top_logprobs else set()
        return frozenset({Ability.ABORT} | goes_on | listed)

    def advice(self, lacking: Sequence[Ability]) -> str:
        """See `EngineConfig.advice`."""
        if set(lacking) == {Ability.CONTINUE}:
            return "say engine.continue_by, where the API can go on with a text"
        if not set(lacking) <= {Ability.CONTINUE, Ability.TOP_LOGPROBS}:
            return super().advice(lacking)
        return "say engine.continue_by=completions, engine.tokenizer and engine.top_logprobs=20"

    async def open(self, model: str) -> tuple[Tokenizer, Engine]:
        """A tokenizer and an engine whose token ids are read off the texts of `/completions`."""
        from engines.openai_tokens import serve

        return await serve(model, self)

    async def open_texts(self, model: str) -> TextEngine:
        """See `engines.texts.OpensTexts`."""
        from engines.openai_engine import OpenAiEngine

        return await OpenAiEngine.start(model, self)

    def lacks(self, model: str) -> str:
        """Any name may be one of the API's; a tokenizer must be a checkpoint's."""
        if self.tokenizer is not None and (problem := super().lacks(self.tokenizer)):
            return f"engine.tokenizer {self.tokenizer}: {problem}"
        return ""

    def context(self, model: str) -> int | None:
        """What the config says; nobody else does."""
        return self.max_model_len

    def notes(self) -> Iterator[str]:
        """What an API cannot give."""
        lacking = ["token ids", "log-probabilities of given tokens"]
        lacking += [] if self.send_seed else ["seeds"]
        yield (
            f"kind openai gives no {', no '.join(lacking)}; a run can be resumed, and one made "
            "again may differ"
        )
        if self.continue_by == "none":
            yield "continue_by none: whole solutions only, no search step by step"

    def examine(
        self, side: str, model: str, *, chats: bool = True
    ) -> Generator[Finding, None, Tokenizer | None]:
        """The key, and the tokenizer where there is one; the API is not asked."""
        yield ok(f"{side} model", f"{model} at {self.base_url}; nobody was asked")
        yield from self.examine_key(side)
        if self.tokenizer is None:
            return None
        return (yield from self.examine_tokenizer(side, self.tokenizer, chats=chats))
