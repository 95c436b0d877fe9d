"""`treewright serve`: what stock clients ask, and what a bad request gets."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from served_doubles import FAST, Served, served, user
from treewright.cli import main
from treewright.running.lock import RunLock
from treewright.serving.server import bound
from treewright.serving.settings import Settings
from treewright.serving.store import Store

SLOW = {"kind": "simulated", "accuracy": 0.9}
"""Takes seconds for a solution, as a model does."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(folder, Settings(port=0, body_kib=64, body_s=0.5, largest=64), FAST) as found:
        yield found


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("slow")
    with served(folder, Settings(port=0, queue=2), SLOW) as found:
        yield found


def test_an_answer_has_what_the_api_says_and_what_a_search_knows(server: Served) -> None:
    said = server.ask(temperature=0.7, max_tokens=100, user="me").json()
    (choice,) = said["choices"]
    more, usage = said["treewright"], said["usage"]
    assert choice["message"]["content"].endswith("\\boxed{7}.")
    assert choice["finish_reason"] == "stop"
    assert (more["answer"], len(more["candidates"])) == ("7", 4)
    assert more["candidates"][more["chosen"]]["text"] == choice["message"]["content"]
    assert sum(each["vote_share"] > 0 for each in more["candidates"]) == 4
    assert more["ignored"] == ["temperature", "max_tokens"]
    assert 0 < usage["completion_tokens_details"]["verifier_tokens"] < usage["completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_tree_of_an_answer_is_opened_by_its_id(
    server: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        user("Hi"),
        {"role": "assistant", "content": "Hello."},
    ]
    said = server.ask(messages=[*history, user("What is 5 + 6?")]).json()["treewright"]
    monkeypatch.setenv("TREEWRIGHT_RUNS", str(server.desk.store.root.parent))
    assert main(["tree", said["tree"], "1", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    chosen = [node["id"] for node in tree["nodes"] if node.get("chosen")]
    assert said["candidates"][said["chosen"]]["path"] in chosen
    assert httpx.get(f"{server.url}/trees/{said['tree']}").json() == tree
    assert main(["tree", said["tree"], "1"]) == 0
    assert "[candidate 1]" in capsys.readouterr().out  # nobody knows whether it is right
    assert main(["report", said["tree"]]) == 0
    question = json.loads(
        (server.desk.store.root.parent / said["tree"] / "question.jsonl").read_text()
    )
    assert [turn["role"] for turn in question["history"]] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ({"model": "treewright/majority@6"}, 6),
        ({"model": "best_of_n@3"}, 3),
        ({"strategy": "beam", "n": 4}, 4),
        ({"strategy": "snell", "n": 4}, 4),
        ({"model": "treewright/greedy"}, 1),
        ({"budget": 1, "strategy": "mcts"}, 0),
    ],
)
def test_strategy_size_and_budget_are_the_requests(
    server: Served, said: dict[str, object], count: int
) -> None:
    more = server.ask(said=said).json()["treewright"]
    assert len(more["candidates"]) <= max(count, 4)
    assert (more["ended_by"] is not None) is ("budget" in said)
    if "strategy" not in said:
        assert len(more["candidates"]) == count


@pytest.mark.parametrize("id", ["none", "asked-served/../x", "asked-served/20200101T000000Z-0"])
def test_a_tree_that_is_not_there_is_a_404(server: Served, id: str) -> None:
    reply = httpx.get(f"{server.url}/trees/{id}")
    assert reply.status_code == 404
    assert reply.json()["error"]["message"]


def test_the_oldest_runs_are_deleted_but_for_those_at_work(tmp_path: Path) -> None:
    store = Store(tmp_path, 2, {})
    names = [f"2026010{day}T000000Z-{day:016x}" for day in range(1, 6)]
    for name in (*names, "mine"):
        (tmp_path / name).mkdir()
    with RunLock(tmp_path / names[0]):
        store.tidy()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [names[0], *names[3:], "mine"]


def test_an_answer_is_sent_at_once() -> None:
    """Without the protocol said, asyncio would wait for an acknowledgement: 40 ms."""
    with bound(Settings(port=0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_every_model_that_is_listed_answers(server: Served) -> None:
    listed = httpx.get(f"{server.url}/models").json()["data"]
    assert {"treewright/beam", "treewright/snell"} <= {each["id"] for each in listed}
    one = httpx.get(f"{server.url}/models/treewright/beam@8").json()
    assert (one["id"], one["object"]) == ("treewright/beam@8", "model")
    for each in listed:
        assert server.ask(model=each["id"], deadline_s=20).status_code == 200, each["id"]


@pytest.mark.parametrize(
    ("said", "status", "param"),
    [
        ({"model": "gpt-4"}, 404, "model"),
        ({"n": 2}, 400, "n"),
        ({"n": "2"}, 400, "n"),
        ({"strategy": "beam", "n": 10**6}, 400, "n"),
        ({"strategy": "none"}, 400, "strategy"),
        ({"strategy": "beam", "n": 2}, 400, "strategy"),
        ({"strategy": "greedy", "n": 4}, 400, "n"),
        ({"strategy": "greedy", "budget": 100}, 400, "budget"),
        ({"budget": {"tokens": 4}}, 400, "budget.tokens"),
        ({"deadline_s": 10**6}, 400, "deadline_s"),
        ({"deadline_s": 0}, 400, "deadline_s"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"unheard": 1}, 400, "unheard"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "?"}]}, 400, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "?"}]}, 400, "messages"),
        ({"messages": [user(" ")]}, 400, "messages"),
        ({"messages": [user("x" * 10**6)]}, 413, None),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            400,
            "messages.0.content.0.type",
        ),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
    ],
)
def test_a_bad_request_gets_one_error_object(
    server: Served, said: dict[str, object], status: int, param: str | None
) -> None:
    reply = server.ask(said=said)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (status, param), error
    assert "\n" not in error["message"]
    assert error["type"] == "invalid_request_error"


def test_what_is_no_request_gets_an_error_object_too(server: Served) -> None:
    url = f"{server.url}/chat/completions"
    kind = {"content-type": "application/json"}
    replies = [
        (httpx.post(url, content=b"{", headers=kind), 400),
        (httpx.post(url, content=b"[" * 60_000, headers=kind), 400),
        (httpx.post(url, content=b"{}", headers={"content-type": "text/plain"}), 415),
        (httpx.post(url, content=_dripping(), headers=kind), 408),
        (httpx.get(url), 405),
        (httpx.get(f"{server.url}/nothing"), 404),
        (httpx.get(f"{server.url}/models", headers={"host": "evil.example"}), 421),
        (server.ask(model="beam@0"), 400),
    ]
    assert replies[-1][0].json()["error"]["param"] == "model"
    assert httpx.get(f"{server.url}/models", headers={"host": "LOCALHOST:80"}).status_code == 200
    for reply, status in replies:
        assert reply.status_code == status
        assert reply.json()["error"]["message"]
    assert "access-control-allow-origin" not in server.ask().headers


def _dripping() -> Iterator[bytes]:
    for _ in range(3):
        yield b" "
        time.sleep(0.3)


def test_a_stream_is_comments_then_the_solution_then_its_usage(server: Served) -> None:
    said = server.ask(stream=True, stream_options={"include_usage": True})
    lines = [line for line in said.text.split("\n\n") if line]
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert said.headers["content-type"].startswith("text/event-stream")
    assert lines[0].startswith(": ")
    assert lines[-1] == "data: [DONE]"
    text = "".join(e["choices"][0]["delta"].get("content", "") for e in events if e["choices"])
    assert text.endswith("\\boxed{7}.")
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[-2]["treewright"]["answer"] == "7"
    assert events[-1]["usage"]["total_tokens"] > 0


def test_the_official_client_is_understood(server: Served) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=server.url, api_key="none needed here")
    asked = {"model": "treewright/best_of_n@4", "messages": [user("What is 3 + 4?")]}
    whole = client.chat.completions.create(**asked, extra_body={"deadline_s": 20})
    assert whole.choices[0].message.content.endswith("\\boxed{7}.")
    assert whole.model_extra["treewright"]["answer"] == "7"
    parts = list(client.chat.completions.create(**asked, stream=True))
    assert "".join(p.choices[0].delta.content or "" for p in parts).endswith("\\boxed{7}.")
    with pytest.raises(openai.BadRequestError, match="only one"):
        client.chat.completions.create(**asked, n=3)
    client.close()


def test_a_deadline_gives_the_best_so_far_marked_in_time_and_its_cost_unknown(
    slow: Served,
) -> None:
    def ask(number: int) -> httpx.Response:
        return slow.ask(f"What is {number} + 1?", strategy="beam", n=4, deadline_s=1.5)

    began = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(ask, range(4)))
    assert time.monotonic() - began < 4.0  # on a busy machine too
    uncounted = 0
    for reply in replies:
        said = reply.json()
        more = said["treewright"]
        assert more["best_so_far"]
        assert more["ended_by"] == "deadline"
        sides = more["counted"].values()
        uncounted += (lost := sum(side["uncounted"] for side in sides))
        assert (said["usage"] is None) == (lost > 0)  # a deadline may fall between two calls
        assert sum(side["completion_tokens"] for side in sides) > 0
    assert uncounted > 0
    assert slow.in_flight == 0
    name = 'treewright_calls_uncounted_total{{side="{}"}}'
    assert sum(slow.metric(name.format(side)) for side in ("policy", "verifier")) >= uncounted


def test_a_deadline_before_anything_is_found_is_a_504(slow: Served) -> None:
    reply = slow.ask(deadline_s=0.2)
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert reply.headers["x-should-retry"] == "false"  # the OpenAI clients ask thrice otherwise


def test_a_full_queue_says_when_to_come_again_and_clients_that_go_leave_nothing(
    slow: Served,
) -> None:
    def leave(number: int) -> None:
        said = {"model": "treewright/config", "messages": [user(f"What is {number} + 2?")]}
        with pytest.raises(httpx.TimeoutException):  # noqa: PT012 - reading is what times out
            streamed = {**said, "stream": bool(number % 2)}
            with httpx.stream(
                "POST", f"{slow.url}/chat/completions", json=streamed, timeout=0.8
            ) as reply:
                list(reply.iter_text()) if number % 2 == 0 else time.sleep(0.4)
                raise httpx.ReadTimeout("gone")

    with ThreadPoolExecutor(7) as threads:
        leaving = [threads.submit(leave, number) for number in range(6)]
        time.sleep(0.4)
        refused = slow.ask()
        for each in leaving:
            each.result()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    until = time.monotonic() + 5
    while (slow.in_flight or slow.desk.queue.inside) and time.monotonic() < until:
        time.sleep(0.02)
    assert (slow.in_flight, slow.desk.queue.inside) == (0, 0)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--host", "0.0.0.0"], "there are no keys"),
        (["--api-keys", "nowhere"], "cannot be read"),
        (["--replicas", "2"], "needs Ray Serve"),
        (["--queue", "-1"], "queue"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(
    option: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray.serve", None)
    assert main(["serve", "quickstart", *option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
