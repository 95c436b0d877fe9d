"""A vLLM server without a network: an engine of ours that is spoken to as `vllm serve` is."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import httpx

from engines.engine import Engine, Finish, Generation, Refused, Request, Sampling
from engines.scripted_engine import ScriptedEngine
from engines.tokenizer import HfTokenizer
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import COMPLETIONS, GENERATE

Reply: TypeAlias = httpx.Response | Exception
T = TypeVar("T")

CANARY = "canary-4f1c9e-of-the-account"
PROMPT = tuple(range(3, 75))
ONE = VllmServerConfig(base_urls=("http://one",), timeout_s=5.0, retries=2)
TWO = VllmServerConfig(base_urls=("http://one", "http://two/v1/"), timeout_s=5.0, retries=2)
HTML_PAGE = "<html><body>Welcome to nginx</body></html>"
REASONS = {Finish.EOS: "stop", Finish.STOP: "stop", Finish.LOOP: "repetition"}


def answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    """A response of this status; a text is sent as HTML."""
    if isinstance(body, str):
        return httpx.Response(status, html=body, headers=headers)
    return httpx.Response(status, json=body, headers=headers)


def error(status: int, message: str, **headers: str) -> httpx.Response:
    """An error as OpenAI and vLLM shape it."""
    return answer(status, {"error": {"message": message, "code": status}}, **headers)


@dataclass
class PlayedServer(httpx.AsyncBaseTransport):
    """What one address, or each of several, is answered with.

    `faults` are played one for each generation, in order, before it is served: a response, or an
    exception of the connection. `dead` hosts refuse every connection. `asked` holds the paths and
    bodies of all generations that came, `headers` those of every request.
    """

    engine: Engine
    tokenizer: HfTokenizer
    path: str = GENERATE
    model: str = "the-model"
    context: int = 256
    key: str | None = None
    tells_cached: bool = True
    faults: list[Reply | Callable[[], Reply]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    routes: dict[str, Callable[[dict[str, Any]], Reply]] = field(default_factory=dict)
    """Paths that are answered otherwise than vLLM does."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as vLLM does."""
        if request.url.host in self.dead:
            raise httpx.ConnectError("connection refused", request=request)
        self.headers.append(request.headers)
        body = json.loads(request.content or b"{}")
        reply = await self._reply(request.url.host, request.url.path, request, body)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _reply(
        self, host: str, path: str, request: httpx.Request, body: dict[str, Any]
    ) -> Reply:
        if path in self.routes:
            return self.routes[path](body)
        if path == "/health":
            return httpx.Response(200)
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, f"Unauthorized: {request.headers.get('authorization')}")
        if path == "/v1/models":
            return answer(200, {"data": [{"id": self.model, "max_model_len": self.context}]})
        if path == "/tokenize":
            return answer(200, {"tokens": list(self._tokens(body))})
        if path == GENERATE and self.path != GENERATE:
            return error(403, "Scale-out endpoints are disabled.")
        if path not in (GENERATE, COMPLETIONS):
            return answer(404, {"detail": "Not Found"})
        self.asked.append((host, path, body))
        if self.faults and body.get("cache_salt") != "treewright":  # not the one at the start
            fault = self.faults.pop(0)
            return fault() if callable(fault) else fault
        return await self._generated(path, body)

    def _tokens(self, body: dict[str, Any]) -> Sequence[int]:
        if "messages" in body:
            return self.tokenizer.chat(body["messages"])
        return self.tokenizer.encode(body["prompt"])

    async def _generated(self, path: str, body: dict[str, Any]) -> httpx.Response:
        if body["model"] != self.model:
            return error(404, f"The model {body['model']} does not exist.")
        request = read(path, body)
        (made,) = await self.engine.generate([request])
        if isinstance(made, Refused):
            return error(400, made.message)
        return answer(200, self._shown(path, request, made, body))

    def _shown(
        self, path: str, request: Request, made: Generation, body: dict[str, Any]
    ) -> dict[str, Any]:
        prompt, said = made.prompt_tokens, len(made.token_ids)
        usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": said}
        if self.tells_cached:
            usage["prompt_tokens_details"] = {"cached_tokens": made.cached_tokens}
        choice = {
            "index": 0,
            "token_ids": list(made.token_ids),
            "finish_reason": REASONS.get(made.finish, made.finish.value),
            "stop_reason": made.stop,
        }
        if request.sampling.logprob_ids:
            choice["logprobs"] = shown_logprobs(path, request, made)
        return {"choices": [choice], "usage": usage}


def read(path: str, body: dict[str, Any]) -> Request:
    """The request that a body asks for."""
    fields = body["sampling_params"] if path == GENERATE else body
    prompt = body["token_ids" if path == GENERATE else "prompt"]
    loop = fields.get("repetition_detection") or {}
    # Of an engine that says one token surely any others are the next in likelihood.
    likeliest = range(fields["logprobs"]) if path == COMPLETIONS and "logprobs" in fields else ()
    assert fields["ignore_eos"]
    assert fields["skip_special_tokens"] is False
    assert path == GENERATE or fields["return_token_ids"] is True
    sampling = Sampling(
        fields["max_tokens"],
        temperature=fields["temperature"],
        top_p=fields["top_p"],
        seed=fields["seed"],
        stop_token_ids=tuple(fields["stop_token_ids"]),
        stop=tuple(fields["stop"]),
        logprob_ids=tuple(fields.get("logprob_token_ids") or likeliest),
        allowed_ids=tuple(fields.get("allowed_token_ids") or ()),
        loop_ngram=loop.get("max_pattern_size", 0),
        loop_repeats=loop.get("min_count", 0),
        top_k=fields["top_k"],
        min_p=fields["min_p"],
        repetition_penalty=fields["repetition_penalty"],
    )
    return Request(tuple(prompt), sampling, body.get("cache_salt", ""))


def shown_logprobs(path: str, request: Request, made: Generation) -> dict[str, Any]:
    """As vLLM 0.32 shows them: at `/inference/v1/generate` no more than were asked for.

    The sampled token, which comes first, is one of them.
    """
    ids = request.sampling.logprob_ids
    rows = []
    for token, at in zip(made.token_ids, made.logprobs, strict=True):
        own = at.get(token, -0.105)
        rows.append({token: own, **{each: at[each] for each in ids}})
    rows = [{token: max(value, -9999.0) for token, value in row.items()} for row in rows]
    if path == COMPLETIONS:
        assert request.sampling.logprob_ids
        return {
            "token_logprobs": [next(iter(row.values())) for row in rows],
            "top_logprobs": [{f"token_id:{t}": value for t, value in row.items()} for row in rows],
        }
    content: list[dict[str, Any]] = []
    for row in rows:
        listed = [{"token_id": token, "logprob": value} for token, value in row.items()]
        content.append({**listed[0], "top_logprobs": listed[: len(ids)]})
    assert all(math.isfinite(each["logprob"]) for each in content)
    return {"content": content}


def playing(tokenizer: HfTokenizer, key: str | None = None) -> PlayedServer:
    """One that says the same tokens for ever."""
    engine = ScriptedEngine(lambda request: [7, 8, 9] * 99, tokenizer.eos_ids)
    return PlayedServer(engine, tokenizer, key=key)


def started(
    server: PlayedServer,
    use: Callable[[VllmServerEngine], Awaitable[T]],
    config: VllmServerConfig = ONE,
    key: str | None = CANARY,
) -> T:
    """What `use` makes of an engine over the server."""

    async def run() -> T:
        engine = await VllmServerEngine.start(
            "a/model", config, server.tokenizer, key, transport=server
        )
        try:
            return await use(engine)
        finally:
            await engine.close()

    return asyncio.run(run())


def one(engine: VllmServerEngine, **sampling: Any) -> Awaitable[list[Generation | Refused]]:
    """A request for four tokens."""
    return engine.generate([Request(PROMPT, Sampling(4, **sampling))])
