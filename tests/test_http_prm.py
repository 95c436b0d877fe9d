"""The scorer `http`: its page's own server judges, and every fault of a server is one line."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engines import retrying
from engines.address import UnfitServer
from engines.traits import traits_of
from engines.vllm_server_config import VllmServerConfig
from scorers.cascade import CascadeConfig
from scorers.ensemble import EnsembleConfig
from scorers.http_config import HttpConfig, build
from scorers.http_prm import HttpScorer
from scorers.members import remade
from search.core import Judgement, Missing, Prefix, Problem, Spent, Step, StopReason
from search.findings import Health
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply

PAGE = Path(__file__).parents[1] / "docs/http_scorer.md"
URL = "http://127.0.0.1:9/judge"
SECRET = "canary-4711-do-not-tell"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_S", 0.001)


def path_of(*texts: str, question: str = "What is 3 + 4 + 15?", finished: bool = True) -> Prefix:
    stops = [StopReason.STEP_END] * len(texts)
    stops[-1] = StopReason.EOS if finished else StopReason.STEP_END
    steps = [Step(text, (1,), stop) for text, stop in zip(texts, stops, strict=True)]
    return Prefix(Problem("sum", question), tuple(steps), (0,))


GOOD = path_of("3 + 4 = 7.\n", "7 + 15 = 22.")
Answer = Callable[[httpx.Request], httpx.Response]


def asked(answer: Answer, *paths: Prefix, **keys: Any) -> list[ScorerReply | Failure]:
    """The replies to all paths at once of a server that answers so."""
    keys = {"url": URL, "wait_s": 0.0, "retries": 0, **keys}
    scorer = HttpScorer(HttpConfig(**keys), SECRET, httpx.MockTransport(answer))

    async def judge() -> list[ScorerReply | Failure]:
        try:
            return await scorer.judge([ScorerCall(path, 7) for path in paths])
        finally:
            await scorer.close()

    return asyncio.run(judge())


def items(*said: object) -> Answer:
    return lambda request: httpx.Response(200, json={"items": list(said)})


def told(reply: ScorerReply | Failure, kind: FailureKind = FailureKind.UNAVAILABLE) -> str:
    assert isinstance(reply, Failure)
    assert reply.kind is kind
    assert "\n" not in reply.message
    return reply.message


def judgement(reply: ScorerReply | Failure) -> Judgement:
    assert isinstance(reply, ScorerReply), reply
    return reply.judgement


# --- The page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The very text of the page, at work."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(text.splitlines()) <= 50
    file = tmp_path_factory.mktemp("server") / "server.py"
    file.write_text(text, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(file), str(port)])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/judge"
    finally:
        process.kill()
        process.wait()


def test_the_server_on_the_page_judges_and_is_found_by_doctor(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # which leads nowhere: none is used here
    config = HttpConfig(server)

    async def judge() -> list[ScorerReply | Failure]:
        scorer = await build(config)
        wrong = path_of("3 + 4 = 8.\n", "8 + 15 = 23.")
        replies = await scorer.judge([ScorerCall(GOOD, 1), ScorerCall(wrong, 2)])
        await scorer.close()
        return replies

    good, wrong = asyncio.run(judge())
    assert [verdict.probability for verdict in judgement(good).verdicts] == [0.98, 0.98]
    assert [verdict.probability for verdict in judgement(wrong).verdicts] == [0.02, 0.98]
    assert judgement(wrong).prefix == 0.98, "the last step's, unless the config says another"
    assert isinstance(good, ScorerReply)
    assert good.spent == Spent(1, len("What is 3 + 4 + 15?3 + 4 = 7.\n7 + 15 = 22."))
    (found,) = config.examine([], feedback=False)
    assert found.health is Health.OK


def test_the_examples_on_the_page_are_what_is_sent_and_read() -> None:
    sent, answer = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL))
    seen: list[dict[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=answer)

    (read,) = asked(reply, GOOD)
    assert [{**item, "seed": 81} for item in seen[0]["items"]] == sent["items"]
    assert seen[0]["protocol"] == sent["protocol"]
    assert [verdict.probability for verdict in judgement(read).verdicts] == [0.98, 0.91]
    assert judgement(read).prefix == 0.9


# --- What is read ---------------------------------------------------------------------------------


def test_a_step_without_a_number_is_missing_and_a_solution_may_be_judged_as_a_whole() -> None:
    (half,) = asked(items({"steps": [None, 0.4], "prefix": 0.4}), GOOD)
    assert [verdict.probability for verdict in judgement(half).verdicts] == [None, 0.4]
    (whole,) = asked(items({"prefix": 0.7}), GOOD, judges="outcome")
    assert judgement(whole) == Judgement((), 0.7, chains=1)
    (open_end,) = asked(items({"prefix": 0.7}), path_of("x", finished=False), judges="outcome")
    assert "unfinished" in told(open_end, FailureKind.INVALID)


@pytest.mark.parametrize(("rule", "prefix"), [("last", 0.5), ("min", 0.2), ("product", 0.1)])
def test_the_whole_is_made_of_the_steps_where_it_is_not_told(rule: str, prefix: float) -> None:
    (reply,) = asked(items({"steps": [0.2, 0.5]}), GOOD, prefix=rule)
    assert judgement(reply).prefix == pytest.approx(prefix)
    assert isinstance(reply, ScorerReply)
    assert reply.spent == Spent(calls=1), "nobody counted: unknown, not free"


def test_paths_of_the_same_time_share_requests_of_the_size_that_is_allowed() -> None:
    sizes: list[int] = []

    def reply(request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)["items"]
        sizes.append(len(given))
        scored = [{"prefix": len(item["steps"][0]) / 100} for item in given]
        return httpx.Response(200, json={"items": scored})

    paths = [path_of("x" * number) for number in range(1, 11)]
    replies = asked(reply, *paths, batch=4)
    assert [judgement(each).prefix for each in replies] == [n / 100 for n in range(1, 11)]
    assert sizes == [4, 4, 2]


# --- What goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"steps": [0.2, 1.5], "prefix": 0.1}, "steps[1] is 1.5, not a number from 0 to 1"),
        ({"steps": [0.2], "prefix": 0.1}, "not a list of 2 numbers"),
        ({"steps": [0.2, None]}, "neither `prefix` nor a probability for every step"),
        ({}, "neither `prefix` nor"),
        ({"prefix": True}, "prefix is True"),
        ({"prefix": 0.1, "tokens": {"prompt": -1, "generated": 0}}, "tokens.prompt is -1"),
        ({"prefix": 0.1, "tokens": {"prompt": 1, "cached": 2, "generated": 0}}, "tokens.cached"),
        ({"prefix": 0.1, "tokens": 5}, "tokens is 5"),
        (7, "an item is 7, not an object"),
    ],
)
def test_an_item_that_breaks_the_protocol_fails_alone(said: object, problem: str) -> None:
    bad, good = asked(items(said, {"prefix": 0.9}), GOOD, path_of("another"))
    assert problem in told(bad)
    assert judgement(good).prefix == 0.9


def test_a_server_says_itself_what_it_cannot_judge() -> None:
    never, later = asked(
        items({"error": "too\nlong"}, {"error": "busy", "retry": True}), GOOD, path_of("another")
    )
    assert "the server refuses it: too long" in told(never, FailureKind.INVALID)
    assert "busy" in told(later)


def page_of_html(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<html>\n<body>Log in</body></html>")


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("all connection attempts failed")


async def asleep(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(60)
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (page_of_html, "it answers HTML, not JSON"),
        (lambda request: httpx.Response(200, json={"a": SECRET}), "no list `items`: {'a': '<redac"),
        (items(), "not by the protocol: it has 0 items and was asked about 1 (after 0 retries)"),
        (lambda request: httpx.Response(200, content=b"[" * 200_000), "is no JSON object: '[[["),
        (lambda request: httpx.Response(404), "404 Not Found; is scorer.url whole"),
        (lambda request: httpx.Response(400, text="bad\nbody"), "400 Bad Request: bad body"),
        (unreachable, "cannot be reached: all connection attempts failed"),
        (asleep, "no answer within 0.05 s (scorer.timeout_s)"),
    ],
)
def test_a_server_at_fault_is_told_in_one_line_with_its_address(
    answer: Answer, problem: str
) -> None:
    (reply,) = asked(answer, GOOD, timeout_s=0.05)
    message = told(reply)
    assert problem in message
    assert URL in message
    assert SECRET not in message


def test_what_passes_is_tried_again_and_told_with_how_often() -> None:
    statuses = [503, 429, 500, 200]

    def flaky(request: httpx.Request) -> httpx.Response:
        status = statuses.pop(0)
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        return httpx.Response(status, json={"items": [{"prefix": 0.9}]})

    (reply,) = asked(flaky, GOOD, retries=3)
    assert judgement(reply).prefix == 0.9
    (failed,) = asked(lambda request: httpx.Response(502), GOOD, retries=2)
    assert "502 Bad Gateway (after 2 retries)" in told(failed)


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_of_a_batch_that_one_item_spoils_each_is_sent_alone(status: int) -> None:
    def narrow(request: httpx.Request) -> httpx.Response:
        given = json.loads(request.content)["items"]
        if any("huge" in item["steps"] for item in given):
            return httpx.Response(status)
        return httpx.Response(200, json={"items": [{"prefix": 0.9, "error": None}] * len(given)})

    good, bad = asked(narrow, GOOD, path_of("huge"))
    assert judgement(good).prefix == 0.9
    for_good = FailureKind.INVALID if status == 413 else FailureKind.UNAVAILABLE
    assert str(status) in told(bad, for_good)


def test_whoever_waits_when_it_is_closed_does_not_wait_for_ever() -> None:
    scorer = HttpScorer(HttpConfig(URL, wait_s=0.0), SECRET, httpx.MockTransport(asleep))

    async def run() -> None:
        waiting = asyncio.ensure_future(scorer.judge([ScorerCall(GOOD, 7)]))
        await asyncio.sleep(0.05)
        await scorer.close()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 2.0)

    asyncio.run(run())


def test_a_server_that_is_not_there_is_what_doctor_finds() -> None:
    (found,) = HttpConfig(URL, timeout_s=2.0).examine([], feedback=False)
    assert found.health is Health.FAIL
    assert "cannot be reached" in found.found


@pytest.mark.parametrize(
    "url", ["", "localhost:80", "http://me:pw@host/judge", "http://host/judge?key=pw"]
)
def test_an_address_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url: ") as caught:
        HttpConfig(url)
    assert "pw" not in str(caught.value)


def test_the_key_is_named_and_stands_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    config = HttpConfig(URL, api_key_env="JUDGE_KEY")
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(UnfitServer, match=r"scorer\.api_key_env: JUDGE_KEY is not set"):
        asyncio.run(build(config))
    (found,) = config.examine([], feedback=False)
    assert "JUDGE_KEY is not set" in found.found
    monkeypatch.setenv("JUDGE_KEY", SECRET)
    assert (config.key(), SECRET in repr(config)) == (SECRET, False)
    with pytest.raises(ValueError, match="must be the name of an environment variable") as raised:
        HttpConfig(URL, api_key_env=SECRET)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("kind", ["ensemble", "cascade"])
def test_scorers_within_one_tell_all_keys_that_they_send(kind: str) -> None:
    mine = remade("http", {"url": URL, "api_key_env": "JUDGE_KEY"})
    engine = VllmServerConfig(api_key_env="SERVER_KEY")
    served = remade("judge", {"model": "m", "engine": engine})
    scorer = EnsembleConfig((mine, served)) if kind == "ensemble" else CascadeConfig(mine, served)
    first, then = ("members[0]", "members[1]") if kind == "ensemble" else ("first", "then")
    assert traits_of(scorer).key_variables == {
        f"{first}.api_key_env": "JUDGE_KEY",
        f"{then}.engine.api_key_env": "SERVER_KEY",
    }


def test_no_judgement_is_made_up_of_a_path_without_steps() -> None:
    (reply,) = asked(items(), Prefix.start(Problem("p", "?")))
    assert "no steps" in told(reply, FailureKind.INVALID)
    assert not isinstance(reply, Missing)
