"""Running vLLM servers as an engine: what each fault is told as, replicas, keys, retries.

What the engine owes a policy and a scorer is in `test_engine.py`, over both ways to ask.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from engines import retrying, vllm_fleet
from engines.engine import EngineError, Generation, Refused, Request, Sampling
from engines.scripted_engine import ScriptedEngine
from engines.server_config import UnfitServer
from engines.tokenizer import HfTokenizer
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import COMPLETIONS, GENERATE
from played_server import PlayedServer, Reply, answer, error

CANARY = "canary-4f1c9e-of-the-account"
PROMPT = tuple(range(3, 75))
CONFIG = VllmServerConfig(base_urls=("http://one",), timeout_s=5.0, retries=2)
TWO = VllmServerConfig(base_urls=("http://one", "http://two/v1/"), timeout_s=5.0, retries=2)
T = TypeVar("T")


@pytest.fixture(scope="module")
def tokenizer(root: Path) -> HfTokenizer:
    return HfTokenizer.load(str(root / "benchmarks/arithmetic/verifier"))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_S", 0.001)


@pytest.fixture
def server(tokenizer: HfTokenizer) -> PlayedServer:
    engine = ScriptedEngine(lambda request: [7, 8, 9] * 99, tokenizer.eos_ids)
    return PlayedServer(engine, tokenizer, key=CANARY)


def started(
    server: PlayedServer,
    use: Callable[[VllmServerEngine], Awaitable[T]],
    config: VllmServerConfig = CONFIG,
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
    return engine.generate([Request(PROMPT, Sampling(4, **sampling))])


HALF = httpx.Response(200, content=b'{"choices": [{"token_ids": [7', headers={"a": "b"})
HTML = answer(200, "<html><body>Welcome to nginx</body></html>")
CHOICE = {"token_ids": [7], "finish_reason": "stop", "stop_reason": 7}
USAGE = {"prompt_tokens": len(PROMPT), "completion_tokens": 1}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (error(429, "slow down"), "429 Too Many Requests: slow down (after 2 retries)"),
        (error(503, "overloaded"), "503 Service Unavailable: overloaded"),
        (answer(500, "<html>oops</html>"), "500 Internal Server Error (after"),
        (HTML, "it answers HTML, not JSON: is this the address of the API?"),
        (HALF, 'its answer is no JSON object: \'{"choices": [{"token_ids": [7\''),
        (answer(200, [1]), "its answer is no JSON object: '[1]'"),
        (answer(200, {}), "its answer is not vLLM's: it has not one choice"),
        (answer(200, {"choices": [{**CHOICE, "token_ids": None}]}), "it has no token_ids"),
        (
            answer(200, {"choices": [CHOICE], "usage": {**USAGE, "completion_tokens": 9}}),
            "its usage says 72 + 9 tokens, it had 72 + 1",
        ),
        (
            answer(
                200,
                {
                    "choices": [CHOICE],
                    "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 99}},
                },
            ),
            "its usage says that 99 of 72 tokens were cached",
        ),
        (httpx.ReadError("peer closed"), "cannot be reached: peer closed"),
        (
            answer(200, {"choices": [{**CHOICE, "finish_reason": "error"}], "usage": USAGE}),
            "vLLM ended the request with 'error'",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_may_pass_is_asked_again_and_then_told_as_what_it_is(
    server: PlayedServer, reply: Reply, told: str
) -> None:
    server.faults = [reply]
    (passed,) = started(server, one)
    assert isinstance(passed, Generation) or "vLLM ended" in told
    server.faults = [reply] * 3
    (refused,) = started(server, one)
    assert isinstance(refused, Refused)
    assert refused.again
    assert told in refused.message
    assert "\n" not in refused.message


def test_what_a_server_will_never_serve_is_asked_once(server: PlayedServer) -> None:
    server.faults = [error(400, "The decoder prompt is longer")] * 2
    (refused,) = started(server, one)
    assert refused == Refused("http://one: 400 Bad Request: The decoder prompt is longer")
    assert len(server.faults) == 1


@pytest.mark.parametrize("said", ["0.05", "Sun, 29 Nov 2026 01:00:00 GMT"])
def test_a_retry_after_is_heeded(
    server: PlayedServer, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def spy(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(retrying.asyncio, "sleep", spy)
    server.faults = [error(429, "slow down", **{"retry-after": said})]
    (made,) = started(server, one)
    assert isinstance(made, Generation)
    waits = [seconds for seconds in slept if seconds]
    assert waits[0] >= (0.05 if said == "0.05" else 0.0)


def test_a_wait_beyond_the_deadline_is_not_waited_for(server: PlayedServer) -> None:
    server.faults = [error(429, "come tomorrow", **{"retry-after": "86400"})]
    (refused,) = started(server, one)
    assert isinstance(refused, Refused)
    assert "it asks to be left alone for 86400 s" in refused.message


def test_a_slow_server_is_left_at_the_deadline(server: PlayedServer) -> None:
    config = VllmServerConfig(base_urls=("http://one",), timeout_s=0.2)

    async def use(engine: VllmServerEngine) -> list[Generation | Refused]:
        server.engine.hold()  # type: ignore[attr-defined]
        return await one(engine)

    (refused,) = started(server, use, config)
    assert isinstance(refused, Refused)
    assert refused.again
    assert refused.message == "http://one: no answer within 0.2 s (engine.timeout_s)"
    assert server.engine.aborted  # type: ignore[attr-defined]


def test_a_cancelled_task_closes_its_connection(server: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        server.engine.hold()  # type: ignore[attr-defined]
        task = asyncio.ensure_future(one(engine))
        while len(server.asked) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started(server, use)
    assert [each.prompt for each in server.engine.aborted] == [PROMPT]  # type: ignore[attr-defined]


# Several servers.
def test_prompts_that_begin_alike_go_to_one_server(server: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        starts = [(first,) * 64 for first in (5, 6)]
        for turn in range(3):
            for start in starts:
                await engine.generate([Request((*start, turn + 3), Sampling(1))])

    started(server, use, TWO)
    hosts = {host for host, _, _ in server.asked}
    by_start = {body["token_ids"][0]: set() for _, _, body in server.asked[2:]}  # type: ignore[var-annotated]
    for host, _, body in server.asked[2:]:
        by_start[body["token_ids"][0]].add(host)
    assert hosts == {"one", "two"}
    assert all(len(each) == 1 for each in by_start.values())


def test_a_server_that_has_much_to_do_is_helped(server: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        await engine.generate([Request(PROMPT, Sampling(1, seed=each)) for each in range(40)])

    started(server, use, TWO)
    hosts = [host for host, _, _ in server.asked[2:]]
    assert {hosts.count("one") - hosts.count("two") for _ in "x"} <= set(range(-8, 9))


def test_a_server_that_dies_is_left_out_until_it_is_back(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vllm_fleet, "DOWN_S", 0.0)

    async def use(engine: VllmServerEngine) -> tuple[list[Any], list[Any]]:
        first = (await one(engine))[0]
        server.dead = {server.asked[-1][0]}
        batch = await engine.generate([Request(PROMPT, Sampling(4, seed=i)) for i in range(20)])
        left, server.dead = set(server.dead), set()
        assert {host for host, _, _ in server.asked[-20:]}.isdisjoint(left)
        for _ in range(9):
            await asyncio.sleep(0.001)
            await engine.generate([Request((9,) * 70, Sampling(4))] * 20)
        assert left & {host for host, _, _ in server.asked[-100:]}
        return [first], batch

    with caplog.at_level(logging.WARNING):
        (first,), batch = started(server, use, TWO)
    assert isinstance(first, Generation)
    assert all(isinstance(each, Generation) for each in batch)
    assert "it is left out until it is back" in caplog.text
    assert "is back" in caplog.text


def test_when_all_servers_are_dead_so_is_the_engine(server: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        server.dead = {"one", "two"}
        with pytest.raises(EngineError, match=r"no server answers: .*connection refused"):
            await one(engine)

    started(server, use, TWO)


def test_a_server_that_is_down_at_the_start_is_looked_at_when_it_is_up(
    server: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_fleet, "DOWN_S", 0.0)
    server.dead = {"one"}

    async def use(engine: VllmServerEngine) -> None:
        await one(engine)
        assert {host for host, _, _ in server.asked} == {"two"}
        server.dead = set()
        for _ in range(9):
            await engine.generate([Request((9,) * 70, Sampling(4))] * 20)
            await asyncio.sleep(0.001)
        assert {host for host, _, _ in server.asked} == {"one", "two"}

    started(server, use, TWO)
    server.dead = {"one", "two"}
    with pytest.raises(EngineError, match="no healthy server answers at /health"):
        started(server, one, TWO)


# The start.
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
    server: PlayedServer, routes: dict[str, Any], told: str
) -> None:
    server.routes = routes
    with pytest.raises(UnfitServer, match=re.escape(told)) as raised:
        started(server, one)
    assert "\n" not in str(raised.value)


def test_a_context_beyond_the_servers_is_refused(server: PlayedServer) -> None:
    config = VllmServerConfig(base_urls=("http://one",), max_model_len=4096)
    with pytest.raises(UnfitServer, match=r"it takes 256 tokens, engine\.max_model_len says 4096"):
        started(server, one, config)


@pytest.mark.parametrize(("fields", "told"), [("logprobs", "logprob"), ("allowed", "allowed")])
def test_a_server_that_does_not_know_a_field_is_refused(
    server: PlayedServer, fields: str, told: str
) -> None:
    """An older one: it takes what it does not know, and does nothing with it."""
    usage = {"prompt_tokens": 0, "completion_tokens": 1}

    def old(body: dict[str, Any]) -> Reply:
        count = len(body["prompt"])
        known = [f"token_id:{each}" for each in body["logprob_token_ids"]]
        top = dict.fromkeys(known if fields == "allowed" else ["token_id:5"], -1.0)
        choice = {
            "token_ids": [5],
            "finish_reason": "length",
            "logprobs": {"token_logprobs": [-1.0], "top_logprobs": [top]},
        }
        return answer(200, {"choices": [choice], "usage": {**usage, "prompt_tokens": count}})

    server.routes = {GENERATE: lambda body: answer(404, {"detail": "x"}), COMPLETIONS: old}
    with pytest.raises(UnfitServer, match=f"{told}.*(vLLM 0.32 does|does not know)"):
        started(server, one)


def test_a_server_without_tokenize_is_taken_at_its_word(
    server: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.routes = {"/tokenize": lambda body: answer(404, {"detail": "Not Found"})}
    with caplog.at_level(logging.WARNING):
        started(server, one)
    assert "its tokenizer was not compared" in caplog.text


def test_what_nobody_tells_of_the_cache_is_unknown(
    server: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.tells_cached = False
    (made,) = started(server, one)
    assert isinstance(made, Generation)
    assert made.cached_tokens is None
    assert (made.spent.prompt, made.spent.cached, made.spent.untold) == (72, 0, 1)
    assert "--enable-prompt-tokens-details" in caplog.text


# The key.
def test_a_wrong_key_is_told_and_shown_nowhere(
    server: PlayedServer, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "canary-of-another"
    with caplog.at_level(logging.DEBUG), pytest.raises(UnfitServer, match="refuses the key") as no:
        started(server, one, key=wrong)
    assert "401 Unauthorized: Unauthorized: Bearer <redacted>" in str(no.value)
    assert wrong not in str(no.value) + repr(no.value.__cause__) + caplog.text


def test_a_key_that_is_taken_no_more_ends_the_engine(server: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        server.key = "another"
        with pytest.raises(EngineError, match="the key is not taken any more") as raised:
            await one(engine)
        assert CANARY not in str(raised.value)

    started(server, use)


def test_the_key_comes_from_the_variable_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = VllmServerConfig(api_key_env="SERVER_KEY")
    monkeypatch.delenv("SERVER_KEY", raising=False)
    assert list(config.notes()) == ["api_key_env: SERVER_KEY is not set here; a run needs it"]
    with pytest.raises(UnfitServer, match="SERVER_KEY is not set where the engine runs"):
        config.key()
    monkeypatch.setenv("SERVER_KEY", f" {CANARY}\n")
    assert config.key() == CANARY
    assert CANARY not in repr(config)
    assert not list(config.notes())


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
