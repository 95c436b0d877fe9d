"""What an OpenAI-compatible API says, read: what has another shape is told as such."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engines.config import Ability
from engines.openai_config import OpenAiConfig
from engines.openai_wire import Unlike, counted, put_together, read
from engines.texts import TextGeneration, TextRequest
from played_api import chat
from search.core import Spent

REQUEST = TextRequest(({"role": "user", "content": "?"},), "", 9, stop=("\n\n",))


def streamed(*events: object) -> Any:
    async def said() -> AsyncIterator[object]:
        for event in events:
            yield event

    return asyncio.run(put_together(said(), chat=True))


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"choices": [{"index": 1, "delta": {"content": "b"}}]}, "has not one choice"),
        ({"error": {"message": "no room", "code": 7}}, "broke off with an error: no room$"),
        ({"choices": [{"delta": "text"}, 7]}, "the stream was cut"),
        ({"choices": {"0": {}}}, "the stream was cut"),
    ],
)
def test_a_stream_of_another_shape_is_told_and_crashes_nothing(event: object, told: str) -> None:
    with pytest.raises(Unlike, match=told):
        streamed(event)


def test_a_refusal_in_a_stream_is_what_was_said() -> None:
    said = {"choices": [{"delta": {"refusal": "I will not"}, "finish_reason": "stop"}]}
    made = read(streamed(said), TextRequest((), "", 9))
    assert isinstance(made, TextGeneration)
    assert made.text == "I will not"


@pytest.mark.parametrize("usage", [{"prompt_tokens": 10**30, "completion_tokens": 9}, [7],
                                   {"prompt_tokens": True, "completion_tokens": 9},
                                   {"prompt_tokens": 20, "completion_tokens": -1}])  # fmt: skip
def test_counts_that_cannot_be_are_a_fault(usage: object) -> None:
    with pytest.raises(Unlike, match="its usage cannot be"):
        counted(usage, "x")


@pytest.mark.parametrize("usage", [{}, {"total_tokens": 29}, {"prompt_tokens": 20}, None])
def test_a_usage_that_does_not_tell_is_unknown_and_no_fault(usage: object) -> None:
    made = read({**chat("x"), "usage": usage}, TextRequest((), "", 9))
    assert isinstance(made, TextGeneration)
    assert made.spent == Spent(1)


@pytest.mark.parametrize(
    ("error", "told"),
    [({"message": "model overloaded"}, "model overloaded"), ("no", "'no'"), ([5], r"\[5\]")],
)
def test_an_error_that_comes_as_an_answer_is_in_its_own_words(error: object, told: str) -> None:
    with pytest.raises(Unlike, match=f"^it answers with an error: {told}$"):
        read({"error": error}, REQUEST)


def test_a_stop_string_that_nobody_asked_for_is_not_put_behind_the_text() -> None:
    with pytest.raises(Unlike, match="'end_turn' stopped it, which is no stop string"):
        read(chat("Step 1", stop_reason="end_turn"), REQUEST)


@pytest.mark.parametrize("said", [{"a": float("nan")}, {"a": {1, 2}}, {"echo": True}])
def test_what_no_request_may_say_is_refused_in_the_config(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="extra_body: "):
        OpenAiConfig(extra_body=said)


def test_advice_names_nothing_that_cannot_do_what_is_lacking() -> None:
    assert OpenAiConfig().advice([Ability.SURENESS]) == "use engine.kind=vllm or vllm_server"
    assert OpenAiConfig().advice([Ability.HEADS]) == "use engine.kind=vllm"
    assert "engine.top_logprobs=20" in OpenAiConfig().advice([Ability.TOP_LOGPROBS])
