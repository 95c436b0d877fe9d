"""The scorer `http` and a server that cannot judge at all: told once, and not of each judgement."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest

from engines.address import UnfitServer
from engines.engine import EngineError
from scorers.http_config import HttpConfig
from scorers.http_prm import HttpScorer
from search.core import Prefix, Problem, Step, StopReason
from search.ports import ScorerCall

URL = "http://127.0.0.1:9/judge"
SECRET = "canary-4711-do-not-tell"
PATH = Prefix(Problem("p", "?"), (Step("a", (1,), StopReason.EOS),), (0,))
Answer = Callable[[httpx.Request], httpx.Response]


def scorer_over(answer: Answer | Exception) -> HttpScorer:
    def played(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    return HttpScorer(HttpConfig(URL, retries=0), SECRET, httpx.MockTransport(played))


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(401, text=f"no {SECRET}")


@pytest.mark.parametrize(
    ("answer", "fault", "problem"),
    [
        (refusing, UnfitServer, "no <redacted>; scorer.api_key_env"),
        (lambda request: httpx.Response(404), UnfitServer, "404 Not Found; is scorer.url whole"),
        (lambda request: httpx.Response(200, html="<p>"), UnfitServer, "it answers HTML"),
        (httpx.ConnectError("no route"), EngineError, "cannot be reached"),
        (lambda request: httpx.Response(503), None, ""),
        (lambda request: httpx.Response(200, json={"items": []}), None, ""),
    ],
)
def test_what_cannot_judge_at_all_is_told_once_before_the_first_judgement(
    answer: Answer | Exception, fault: type[Exception] | None, problem: str
) -> None:
    scorer = scorer_over(answer)
    if fault is None:
        asyncio.run(scorer.greet())
        return
    with pytest.raises(fault, match=re.escape(problem)) as raised:
        asyncio.run(scorer.greet())
    assert SECRET not in str(raised.value)


def test_a_key_that_is_not_taken_any_more_ends_the_scorer_once() -> None:
    with pytest.raises(EngineError, match=r"not taken any more: .*no <redacted>"):
        asyncio.run(scorer_over(refusing).judge([ScorerCall(PATH, 7)] * 2))
