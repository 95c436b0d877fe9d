"""A policy that thinks before it answers: what is thought, what is answered, what is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engines.byte_tokenizer import ByteTokenizer
from engines.engine import Finish, Refused
from engines.openai_config import OpenAiConfig
from engines.texts import TextGeneration, TextRequest
from policies.qwen_config import PolicySampling, QwenConfig
from policies.segmentation import Segmentation
from policies.structured import StructuredConfig
from policies.texts import TextPolicy
from policies.thinking import Thinking
from search.answers import extract_answer
from search.core import Prefix, StopReason
from search.ports import PolicyCall, PolicyReply
from search.questions import Until
from test_qwen import BYTES, EOS, ROOT, Recital, child, reply

THOUGHT, ANSWER = "<think>\nIs it \\boxed{1}?\n\nNo.\n</think>", "\n\nFirst.\n\nSo \\boxed{2}."
ALL = THOUGHT + ANSWER + EOS
SHOWN = {
    "answer": ["\n\nFirst.\n\n", "So \\boxed{2}."],
    "thought": ["<think>\nIs it \\boxed{1}?\n\n", "No.\n</think>", ANSWER],
    "both": ["<think>\nIs it \\boxed{1}?\n\n", "No.\n</think>", "\n\nFirst.\n\n", "So \\boxed{2}."],
}


class Opened(ByteTokenizer):
    """One whose chat template says what the model would have said first."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self._said = said

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return (*super().chat(messages), *self.encode(self._said))


def thinker(steps: Any = "answer", most: int | None = None, **sampling: Any) -> QwenConfig:
    return QwenConfig(
        "m",
        segmentation=Segmentation("blank_line"),
        thinking=Thinking(steps, most),
        sampling=PolicySampling(**sampling),
    )


def step_by_step(engine: Recital, settings: QwenConfig) -> Prefix:
    path = ROOT
    while not path.stopped:
        path = child(engine, settings, path, until=Until.STEP)
    return path


@pytest.mark.parametrize("steps", SHOWN)
@pytest.mark.parametrize("opened", ["", "<think>\n"])
@pytest.mark.parametrize("draw", [child, step_by_step])
def test_it_is_cut_where_the_config_says(steps: str, opened: str, draw: Any) -> None:
    path = draw(Recital(ALL, tokenizer=Opened(opened)), thinker(steps))
    texts = [step.text for step in path.steps]
    shown = list(SHOWN[steps])
    shown[0] = shown[0].removeprefix(opened)
    assert texts == shown
    assert path.finished
    assert BYTES.decode(path.token_ids) == ALL.removeprefix(opened).replace(EOS, "<|end|>")
    assert extract_answer(path.text) == "2"


@pytest.mark.parametrize("draw", [child, step_by_step])
@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("First.\n\nSo 2." + EOS, ""),
        ("<think>\n\n</think>\n\nFirst.\n\nSo 2." + EOS, "<think>\n\n</think>\n\n"),
    ],
)
def test_one_that_does_not_think_answers(draw: Any, text: str, opened: str) -> None:
    path = draw(Recital(text, tokenizer=Opened(opened)), thinker())
    assert [step.text for step in path.steps] == ["First.\n\n", "So 2."]


@pytest.mark.parametrize("steps", SHOWN)
@pytest.mark.parametrize("until", [Until.END, Until.STEP])
@pytest.mark.parametrize(
    ("text", "limit", "stop"),
    [
        ("<think>\\boxed{1}" + "x" * 99, 20, StopReason.LENGTH),
        ("<think>\\boxed{1}" + EOS, 99, StopReason.INVALID),
    ],
)
def test_a_thought_without_an_end_is_no_solution(
    steps: str, until: Until, text: str, limit: int, stop: StopReason
) -> None:
    path = child(Recital(text), thinker(steps, max_tokens=limit), until=until)
    assert [step.stop for step in path.steps] == [stop]
    assert not path.finished
    assert path.text == ("" if steps == "answer" else text[:limit].removesuffix(EOS))


@pytest.mark.parametrize("draw", [child, step_by_step])
def test_a_thought_has_a_limit_of_its_own_and_the_answer_the_rest(draw: Any) -> None:
    thought = len(THOUGHT)
    assert draw(Recital(ALL), thinker(most=thought)).finished
    path = draw(Recital(ALL), thinker(most=thought - 1))
    assert path.steps[-1].stop is StopReason.LENGTH
    assert len(path.token_ids) == thought - 1
    cut = draw(Recital(ALL), thinker(most=thought, max_tokens=thought + 9))
    assert (len(cut.token_ids), cut.steps[-1].stop) == (thought + 9, StopReason.LENGTH)


def test_the_longest_step_has_a_hidden_thought_aside() -> None:
    settings = thinker(max_step_tokens=len(SHOWN["answer"][1]) + 1)
    assert step_by_step(Recital(ALL), settings).finished
    shown = thinker("both", max_step_tokens=9)
    assert step_by_step(Recital(ALL), shown).steps[-1].stop is StopReason.LENGTH


def test_what_stands_in_a_thought_is_no_answer() -> None:
    assert extract_answer("<think>\\boxed{1}</think> I do not know.") is None


def test_texts_alone_have_no_thought() -> None:
    config = QwenConfig("m", engine=OpenAiConfig(), thinking=Thinking())
    assert config.asks - OpenAiConfig().abilities


def test_a_structured_policy_has_sections_instead() -> None:
    with pytest.raises(ValueError, match=r"thinking: .* must be null"):
        StructuredConfig("m", thinking=Thinking())


# Stop strings of the policy's own


def stopping(*stop: str, **more: Any) -> QwenConfig:
    settings = {"segmentation": Segmentation("blank_line")} | more
    return QwenConfig("m", sampling=PolicySampling(stop=stop), **settings)


@pytest.mark.parametrize("draw", [child, step_by_step])
@pytest.mark.parametrize(
    ("text", "stops", "steps"),
    [
        ("One.\n\nTwo. END of it", ("END",), ["One.\n\n", "Two. END"]),
        ("One.\n\nQ: and so on", ("\n\nQ:",), ["One.\n\n", "Q:"]),
        ("FAQ: no.\n\nQ: and so on", ("\n\nQ:",), ["FAQ: no.\n\n", "Q:"]),
        ("One.\n\nTwo.", ("\n\n",), ["One.\n\n"]),
        ("One. B and A", ("A", "B"), ["One. B"]),
    ],
)
def test_a_stop_string_ends_the_solution_over_all_steps(
    draw: Any, text: str, stops: tuple[str, ...], steps: list[str]
) -> None:
    path = draw(Recital(text + EOS), stopping(*stops))
    assert [step.text for step in path.steps] == steps
    assert path.finished


def test_without_one_the_engine_is_told_of_none() -> None:
    engine = Recital("One." + EOS)
    child(engine, stopping())
    assert engine.requests[0].sampling.stop == ()


def test_greedy_draws_heed_the_penalty_and_nothing_else() -> None:
    engine = Recital(EOS)
    drawn = PolicySampling(top_k=5, min_p=0.2, repetition_penalty=1.1)
    for greedy in (False, True):
        reply(engine, QwenConfig("m", sampling=drawn), greedy=greedy)
    told = [
        (r.sampling.top_k, r.sampling.min_p, r.sampling.repetition_penalty) for r in engine.requests
    ]
    assert told == [(5, 0.2, 1.1), (0, 0.0, 1.1)]


@pytest.mark.parametrize(
    ("until", "segment_stops"), [(Until.END, ()), (Until.STEP, ("\n\n",))], ids=["whole", "step"]
)
def test_an_api_is_told_a_stop_string_and_its_solution_ends_there(
    until: Until, segment_stops: tuple[str, ...]
) -> None:
    asked: list[TextRequest] = []

    class Api:
        async def complete(self, batch: Sequence[TextRequest]) -> list[TextGeneration | Refused]:
            asked.extend(batch)
            finish = Finish.STOP if batch[0].stop else Finish.EOS
            return [TextGeneration("One. END", finish, "END", 1, 0, 3)]

        async def close(self) -> None:
            pass

    call = PolicyCall(path=ROOT, child=0, until=until, seed=7)
    policy = TextPolicy(stopping("END", engine=OpenAiConfig()), Api())
    (answer,) = asyncio.run(policy.extend([call]))
    assert isinstance(answer, PolicyReply)
    assert (asked[0].ends, asked[0].stop) == (("END",), segment_stops)
    assert (answer.path.text, answer.path.finished) == ("One. END", True)
