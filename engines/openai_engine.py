"""An OpenAI-compatible API behind the port of texts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from random import Random
from typing import Any

from engines.address import UnfitServer
from engines.engine import EngineError, Facts, Refused
from engines.http_client import HttpClient, Transport
from engines.http_fault import HttpFault, Trouble
from engines.openai_config import OpenAiConfig
from engines.openai_wire import (
    CHAT,
    COMPLETIONS,
    Unlike,
    body,
    chat_body,
    put_together,
    read,
)
from engines.retrying import Late, Patience
from engines.texts import TextGeneration, TextRequest
from engines.tokenizer import HfTokenizer
from search.core import Spent
from search.gather import gather


class OpenAiEngine:
    """Texts from an API."""

    def __init__(
        self,
        client: HttpClient,
        model: str,
        config: OpenAiConfig,
        tokenizer: HfTokenizer | None = None,
    ) -> None:
        self._client = client
        self._model = model
        self._config = config
        self._tokenizer = tokenizer
        self._patience = Patience(config.retries, config.timeout_s, Random(), client.url)
        self._steps = 0

    @classmethod
    async def start(
        cls, model: str, config: OpenAiConfig, transport: Transport | None = None
    ) -> OpenAiEngine:
        """Ask for one token: is the key right, the model's name, and what answers an API?

        Raises:
            TokenizerError: `tokenizer` is no chat checkpoint.
            UnfitServer: the key is wrong or not there, or the API does not serve such a request.
            EngineError: nobody answers.
        """
        key = config.key()
        tokenizer = cls.tokenizer_of(config)
        client = HttpClient(config.base_url.rstrip("/"), key, transport)
        engine = cls(client, model, config, tokenizer)
        try:
            await engine.probe()
        except BaseException:
            await client.close()
            raise
        return engine

    @staticmethod
    def tokenizer_of(config: OpenAiConfig) -> HfTokenizer | None:
        """Of the checkpoint that makes the prompts. Raises `TokenizerError`."""
        if config.tokenizer is None:
            return None
        args = config.chat_template_args
        return HfTokenizer.load(config.tokenizer, config.revision, template_args=args)

    async def probe(self) -> None:
        """Ask for one token, and whether a text is gone on with. Raises as `start` does."""
        try:
            await self._patience.persist(lambda: self._send(PROBE))
            if self._config.continue_by == "continue_final_message":
                await self._continues()
        except Late as late:
            raise EngineError(str(late)) from late
        except HttpFault as fault:
            if fault.trouble is Trouble.UNAUTHORISED:
                hint = "engine.api_key_env names the variable that holds its key"
                raise UnfitServer(f"the API refuses the key: {fault}", hint) from fault
            if fault.trouble in (Trouble.REFUSED, Trouble.GARBLED):
                raise UnfitServer(f"the API does not serve {self._model}: {fault}") from fault
            raise EngineError(str(fault)) from fault

    async def complete(self, batch: Sequence[TextRequest]) -> list[TextGeneration | Refused]:
        """`generations[i]` answers `batch[i]`. Raises `EngineError` when the API is gone."""
        return await gather(self._one(request) for request in batch)

    async def ask(self, path: str, said: Mapping[str, Any]) -> Mapping[str, Any] | Refused:
        """The answer to any body, with all retries. Raises `EngineError`."""
        try:
            answer = await self._patience.persist(lambda: self._client.post(path, said))
        except (Late, HttpFault) as fault:
            return await self._refused(fault)
        self._steps += 1
        return answer

    def engine_steps(self) -> int:
        """How often the API answered."""
        return self._steps

    def describe(self) -> Facts:
        """See `Describing`."""
        return {"model": self._model, "device": self._client.url}

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._client.close()

    async def _one(self, request: TextRequest) -> TextGeneration | Refused:
        if request.begun and self._config.continue_by == "none":
            return Refused("the API goes on with no text: engine.continue_by says none")
        try:
            answer = await self._patience.persist(lambda: self._send(request))
        except (Late, HttpFault) as fault:
            return await self._refused(fault)
        self._steps += 1
        return answer

    async def _send(self, request: TextRequest) -> TextGeneration | Refused:
        try:
            path, said = self._asked(request)
        except ValueError as error:
            return Refused(str(error))
        try:
            if self._config.stream:
                async with aclosing(self._client.stream(path, said)) as events:
                    whole = await put_together(events, chat=path == CHAT)
                return read(whole, request)
            return read(await self._client.post(path, said), request)
        except Unlike as unlike:
            raise self._client.garbled(str(unlike)) from unlike

    def _asked(self, request: TextRequest) -> tuple[str, dict[str, Any]]:
        """Where a request is sent, and what is said."""
        if self._tokenizer is None:
            return CHAT, chat_body(request, self._model, self._config)
        prompt = self._tokenizer.decode(self._tokenizer.chat(request.turns)) + request.begun
        return COMPLETIONS, {**body(request, self._model, self._config), "prompt": prompt}

    async def _refused(self, fault: Late | HttpFault) -> Refused:
        """What a request gets that has no answer. Raises `EngineError` where none will have."""
        if isinstance(fault, Late):
            return Refused(str(fault), again=True, spent=UNCOUNTED)
        if fault.trouble in ENDS and not await self._serves():
            gone = fault.trouble is Trouble.UNREACHABLE
            told = "the API is gone" if gone else "the key is not taken any more"
            raise EngineError(f"{told}: {fault}") from fault
        spent = UNCOUNTED if fault.trouble is Trouble.GARBLED else Spent()
        return Refused(self._patience.told(fault), again=fault.passing, spent=spent)

    async def _continues(self) -> None:
        """An API that does not know the key drops it, and begins anew. Raises `UnfitServer`."""
        answer = await self._patience.persist(lambda: self._send(COUNTING))
        if isinstance(answer, TextGeneration) and ANEW.match(answer.text):
            told = f"the API begins anew where a text was begun: {answer.text[:40]!r}"
            hint = "engine.continue_by: completions, if it has that endpoint; else none"
            raise UnfitServer(f"{self._client.url}: {told}", hint)

    async def _serves(self) -> bool:
        """Whether another request is answered: else one that breaks would end the run of all."""
        try:
            async with asyncio.timeout(min(PROBE_S, self._config.timeout_s)):
                await self._send(PROBE)
        except TimeoutError:
            return False
        except HttpFault as fault:
            return fault.trouble not in ENDS
        return True


UNCOUNTED = Spent(1)
"""Of a request that may have been worked on, and whose answer tells no counts: nobody knows."""
ENDS = (Trouble.UNAUTHORISED, Trouble.UNREACHABLE)
"""Troubles after which no request may ever be served, or this one alone may not."""
PROBE_S = 60.0
PROBE = TextRequest(({"role": "user", "content": "1 + 1 = ?"},), "", 1)
"""At the default temperature: some models take no other."""
COUNTING = TextRequest(
    ({"role": "user", "content": "Count from one to twelve, in words."},), "One, two, three,", 8
)
ANEW = re.compile(r"\W*one\b", re.IGNORECASE)
"""How nobody goes on with that."""
