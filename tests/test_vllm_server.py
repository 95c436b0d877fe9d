"""Running vLLM servers as an engine: what each fault is told as, retries, replicas.

What the engine owes a policy and a scorer is in `test_engine.py`, over both ways to ask.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from engines import vllm_fleet
from engines.engine import EngineError, Generation, Refused, Request, Sampling
from engines.http_words import REDACTED, words
from engines.sureness import sureness
from engines.vllm_server_config import VllmServerConfig
from engines.vllm_server_engine import VllmServerEngine
from engines.vllm_wire import (
    COMPLETIONS,
    GENERATE,
    Unlike,
    completions_logprobs,
    generate_logprobs,
    generation,
    path_of,
)
from played_server import (
    HTML_PAGE,
    PROMPT,
    TWO,
    PlayedServer,
    Reply,
    answer,
    error,
    one,
    started,
)

HALF = httpx.Response(200, content=b'{"choices": [{"token_ids": [7', headers={"a": "b"})
HTML = answer(200, HTML_PAGE)


class Broken(httpx.AsyncByteStream):
    """Half an answer, and the connection breaks."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"choices": '
        raise httpx.ReadError("peer closed in the middle")


CHOICE: dict[str, Any] = {"token_ids": [7], "finish_reason": "stop", "stop_reason": 7}
USAGE: dict[str, Any] = {"prompt_tokens": len(PROMPT), "completion_tokens": 1}


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
        (answer(200, {"choices": [{**CHOICE, "token_ids": [-7]}]}), "it has no token_ids"),
        (
            answer(200, {"choices": [{**CHOICE, "token_ids": [7] * 999}]}),
            "it has 999 tokens and was asked for",
        ),
        (
            answer(200, {"choices": [CHOICE], "usage": USAGE | {"completion_tokens": 9}}),
            "its usage says 72 + 9 tokens, it had 72 + 1",
        ),
        (
            answer(
                200,
                {
                    "choices": [CHOICE],
                    "usage": USAGE | {"prompt_tokens_details": {"cached_tokens": 99}},
                },
            ),
            "its usage says that 99 of 72 tokens were cached",
        ),
        (httpx.ReadError("peer closed"), "cannot be reached: peer closed"),
        (
            lambda: httpx.Response(200, stream=Broken()),
            "the answer broke off: peer closed in the middle",
        ),
        (
            answer(200, {"choices": [{**CHOICE, "finish_reason": "error"}], "usage": USAGE}),
            "vLLM ended the request with 'error'",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_may_pass_is_asked_again_and_then_told_as_what_it_is(
    played: PlayedServer, reply: Reply | Callable[[], Reply], told: str
) -> None:
    played.faults = [reply]
    (passed,) = started(played, one)
    assert isinstance(passed, Generation) or "vLLM ended" in told
    played.faults = [reply] * 3
    (refused,) = started(played, one)
    assert isinstance(refused, Refused)
    assert refused.again
    assert told in refused.message
    assert "\n" not in refused.message


def test_how_sure_it_was_is_read_beside_a_token_that_is_no_likely_one() -> None:
    request = Request(PROMPT, Sampling(1, likeliest=2))
    assert path_of(request, GENERATE) == COMPLETIONS
    top = {"token_id:7": -6.0, "token_id:8": -0.25, "token_id:9": -2.0}
    told = {"token_logprobs": [-6.0], "top_logprobs": [top]}
    said = {"choices": [{**CHOICE, "logprobs": told}], "usage": USAGE}
    read = generation(said, COMPLETIONS, request, (0,))
    assert isinstance(read, Generation)
    assert (read.sureness, read.logprob) == ((sureness(-6.0, [-0.25, -2.0]),), -6.0)
    told["top_logprobs"] = [{"token_id:7": -6.0}]
    with pytest.raises(Unlike, match="it tells 1 of the 2 likeliest tokens at a position"):
        generation(said, COMPLETIONS, request, (0,))


def test_what_a_server_will_never_serve_is_asked_once(played: PlayedServer) -> None:
    played.faults = [error(400, "The decoder prompt is longer")] * 2
    (refused,) = started(played, one)
    assert refused == Refused("http://one: 400 Bad Request: The decoder prompt is longer")
    assert len(played.faults) == 1


@pytest.mark.parametrize("said", ["0.05", "Sun, 29 Nov 2026 01:00:00 GMT"])
def test_a_retry_after_is_heeded(
    played: PlayedServer, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def spy(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", spy)
    played.faults = [error(429, "slow down", **{"retry-after": said})]
    (made,) = started(played, one)
    assert isinstance(made, Generation)
    waits = [seconds for seconds in slept if seconds]
    assert waits[0] >= (0.05 if said == "0.05" else 0.0)


def test_a_wait_beyond_the_deadline_is_not_waited_for(played: PlayedServer) -> None:
    played.faults = [error(429, "come tomorrow", **{"retry-after": "86400"})]
    (refused,) = started(played, one)
    assert isinstance(refused, Refused)
    assert refused.message == (
        "http://one: 429 Too Many Requests: come tomorrow; "
        "it asks to be left alone for longer than 5 s (engine.timeout_s)"
    )


def test_a_slow_server_is_left_at_the_deadline(played: PlayedServer) -> None:
    config = VllmServerConfig(base_urls=("http://one",), timeout_s=0.2)

    async def use(engine: VllmServerEngine) -> list[Generation | Refused]:
        played.engine.hold()  # type: ignore[attr-defined]
        return await one(engine)

    (refused,) = started(played, use, config)
    assert isinstance(refused, Refused)
    assert refused.again
    assert refused.message == "http://one: no answer within 0.2 s (engine.timeout_s)"
    assert played.engine.aborted  # type: ignore[attr-defined]


def test_a_cancelled_task_closes_its_connection(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        played.engine.hold()  # type: ignore[attr-defined]
        task = asyncio.ensure_future(one(engine))
        while len(played.asked) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started(played, use)
    assert [each.prompt for each in played.engine.aborted] == [PROMPT]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("share", "cached"), [(False, 0), (True, 64)])
def test_what_an_earlier_run_left_in_the_cache_is_found_only_where_that_is_wanted(
    played: PlayedServer, share: bool, cached: int
) -> None:
    config = VllmServerConfig(base_urls=("http://one",), share_cache=share)
    counts = [
        made.cached_tokens
        for _ in range(2)
        for made in started(played, one, config)
        if isinstance(made, Generation)
    ]
    assert counts == [0, cached]


def test_a_model_that_is_gone_is_no_fault_of_the_request(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> list[Generation | Refused]:
        played.model = "another"
        return await one(engine)

    (refused,) = started(played, use)
    assert isinstance(refused, Refused)
    assert refused.again
    assert "404 Not Found: The model the-model does not exist." in refused.message


# Several servers.
def test_prompts_that_begin_alike_go_to_one_server(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        starts = [(first,) * 64 for first in (5, 6)]
        for turn in range(3):
            for start in starts:
                await engine.generate([Request((*start, turn + 3), Sampling(1))])

    started(played, use, TWO)
    hosts = {host for host, _, _ in played.asked}
    by_start = {body["token_ids"][0]: set() for _, _, body in played.asked[2:]}  # type: ignore[var-annotated]
    for host, _, body in played.asked[2:]:
        by_start[body["token_ids"][0]].add(host)
    assert hosts == {"one", "two"}
    assert all(len(each) == 1 for each in by_start.values())


def test_a_server_that_has_much_to_do_is_helped(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        await engine.generate([Request(PROMPT, Sampling(1, seed=each)) for each in range(40)])

    started(played, use, TWO)
    hosts = [host for host, _, _ in played.asked[2:]]
    assert {hosts.count("one") - hosts.count("two") for _ in "x"} <= set(range(-8, 9))


def test_a_server_that_dies_is_left_out_until_it_is_back(
    played: PlayedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vllm_fleet, "DOWN_S", 0.0)

    async def use(engine: VllmServerEngine) -> tuple[list[Any], list[Any]]:
        first = (await one(engine))[0]
        played.dead = {played.asked[-1][0]}
        batch = await engine.generate([Request(PROMPT, Sampling(4, seed=i)) for i in range(20)])
        left, played.dead = set(played.dead), set()
        assert {host for host, _, _ in played.asked[-20:]}.isdisjoint(left)
        for _ in range(9):
            await asyncio.sleep(0.001)
            await engine.generate([Request((9,) * 70, Sampling(4))] * 20)
        assert left & {host for host, _, _ in played.asked[-100:]}
        return [first], batch

    with caplog.at_level(logging.WARNING):
        (first,), batch = started(played, use, TWO)
    assert isinstance(first, Generation)
    assert all(isinstance(each, Generation) for each in batch)
    assert "it is left out until it is back" in caplog.text
    assert "is back" in caplog.text


def test_when_all_servers_are_dead_so_is_the_engine(played: PlayedServer) -> None:
    async def use(engine: VllmServerEngine) -> None:
        played.dead = {"one", "two"}
        with pytest.raises(EngineError, match=r"no server answers: .*connection refused"):
            await one(engine)

    started(played, use, TWO)


def test_a_server_that_is_down_at_the_start_is_looked_at_when_it_is_up(
    played: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_fleet, "DOWN_S", 0.0)
    played.dead = {"one"}

    async def use(engine: VllmServerEngine) -> None:
        await one(engine)
        assert {host for host, _, _ in played.asked} == {"two"}
        played.dead = set()
        for _ in range(9):
            await engine.generate([Request((9,) * 70, Sampling(4))] * 20)
            await asyncio.sleep(0.001)
        assert {host for host, _, _ in played.asked} == {"one", "two"}

    started(played, use, TWO)
    played.dead = {"one", "two"}
    with pytest.raises(EngineError, match="cannot be reached: connection refused"):
        started(played, one, TWO)


@pytest.mark.parametrize("said", [None, "much", [1.0], True, 2.0, float("nan"), float("inf")])
def test_a_log_probability_that_is_no_number_is_an_answer_of_another_shape(said: object) -> None:
    for told in (
        {"token_logprobs": [said], "top_logprobs": [{"token_id:7": -1.0}]},
        {"token_logprobs": [-1.0], "top_logprobs": [{"token_id:7": said}]},
    ):
        with pytest.raises(Unlike, match="no log-probabilities by token id"):
            completions_logprobs({"logprobs": told})
    listed = {"content": [{"logprob": said, "top_logprobs": []}]}
    with pytest.raises(Unlike, match="no log-probabilities"):
        generate_logprobs({"logprobs": listed})


def test_an_error_that_begins_with_the_hidden_key_is_told() -> None:
    assert words(f"{REDACTED} is no key") == f"{REDACTED} is no key"
    assert words("<html>no</html>") == ""
