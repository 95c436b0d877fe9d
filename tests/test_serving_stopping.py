"""`treewright serve` is stopped by SIGTERM: what is in flight ends first, and not for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from served_doubles import config_of, user
from treewright.serving.server import bound, serve
from treewright.serving.settings import Settings

TIMED: dict[str, object] = {"kind": "simulated", "timing": {"decode_seconds": 0.003}}
"""A solution takes under a second."""


def stopped(folder: Path, drain_s: float, *said: dict[str, object]) -> tuple[list[object], float]:
    """The replies to questions that a server had when it got SIGTERM, and the seconds from then."""
    with bound(Settings(port=0)) as free:
        port = free.getsockname()[1]
    replies: list[object] = [None] * len(said)
    moment = [0.0]

    def ask(number: int) -> None:
        asked = {"model": "treewright/config", "messages": [user("What is 3 + 4?")], **said[number]}
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        replies[number] = httpx.post(url, json=asked, timeout=20)

    def people() -> None:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        asking = [threading.Thread(target=ask, args=(number,)) for number in range(len(said))]
        for each in asking:
            each.start()
        time.sleep(0.3)
        moment[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        for each in asking:
            each.join()

    thread = threading.Thread(target=people)
    thread.start()
    settings = Settings(port=port, drain_s=drain_s)
    assert asyncio.run(serve(config_of(folder, TIMED), settings)) == 0
    thread.join()
    return replies, time.monotonic() - moment[0]


def test_what_is_in_flight_at_sigterm_ends_as_if_nothing_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (reply,), seconds = stopped(tmp_path, 30.0, {"n": 1})
    assert isinstance(reply, httpx.Response)
    more = reply.json()["treewright"]
    assert (reply.status_code, more["best_so_far"], len(more["candidates"])) == (200, False, 4)
    assert seconds < 5
    assert "stopping: 1 question in flight" in capsys.readouterr().err


def test_what_outlasts_the_drain_gives_its_best_so_far_or_503(tmp_path: Path) -> None:
    long = {"strategy": "mcts", "n": 64}
    replies, seconds = stopped(tmp_path, 0.3, long, {"strategy": "best_of_n", "n": 64})
    statuses = [reply.status_code for reply in replies if isinstance(reply, httpx.Response)]
    assert len(statuses) == 2
    assert set(statuses) <= {200, 503}
    for reply in replies:
        assert isinstance(reply, httpx.Response)
        said = reply.json()
        if reply.status_code == 200:
            assert said["treewright"]["ended_by"] == "shutdown"
            assert said["usage"] is None
        else:
            assert said["error"]["code"] == "draining"
    assert seconds < 3
