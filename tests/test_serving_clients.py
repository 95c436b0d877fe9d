"""What stock chat apps send to `serve`, and that they can send back what they got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from search.core import Turn
from served_doubles import FAST, Served, served, user
from treewright.serving.chat import read_chat
from treewright.serving.faults import ApiFault
from treewright.serving.settings import Settings

SYSTEM = {"role": "system", "content": "Be brief."}
QUESTION = user("What is 3 + 4?")
PARTS = [{"type": "text", "text": "What is "}, {"type": "text", "text": "3 + 4?"}]
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
APPS: dict[str, dict[str, Any]] = {
    "Open WebUI": {
        **STREAMED,
        "messages": [SYSTEM, QUESTION],
        "metadata": {"chat_id": "2f", "features": {"web_search": False}},
        "user": {"name": "me", "id": "1", "email": "me@host", "role": "user"},
        **{"chat_id": "2f", "session_id": "s", "id": "m", "files": [], "tool_ids": []},
        **{"temperature": 0.8, "num_ctx": 4096, "repeat_penalty": 1.1, "mirostat": 0},
    },
    "Open WebUI, the title of a chat": {
        "messages": [QUESTION],
        "stream": False,
        "max_completion_tokens": 1000,
        "metadata": {"task": "title_generation"},
    },
    "LibreChat": {
        **STREAMED,
        "messages": [{**SYSTEM, "role": "developer"}, {**QUESTION, "content": PARTS}],
        **{"user": "65f0", "n": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0},
        **{"reasoning": {"effort": "low"}, "verbosity": "low", "stop": []},
    },
    "LM Studio": {
        "messages": [SYSTEM, QUESTION],
        **{"temperature": 0.7, "max_tokens": -1, "stream": False, "ttl": 300, "top_k": 40},
        **{"logit_bias": {}, "repeat_penalty": 1.1, "seed": 7, "stop": ""},
    },
    "an editor": {
        **{"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "content": [{**part, "cache_control": {"type": "ephemeral"}} for part in PARTS],
            },
        ],
        **{"max_tokens": None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True},
        **{"response_format": {"type": "text"}, "logprobs": False, "top_logprobs": None},
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("apps"), Settings(port=0), FAST) as found:
        yield found


@pytest.mark.parametrize("app", APPS)
def test_what_an_app_sends_is_answered(server: Served, app: str) -> None:
    reply = server.ask(said=APPS[app])
    assert reply.status_code == 200, reply.text
    if not APPS[app]["stream"]:
        assert reply.json()["choices"][0]["message"]["content"].endswith("\\boxed{7}.")
        assert reply.json()["usage"]["total_tokens"] > 0
        return
    sent = [line[6:] for line in reply.text.split("\n\n") if line.startswith("data: ")]
    *chunks, usage = [json.loads(each) for each in sent[:-1]]
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks)
    assert text.endswith("\\boxed{7}.")
    assert {each["object"] for each in chunks} == {"chat.completion.chunk"}
    assert (usage["choices"], sent[-1]) == ([], "[DONE]")


def test_an_answer_can_be_sent_back_as_it_came(server: Served) -> None:
    answer = server.ask().json()["choices"][0]["message"]
    kept = {**answer, "tool_calls": None, "function_call": None, "annotations": [], "audio": None}
    thought = {**answer, "reasoning_content": "Hm.", "reasoning": "Hm."}
    for each in (answer, kept, thought):
        said = server.ask(messages=[QUESTION, each, user("What is 5 + 6?")])
        assert said.status_code == 200, said.text
        assert said.json()["treewright"]["answer"] == "11"


def test_the_official_client_sends_its_own_answers_back(server: Served) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=server.url, api_key="none needed here") as client:
        turns: list[Any] = [QUESTION]
        said = client.chat.completions.create(model="treewright/config", messages=turns)
        turns += [said.choices[0].message, user("What is 5 + 6?")]
        said = client.chat.completions.create(model="treewright/config", messages=turns)
    assert said.choices[0].message.content.endswith("\\boxed{11}.")


def test_an_app_finds_the_models_and_is_told_what_was_not_used(server: Served) -> None:
    listed = httpx.get(f"{server.url}/models", headers={"authorization": "Bearer any"}).json()
    assert {"id", "object", "created", "owned_by"} == set(listed["data"][0])
    ignored = server.ask(said=APPS["LM Studio"]).json()["treewright"]["ignored"]
    assert ignored == ["temperature", "max_tokens", "top_k", "repeat_penalty"]


def read(**more: object) -> Any:
    return read_chat(json.dumps({"model": "m", "messages": [QUESTION], **more}).encode())


def test_parts_of_a_message_are_one_text_and_a_developer_is_the_system() -> None:
    chat = read(messages=[{"role": "developer", "content": PARTS}, {**QUESTION, "content": PARTS}])
    assert chat.question == "What is 3 + 4?"
    assert chat.history == (Turn("system", "What is 3 + 4?"),)


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"files": [{"id": "f"}]}, "files", "unsupported_parameter"),
        ({"tool_ids": ["clock"]}, "tool_ids", "unsupported_parameter"),
        ({"web_search": True}, "web_search", "unsupported_parameter"),
        ({"stop": ["."]}, "stop", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"chat": "2f"}, "chat", "unknown_parameter"),
        (
            {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}, QUESTION]},
            "messages.0.tool_calls",
            "unknown_parameter",
        ),
        ({"messages": [{"role": "tool", "content": "7"}, QUESTION]}, "messages.0.role", None),
        ({"messages": [{**QUESTION, "reasoning": "?"}]}, "messages.0.reasoning", None),
    ],
)
def test_what_asks_for_more_than_a_search_can_is_refused_by_its_name(
    said: dict[str, object], param: str, code: str | None
) -> None:
    with pytest.raises(ApiFault) as raised:
        read(**said)
    assert (raised.value.status, raised.value.param) == (400, param)
    assert raised.value.code == (code or raised.value.code)
