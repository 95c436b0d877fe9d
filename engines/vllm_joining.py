"""What a vLLM server is asked before the first request: whether it can serve a config at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from engines.address import UnfitServer
from engines.engine import EngineError, Request, Sampling
from engines.http_client import HttpClient, Transport
from engines.http_fault import HttpFault, Trouble
from engines.tokenizer import HfTokenizer
from engines.vllm_server import HEALTH_S, Server, ServerFacts, body
from engines.vllm_server_config import VllmServerConfig, root
from engines.vllm_wire import COMPLETIONS, GENERATE, Unlike, generation

START_S = 60.0
"""Seconds for all that a server is asked before the first request."""
SAMPLE = (
    "Step 1: Let x = 12.5, so 3x - 7 = 30.5.\n\n## Step 2\tThus \\boxed{\\frac{61}{2}} "
    "is correct;  Yes, no?  na\u00efve \u2192 \u4f60\u597d \N{SLIGHTLY SMILING FACE}\n  12345 don't"
)
"""A text that tells tokenizers apart: digits, spaces, line ends, accents, LaTeX, an emoji."""

log = logging.getLogger(__name__)


async def join(
    model: str,
    config: VllmServerConfig,
    tokenizer: HfTokenizer,
    key: str | None,
    transport: Transport | None = None,
) -> list[Server]:
    """All servers of a config. Those that do not answer are down, and looked at when they are up.

    Raises:
        UnfitServer: one is no vLLM, serves another model, or has another tokenizer.
        EngineError: none answers.
    """
    look = partial(look_at, model=model, config=config, tokenizer=tokenizer)
    servers = [Server(HttpClient(root(url), key, transport), look) for url in config.base_urls]
    found = await asyncio.gather(*(each.look() for each in servers), return_exceptions=True)
    faults = [each for each in found if isinstance(each, BaseException)]
    unfit = [each for each in faults if not isinstance(each, EngineError)]
    if unfit or len(faults) == len(servers):
        await asyncio.gather(*(server.close() for server in servers))
        raise (unfit or faults)[0]
    for server, fault in zip(servers, found, strict=True):
        if isinstance(fault, BaseException):
            server.down_since, server.down_because = time.monotonic(), str(fault)
            log.warning("%s; it is left out until it is up", fault)
    if not all(each.facts.counts_cached for each in servers if each.facts):
        log.warning(
            "cached tokens are unknown: start the servers with --enable-prompt-tokens-details"
        )
    return servers


async def look_at(
    client: HttpClient, model: str, config: VllmServerConfig, tokenizer: HfTokenizer
) -> ServerFacts:
    """Ask a server what it serves, and for one token. Raises `UnfitServer` or `EngineError`."""
    try:
        async with asyncio.timeout(min(START_S, config.timeout_s)):
            if (status := await client.status("/health", HEALTH_S)) >= 500:
                raise EngineError(f"{client.url}: it is not healthy: /health says {status}")
            name, longest = await served(client, model, config)
            await compare(client, name, tokenizer, config.chat_template_args)
            return await probed(client, name, longest, tokenizer)
    except TimeoutError as error:
        raise EngineError(f"{client.url}: it does not answer in time") from error
    except HttpFault as fault:
        raise unfit(fault) from fault


def unfit(fault: HttpFault) -> EngineError | UnfitServer:
    """What a fault is that was met before the first request."""
    if fault.trouble is Trouble.UNAUTHORISED:
        hint = "engine.api_key_env names the variable that holds its key"
        return UnfitServer(f"the server refuses the key: {fault}", hint)
    if fault.trouble in (Trouble.REFUSED, Trouble.GARBLED):
        return UnfitServer(f"this is no vLLM server: {fault}")
    return EngineError(str(fault))


async def served(client: HttpClient, model: str, config: VllmServerConfig) -> tuple[str, int]:
    """The name under which the model is served, and its context."""
    listed = (await client.get("/v1/models")).get("data")
    cards = {
        str(card.get("id")): card
        for card in (listed if isinstance(listed, list) else ())
        if isinstance(card, Mapping)
    }
    wanted = config.served_model_name or (model if model in cards else None)
    if wanted is None and len(cards) == 1:
        (wanted,) = cards
    if wanted is None or wanted not in cards:
        names = ", ".join(sorted(cards)) or "none"
        raise UnfitServer(
            f"{client.url}: it serves no {wanted or model}, but {names}",
            "engine.served_model_name says under which name",
        )
    card = cards[wanted]
    if card.get("max_model_len") is None:  # an adapter: its context is its base model's
        card = cards.get(str(card.get("parent")), card)
    longest = card.get("max_model_len")
    if type(longest) is not int or longest < 2:
        raise UnfitServer(f"{client.url}: it says no max_model_len of {wanted}: it is no vLLM")
    if config.max_model_len is not None and config.max_model_len > longest:
        raise UnfitServer(
            f"{client.url}: it takes {longest} tokens, engine.max_model_len says "
            f"{config.max_model_len}",
            "start it with a larger --max-model-len, or leave the key out",
        )
    return wanted, config.max_model_len or longest


async def compare(
    client: HttpClient, name: str, tokenizer: HfTokenizer, template_args: Mapping[str, Any]
) -> None:
    """The server's tokenizer must be the one that prompts are made with."""
    turns = [{"role": "user", "content": SAMPLE}]
    told = {"chat_template_kwargs": dict(template_args)} if template_args else {}
    asked: list[tuple[dict[str, Any], tuple[int, ...]]] = [
        ({"prompt": SAMPLE, "add_special_tokens": False}, tokenizer.encode(SAMPLE)),
        ({"messages": turns, **told}, tokenizer.chat(turns)),
    ]
    for question, own in asked:
        try:
            answer = await client.post("/tokenize", {"model": name, **question})
        except HttpFault as fault:
            if fault.trouble is not Trouble.REFUSED:
                raise
            log.warning("%s has no /tokenize: its tokenizer was not compared", client.url)
            return
        ids = answer.get("tokens")
        if ids != list(own):
            raise UnfitServer(
                f"{client.url}: its tokenizer is another one: it makes {few(ids)} of "
                f"{'a chat turn' if 'messages' in question else 'a text'}, model's own {few(own)}",
                "give the checkpoint that it serves as model",
            )


def few(ids: Any) -> str:
    """The first of some ids, and how many they are."""
    listed = list(ids) if isinstance(ids, (list, tuple)) else []
    return f"{len(listed)} tokens ({', '.join(map(str, listed[:6]))}, …)"


async def probed(
    client: HttpClient, name: str, longest: int, tokenizer: HfTokenizer
) -> ServerFacts:
    """Ask for one token in the ways in which it will be asked, first where all is on the wire."""
    prompt = tokenizer.chat([{"role": "user", "content": "?"}])
    first, second = prompt[0], tokenizer.eos_ids[0]
    sampling = Sampling(1, temperature=0.0, logprob_ids=(first, second), allowed_ids=(first,))
    request = Request(prompt, sampling, cache="treewright")
    try:
        return await probed_at(client, GENERATE, name, longest, request, tokenizer)
    except HttpFault as fault:
        if fault.status not in (403, 404, 405, 501):
            raise
    return await probed_at(client, COMPLETIONS, name, longest, request, tokenizer)


async def probed_at(
    client: HttpClient, path: str, name: str, longest: int, request: Request, its: HfTokenizer
) -> ServerFacts:
    """The same at one path. Raises `HttpFault`, or `UnfitServer` where it cannot do all."""
    answer = await client.post(path, body(path, request, name, longest, its.eos_ids))
    try:
        found = generation(answer, path, request, its.eos_ids)
    except Unlike as unlike:
        raise UnfitServer(f"{client.url}{path}: its answer is not vLLM's: {unlike}") from unlike
    if isinstance(found, str) or found.token_ids != request.sampling.allowed_ids:
        raise UnfitServer(
            f"{client.url}{path}: it was allowed one token and said another: it does not know "
            "allowed_token_ids"
        )
    return ServerFacts(name, longest, path, counts_cached=found.cached_tokens is not None)
