"""What stood before a question stays in the prompt of every policy, each with its own template."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engines.byte_tokenizer import ByteTokenizer
from engines.engine import Refused, Request
from engines.texts import TextRequest
from policies.chat_prompt import FewShot
from policies.qwen import Qwen
from policies.qwen_config import QwenConfig
from policies.structured import Structured, StructuredConfig
from policies.texts import TextPolicy
from search.core import Prefix, Problem, Turn
from search.keys import policy_digest
from search.ports import PolicyCall
from search.questions import Until

BYTES = ByteTokenizer()
HISTORY = (
    Turn("system", "Say it in French."),
    Turn("user", "Hi"),
    Turn("assistant", "Bonjour."),
)
SHOTS = [FewShot("2+2?", "4")]


class Refusing:
    """An engine that hears what it is asked, and refuses it."""

    max_model_len = 100_000

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def generate(self, batch: Sequence[Request]) -> list[Refused]:
        self.heard += [BYTES.decode(request.prompt) for request in batch]
        return [Refused("enough") for _ in batch]

    async def complete(self, batch: Sequence[TextRequest]) -> list[Refused]:
        self.heard += [BYTES.decode(BYTES.chat(request.turns)) for request in batch]
        return [Refused("enough") for _ in batch]

    async def close(self) -> None:
        pass


def call(history: tuple[Turn, ...]) -> PolicyCall:
    return PolicyCall(Prefix.start(Problem("p", "1+1?", history)), 0, Until.END, 7)


def heard(kind: str, history: tuple[Turn, ...], **settings: Any) -> str:
    engine: Any = Refusing()
    if kind == "structured":
        policy: Any = Structured(StructuredConfig("m", **settings), engine, BYTES)
    elif kind == "qwen":
        policy = Qwen(QwenConfig("m", **settings), engine, BYTES)
    else:
        policy = TextPolicy(QwenConfig("m", **settings), engine)
    asyncio.run(policy.extend([call(history)]))
    return str(engine.heard[0])


@pytest.mark.parametrize("kind", ["qwen", "structured", "texts"])
def test_the_turns_before_stand_between_the_examples_and_the_question(kind: str) -> None:
    said = heard(
        kind, HISTORY, system_prompt="Be brief.", prompt_template="Q: {question}", few_shots=SHOTS
    )
    assert said == (
        "<|start|>system\nBe brief.\n\nSay it in French.<|end|>"
        "<|start|>user\nQ: 2+2?<|end|><|start|>assistant\n4<|end|>"
        "<|start|>user\nHi<|end|><|start|>assistant\nBonjour.<|end|>"
        "<|start|>user\nQ: 1+1?<|end|><|start|>assistant\n"
    )


@pytest.mark.parametrize("kind", ["qwen", "texts"])
def test_a_system_turn_of_the_conversation_stands_where_the_config_has_none(kind: str) -> None:
    said = heard(kind, HISTORY[:1], system_prompt=None)
    assert said.startswith("<|start|>system\nSay it in French.<|end|><|start|>user\n")


def test_other_turns_before_a_question_make_it_another_call() -> None:
    digests = {policy_digest(call(HISTORY[:count])) for count in range(4)}
    assert len(digests) == 4
