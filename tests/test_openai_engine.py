"""An OpenAI-compatible API as an engine: texts, reasons, counts, and what each fault is told as."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from engines import retrying
from engines.address import UnfitServer
from engines.engine import EngineError, Finish, Refused
from engines.openai_config import OpenAiConfig
from engines.openai_engine import OpenAiEngine
from engines.texts import TextGeneration, TextRequest
from played_api import USAGE, PlayedApi, chat, streamed
from played_server import answer, error
from policies.qwen_config import QwenConfig
from policies.segmentation import Segmentation
from policies.texts import PAUSES, TextPolicy
from search.core import Prefix, Problem, Spent, Step, StopReason
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until

CANARY = "canary-4f1c9e-of-the-account"
URL = "http://api/v1"
SOLUTION = "Step 1: 3 + 4 = 7\n\nStep 2: 7 * 2 = 14\n\nThe answer is \\boxed{14}."
PLAIN = OpenAiConfig(base_url=URL, api_key_env=None, retries=2, timeout_s=5.0)
STEPWISE = OpenAiConfig(
    base_url=URL, api_key_env=None, retries=2, continue_by="continue_final_message"
)
REQUEST = TextRequest(({"role": "user", "content": "?"},), "", 64, seed=(1 << 62) + 5)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_S", 0.001)


def asked(
    api: PlayedApi, *requests: TextRequest, config: OpenAiConfig = PLAIN
) -> Sequence[TextGeneration | Refused]:
    async def run() -> list[TextGeneration | Refused]:
        engine = await OpenAiEngine.start("a-model", config, api)
        try:
            return await engine.complete(requests)
        finally:
            await engine.close()

    return asyncio.run(run())


def drawn(
    api: PlayedApi, calls: Sequence[PolicyCall], config: OpenAiConfig, **keys: Any
) -> Sequence[PolicyReply | Failure]:
    async def run() -> list[PolicyReply | Failure]:
        engine = await OpenAiEngine.start("a-model", config, api)
        policy = TextPolicy(QwenConfig("a-model", engine=config, **keys), engine)
        try:
            return await policy.extend(calls)
        finally:
            await policy.close()

    return asyncio.run(run())


START = Prefix.start(Problem("p1", "What is (3 + 4) * 2?"))


def test_a_text_comes_with_its_reason_and_counts() -> None:
    (made,) = asked(PlayedApi(lambda body: chat(SOLUTION)), REQUEST)
    assert made == TextGeneration(SOLUTION, Finish.EOS, None, 20, 16, 9)
    assert made.spent == Spent(1, 20, 16, 9)


def test_a_request_says_what_it_must_and_no_more() -> None:
    api = PlayedApi(lambda body: chat(SOLUTION))
    silent = OpenAiConfig(
        base_url=URL,
        api_key_env=None,
        send_seed=False,
        max_tokens_name="max_completion_tokens",
        extra_body={"reasoning_effort": "low"},
    )
    asked(api, REQUEST)
    asked(api, REQUEST, config=silent)
    (path, plain), (_, other) = api.asked
    shared = {"model": "a-model", "temperature": 1.0, "top_p": 1.0, "messages": [*REQUEST.turns]}
    assert path == "/v1/chat/completions"
    assert plain == {**shared, "max_tokens": 64, "seed": 5}
    assert other == {**shared, "max_completion_tokens": 64, "reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("usage", "spent"),
    [
        (None, Spent(1)),
        ({"prompt_tokens": 20, "completion_tokens": 9}, Spent(1, 20, 0, 9, untold=1)),
        (USAGE, Spent(1, 20, 16, 9)),
    ],
)
def test_what_is_not_told_of_tokens_is_unknown(usage: object, spent: Spent) -> None:
    (made,) = asked(PlayedApi(lambda body: {**chat(SOLUTION), "usage": usage}), REQUEST)
    assert isinstance(made, TextGeneration)
    assert made.spent == spent


HALF = {"choices": [{"delta": {"content": "Step 1"}, "finish_reason": None}]}
END = {"choices": [{"delta": {"content": ": done"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("reply", "told", "again"),
    [
        (error(429, "Rate limit reached"), "429 Too Many Requests: Rate limit reached", True),
        (error(502, "bad gateway"), "502 Bad Gateway: bad gateway (after 2 retries)", True),
        (answer(200, "<html>login</html>"), "it answers HTML, not JSON", True),
        (answer(200, {"choices": []}), "it has not one choice", True),
        (answer(200, chat(None)), "its choice has no text", True),
        (answer(200, chat("x", None)), "its finish_reason is None", True),
        (
            answer(200, {**chat("x"), "usage": {"prompt_tokens": 20, "completion_tokens": 0}}),
            "its usage cannot be: 20 tokens of the prompt, None cached, 0 generated",
            True,
        ),
        (
            answer(200, {**chat("x"), "usage": {**USAGE, "prompt_tokens": 3}}),
            "its usage cannot be: 3 tokens of the prompt, 16 cached, 9 generated",
            True,
        ),
        (streamed(HALF), "the stream was cut: it ended without a finish_reason", True),
        (streamed(HALF, {"error": {"message": "overloaded"}}), "broke off with an error", True),
        (error(400, "maximum context length is 8192"), "400 Bad Request: maximum context", False),
        (answer(200, chat("", "content_filter")), "content filter withheld the answer", False),
        (answer(200, chat(None, "tool_calls")), "the model called a tool", False),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_fault_is_told_as_what_it_is(reply: httpx.Response, told: str, again: bool) -> None:
    stream = reply.headers["content-type"] == "text/event-stream"
    config = OpenAiConfig(base_url=URL, api_key_env=None, retries=2, stream=stream)
    api = PlayedApi(lambda body: chat(SOLUTION), faults=[reply] * 3)
    (refused,) = asked(api, REQUEST, config=config)
    assert isinstance(refused, Refused)
    assert told in refused.message
    assert "\n" not in refused.message
    assert (refused.again, len(api.asked)) == (again, 3 if again else 1)
    call = PolicyCall(START, 0, Until.END, 1)
    api.faults = [reply] * 3
    (failure,) = drawn(api, [call], config)
    assert isinstance(failure, Failure)
    assert failure.kind is (FailureKind.UNAVAILABLE if again else FailureKind.INVALID)


def test_a_stream_is_put_together() -> None:
    config = OpenAiConfig(base_url=URL, api_key_env=None, stream=True)
    events = (HALF, END, {"choices": [], "usage": USAGE}, "[DONE]")
    (made,) = asked(PlayedApi(lambda body: streamed(*events)), REQUEST, config=config)
    assert made == TextGeneration("Step 1: done", Finish.EOS, None, 20, 16, 9)


def test_an_api_that_is_gone_is_a_dead_engine() -> None:
    api = PlayedApi(lambda body: error(503, "going down"), dies=True)
    with pytest.raises(EngineError, match=r"the API is gone: .*cannot be reached: no route"):
        asked(api, REQUEST)


@pytest.mark.parametrize("fault", [httpx.ReadError("cut"), error(403, "your input was flagged")])
def test_a_request_that_alone_is_not_answered_ends_no_engine(
    fault: httpx.Response | Exception,
) -> None:
    config = OpenAiConfig(base_url=URL, api_key_env=None, retries=0)
    api = PlayedApi(lambda body: chat(SOLUTION), faults=[fault])
    refused, made = asked(api, REQUEST, REQUEST, config=config)
    assert isinstance(refused, Refused)
    assert refused.again
    assert isinstance(made, TextGeneration)


def test_a_wrong_name_and_a_wrong_key_are_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def start(model: str, config: OpenAiConfig) -> None:
        await OpenAiEngine.start(model, config, PlayedApi(lambda body: {}, key="right"))

    monkeypatch.setenv("API_KEY", "right")
    keyed = OpenAiConfig(base_url=URL, api_key_env="API_KEY")
    with pytest.raises(UnfitServer, match=r"does not serve gpt: .*404 Not Found: The model `gpt`"):
        asyncio.run(start("gpt", keyed))
    monkeypatch.setenv("API_KEY", CANARY)
    with pytest.raises(UnfitServer, match=r"refuses the key: .*Bearer <redacted>") as raised:
        asyncio.run(start("a-model", keyed))
    assert CANARY not in str(raised.value)
    monkeypatch.delenv("API_KEY")
    with pytest.raises(UnfitServer, match="API_KEY is not set where the engine runs"):
        asyncio.run(start("a-model", keyed))


# The policy.
def test_a_whole_solution_is_cut_into_steps_without_token_ids() -> None:
    (reply,) = drawn(
        PlayedApi(lambda body: chat(SOLUTION)), [PolicyCall(START, 3, Until.END, 7)], PLAIN
    )
    assert isinstance(reply, PolicyReply)
    assert [step.text for step in reply.path.steps] == [
        "Step 1: 3 + 4 = 7\n\n",
        "Step 2: 7 * 2 = 14\n\n",
        "The answer is \\boxed{14}.",
    ]
    assert {step.token_ids for step in reply.path.steps} == {()}
    assert (reply.path.finished, reply.path.id, reply.spent.generated) == (True, "3", 9)


def test_a_step_goes_on_with_the_text_and_ends_at_its_stop() -> None:
    replies = iter([("Step 1: 7", "\n\n"), ("Step 2: 14", "\n\n"), ("\\boxed{14}", None)])

    def say(body: Any) -> dict[str, Any]:
        text, stop = next(replies)
        return chat(text, stop_reason=stop)

    api, path = PlayedApi(say), START
    for seed in range(3):
        (reply,) = drawn(api, [PolicyCall(path, 0, Until.STEP, seed)], STEPWISE)
        assert isinstance(reply, PolicyReply)
        path = reply.path
    assert [step.text for step in path.steps] == ["Step 1: 7\n\n", "Step 2: 14\n\n", "\\boxed{14}"]
    assert [step.stop for step in path.steps] == [*[StopReason.STEP_END] * 2, StopReason.EOS]
    _, last = api.asked[-1]
    assert last["messages"][-1] == {"role": "assistant", "content": "Step 1: 7\n\nStep 2: 14\n\n"}
    assert (last["continue_final_message"], last["add_generation_prompt"]) == (True, False)
    assert last["stop"] == ["\n\n"]
    assert "continue_final_message" not in api.asked[0][1]


def test_an_api_that_begins_anew_is_told_at_the_start_and_not_searched_step_by_step() -> None:
    api = PlayedApi(lambda body: chat("Step 1: 7"), anew=True)
    with pytest.raises(UnfitServer, match="begins anew where a text was begun: 'One, two,'"):
        drawn(api, [PolicyCall(START, 0, Until.STEP, 1)], STEPWISE)
    assert not api.asked


def test_a_pause_before_any_text_is_gone_past() -> None:
    replies = iter([("", "\n\n"), ("Step 1", "\n\n")])

    def say(body: Any) -> dict[str, Any]:
        text, stop = next(replies)
        return chat(text, stop_reason=stop)

    (reply,) = drawn(PlayedApi(say), [PolicyCall(START, 0, Until.STEP, 1)], STEPWISE)
    assert isinstance(reply, PolicyReply)
    assert ([s.text for s in reply.path.steps], reply.spent.calls) == (["\n\nStep 1\n\n"], 2)


def test_an_end_with_nothing_more_to_say_is_an_end() -> None:
    path = START.grow(0, [Step("Step 1\n\n", (), StopReason.STEP_END)])
    api = PlayedApi(lambda body: chat("", stop_reason=None))
    (reply,) = drawn(api, [PolicyCall(path, 0, Until.STEP, 1)], STEPWISE)
    assert isinstance(reply, PolicyReply)
    assert reply.path.steps[-1] == Step("", (), StopReason.EOS)


def test_what_is_cut_in_a_thought_that_nobody_sees_is_a_cut_solution() -> None:
    cut = {"message": {"content": ""}, "finish_reason": "length"}
    api = PlayedApi(lambda body: {"choices": [cut], "usage": USAGE})
    (reply,) = drawn(api, [PolicyCall(START, 0, Until.END, 1)], PLAIN)
    assert isinstance(reply, PolicyReply)
    assert (reply.path.steps, reply.spent) == (
        (Step("", (), StopReason.LENGTH),),
        Spent(1, 20, 16, 9),
    )


def test_an_api_that_only_pauses_is_not_asked_for_ever() -> None:
    api = PlayedApi(lambda body: chat("", stop_reason="\n\n"))
    (reply,) = drawn(api, [PolicyCall(START, 0, Until.STEP, 1)], STEPWISE)
    assert isinstance(reply, PolicyReply)
    assert (reply.path.steps[-1].stop, reply.spent.calls) == (StopReason.LENGTH, PAUSES)


def test_a_rule_without_a_stop_string_is_looked_for_in_strides() -> None:
    api = PlayedApi(lambda body: chat("1) add 2) mul ", "length"))
    cut = Segmentation("regex", r"(?<= )(?=\d\))")
    (reply,) = drawn(api, [PolicyCall(START, 0, Until.STEP, 1)], STEPWISE, segmentation=cut)
    assert isinstance(reply, PolicyReply)
    assert [step.text for step in reply.path.steps] == ["1) add "]
    assert api.asked[0][1]["max_tokens"] == 32


def test_an_api_that_does_not_say_what_stopped_it_is_not_searched_step_by_step() -> None:
    api = PlayedApi(lambda body: chat("Step 1"))
    (failure,) = drawn(api, [PolicyCall(START, 0, Until.STEP, 1)], STEPWISE)
    assert isinstance(failure, Failure)
    assert "whether a stop string ended it or the model (no stop_reason)" in failure.message


def test_completions_go_on_after_the_template_of_a_checkpoint(root: Path) -> None:
    folder = str(root / "benchmarks/arithmetic/policy")
    config = OpenAiConfig(
        base_url=URL, api_key_env=None, continue_by="completions", tokenizer=folder
    )
    said = {
        "choices": [{"text": "x", "finish_reason": "stop", "stop_reason": None}],
        "usage": USAGE,
    }
    api = PlayedApi(lambda body: said)
    (made,) = asked(api, TextRequest(REQUEST.turns, "Step 1", 9, stop=("\n\n",)), config=config)
    assert isinstance(made, TextGeneration)
    ((path, body),) = api.asked
    assert path == "/v1/completions"
    assert re.search(r"\?.*assistant\nStep 1\Z", body["prompt"], re.DOTALL)
    assert "messages" not in body


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"base_url": "api.openai.com"}, "base_url: 'api.openai.com' must be an address"),
        ({"api_key_env": "sk-abcdef0123456789"}, "must be the name of an environment variable"),
        ({"continue_by": "completions"}, "tokenizer: None must be a checkpoint"),
        ({"top_logprobs": 5}, "top_logprobs: 5 must be 0 without continue_by: completions"),
        ({"extra_body": {"seed": 3}}, "extra_body: seed is set by another key"),
    ],
)
def test_a_wrong_key_of_the_config_is_told(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        OpenAiConfig(**keys)
