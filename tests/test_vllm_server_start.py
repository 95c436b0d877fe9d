"""Before the first request: what a vLLM server must be, and the key that it may ask for."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from engines.address import UnfitServer
from engines.engine import EngineError, Generation
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import COMPLETIONS, GENERATE
from played_server import (
    CANARY,
    HTML_PAGE,
    PlayedServer,
    Reply,
    answer,
    error,
    one,
    started,
)

HTML = answer(200, HTML_PAGE)


def listing(*models: object) -> dict[str, Any]:
    return {"/v1/models": lambda body: answer(200, {"data": list(models)})}


@pytest.mark.parametrize(
    ("routes", "told"),
    [
        ({"/v1/models": lambda body: HTML}, "this is no vLLM server: http://one: it answers HTML"),
        ({"/v1/models": lambda body: answer(404, {"detail": "Not Found"})}, "404 Not Found"),
        (
            listing({"id": "x", "max_model_len": 9}, {"id": "y", "max_model_len": 9}),
            "it serves no a/model, but x, y; engine.served_model_name says under which name",
        ),
        (listing(), "it serves no a/model, but none"),
        (listing({"id": "x"}), "it says no max_model_len of x"),
        (
            {"/tokenize": lambda body: answer(200, {"tokens": [1, 2, 3]})},
            "its tokenizer is another one: it makes 3 tokens (1, 2, 3, …) of a text",
        ),
        (
            {GENERATE: lambda body: error(403, "off"), COMPLETIONS: lambda body: answer(200, {})},
            "http://one/v1/completions: its answer is not vLLM's: it has not one choice",
        ),
    ],
)
def test_what_cannot_serve_a_config_is_refused_at_the_start(
    played: PlayedServer, routes: dict[str, Any], told: str
) -> None:
    played.routes = routes
    with pytest.raises(UnfitServer, match=re.escape(told)) as raised:
        started(played, one)
    assert "\n" not in str(raised.value)


def test_a_context_beyond_the_servers_is_refused(played: PlayedServer) -> None:
    config = VllmServerConfig(base_urls=("http://one",), max_model_len=4096)
    with pytest.raises(UnfitServer, match=r"it takes 256 tokens, engine\.max_model_len says 4096"):
        started(played, one, config)


@pytest.mark.parametrize(("fields", "told"), [("logprobs", "logprob"), ("allowed", "allowed")])
def test_a_server_that_does_not_know_a_field_is_refused(
    played: PlayedServer, fields: str, told: str
) -> None:
    """An older one: it takes what it does not know, and does nothing with it."""
    usage: dict[str, Any] = {"prompt_tokens": 0, "completion_tokens": 1}

    def old(body: dict[str, Any]) -> Reply:
        count = len(body["prompt"])
        known = [f"token_id:{each}" for each in body["logprob_token_ids"]]
        top = dict.fromkeys(known if fields == "allowed" else ["token_id:5"], -1.0)
        choice: dict[str, Any] = {
            "token_ids": [5],
            "finish_reason": "length",
            "logprobs": {"token_logprobs": [-1.0], "top_logprobs": [top]},
        }
        return answer(200, {"choices": [choice], "usage": usage | {"prompt_tokens": count}})

    played.routes = {GENERATE: lambda body: answer(404, {"detail": "x"}), COMPLETIONS: old}
    with pytest.raises(UnfitServer, match=f"{told}.*(vLLM 0.32 does|does not know)"):
        started(played, one)


def test_a_server_without_tokenize_is_taken_at_its_word(
    played: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    played.routes = {"/tokenize": lambda body: answer(404, {"detail": "Not Found"})}
    with caplog.at_level(logging.WARNING):
        started(played, one)
    assert "its tokenizer was not compared" in caplog.text


def test_what_nobody_tells_of_the_cache_is_unknown(
    played: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    played.tells_cached = False
    (made,) = started(played, one)
    assert isinstance(made, Generation)
    assert made.cached_tokens is None
    assert (made.spent.prompt, made.spent.cached, made.spent.untold) == (72, 0, 1)
    assert "--enable-prompt-tokens-details" in caplog.text


# The key.
def test_a_wrong_key_is_told_and_shown_nowhere(
    played: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "canary-of-another"
    with caplog.at_level(logging.DEBUG), pytest.raises(UnfitServer, match="refuses the key") as no:
        started(played, one, key=wrong)
    assert "401 Unauthorized: Unauthorized: Bearer <redacted>" in str(no.value)
    assert wrong not in str(no.value) + repr(no.value.__cause__) + caplog.text


def test_a_key_that_is_taken_no_more_ends_the_engine(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        played.key = "another"
        with pytest.raises(EngineError, match="the key is not taken any more") as raised:
            await one(engine)
        assert CANARY not in str(raised.value)

    started(played, use)


def test_the_key_comes_from_the_variable_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = VllmServerConfig(api_key_env="SERVER_KEY")
    monkeypatch.delenv("SERVER_KEY", raising=False)
    with pytest.raises(UnfitServer, match="SERVER_KEY is not set where the engine runs"):
        config.key()
    monkeypatch.setenv("SERVER_KEY", f" {CANARY}\n")
    assert config.key() == CANARY
    assert CANARY not in repr(config)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"api_key_env": "sk-abcdef0123456789"}, "must be the name of an environment variable"),
        ({"base_urls": ()}, "base_urls: [] must be one address or more"),
        ({"base_urls": ("localhost:8000",)}, "base_urls[0]: 'localhost:8000' must be an address"),
        ({"base_urls": ("http://u:secret@h",)}, "must hold no user or password"),
        ({"base_urls": ("http://h", "http://h/v1")}, "must be addresses that differ"),
        ({"timeout_s": 0.0}, "timeout_s: 0.0 must be 0.001 or more"),
        ({"retries": -1}, "retries: -1 must be 0 or more"),
    ],
)
def test_a_wrong_key_of_the_config_is_told(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as raised:
        VllmServerConfig(**keys)
    assert "secret" not in str(raised.value)
    assert "sk-" not in str(raised.value)
