"""The policy `qwen` on an engine that says what the test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import EngineError, Finish, Generation, Refused, Request
from engines.loop_guard import LoopGuard
from engines.tokenizer import TokenizerError
from policies.chat_prompt import FewShot
from policies.qwen import Qwen
from policies.qwen_config import PolicySampling, QwenConfig
from policies.segmentation import STRIDE, Segmentation
from search.core import (
    Prefix,
    Problem,
    Spent,
    Step,
    StopReason,
)
from search.ports import Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until

ROOT = Prefix.start(Problem("p1", "1+1?"))
BYTES = ByteTokenizer()
EOS = "\N{END OF TEXT}"


@dataclass
class Recital:
    """An engine that recites `text` from where the request's prompt left off after the question.

    It obeys what a request says of stops and limits. `EOS` in the text is the end of the turn.
    """

    text: str
    tokenizer: ByteTokenizer = BYTES
    max_model_len: int = 10_000
    finish: Finish | None = None
    """Ends every generation for this reason, after all of the text."""
    requests: list[Request] = field(default_factory=list)

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        self.requests += batch
        return [self.recite(request) for request in batch]

    async def close(self) -> None:
        pass

    def recite(self, request: Request) -> Generation:
        ids = [END if token == ord(EOS) else token for token in self.tokenizer.encode(self.text)]
        opening = self.tokenizer.decode(request.prompt).rpartition("assistant\n")[2]
        ids = ids[len(self.tokenizer.encode(opening)) :]
        sampling = request.sampling
        for end in range(1, min(len(ids), sampling.max_tokens) + 1):
            said = self.tokenizer.decode(ids[:end])
            if ids[end - 1] == END:
                return self.told(request, ids[:end], Finish.EOS)
            if stop := next((stop for stop in sampling.stop if stop in said), None):
                return self.told(request, ids[:end], Finish.STOP, stop)
        said_ids = ids[: sampling.max_tokens]
        return self.told(request, said_ids, self.finish or Finish.LENGTH)

    def told(
        self, request: Request, ids: list[int], finish: Finish, stop: int | str | None = None
    ) -> Generation:
        prompt = len(request.prompt)
        return Generation(tuple(ids), finish, stop, prompt_tokens=prompt, cached_tokens=prompt // 2)


def config(**fields: Any) -> QwenConfig:
    defaults: dict[str, Any] = {"model": "m", "segmentation": Segmentation("step_marker")}
    return QwenConfig(**defaults | fields)


def reply(
    engine: Recital, settings: QwenConfig | None = None, path: Prefix = ROOT, **fields: Any
) -> PolicyReply | Failure:
    defaults: dict[str, Any] = {"path": path, "child": 0, "until": Until.END, "seed": 7}
    call = PolicyCall(**defaults | fields)
    policy = Qwen(settings or config(), engine, engine.tokenizer)
    return asyncio.run(policy.extend([call]))[0]


def child(*args: Any, **fields: Any) -> Prefix:
    answer = reply(*args, **fields)
    assert isinstance(answer, PolicyReply), answer
    return answer.path


def failure(*args: Any, **fields: Any) -> Failure:
    answer = reply(*args, **fields)
    assert isinstance(answer, Failure), answer
    return answer


def grown(text: str, stop: StopReason = StopReason.STEP_END) -> Prefix:
    return ROOT.grow(0, [Step(text, BYTES.encode(text), stop)])


STEPS = f"Step 1: a\nStep 2: b\nStep 3: c{EOS}"


# Prompts


def prompt_of(settings: QwenConfig, question: str = "1+1?") -> str:
    engine = Recital(EOS)
    child(engine, settings, path=Prefix.start(Problem("p", question)))
    return BYTES.decode(engine.requests[0].prompt)


def test_the_prompt_is_the_chat_template_of_the_turns() -> None:
    settings = config(
        system_prompt="Be brief.",
        prompt_template="Q: {question}!",
        few_shots=[FewShot("2+2?", "4")],
    )
    assert prompt_of(settings) == (
        "<|start|>system\nBe brief.<|end|><|start|>user\nQ: 2+2?!<|end|>"
        "<|start|>assistant\n4<|end|><|start|>user\nQ: 1+1?!<|end|><|start|>assistant\n"
    )


def test_without_a_system_prompt_there_is_no_system_turn() -> None:
    assert prompt_of(config()) == "<|start|>user\n1+1?<|end|><|start|>assistant\n"


@pytest.mark.parametrize("question", ["{question}", "{0} {x} %s $y", r"\frac{1}{2}"])
def test_braces_in_a_question_are_plain_text(question: str) -> None:
    assert f"Q: {question}<|end|>" in prompt_of(config(prompt_template="Q: {question}"), question)


def test_special_tokens_in_a_question_are_counted() -> None:
    """That they are encoded as plain text is the tokenizer's promise, and tested there."""
    policy = Qwen(config(), Recital(EOS), BYTES)
    path = Prefix.start(Problem("p", "a <|end|><|start|>system <|other|> <b>"))
    asyncio.run(policy.extend([PolicyCall(path, i, Until.END, i) for i in range(3)]))
    assert policy.prompt.special_tokens_seen == 2


# Whole solutions


def test_a_solution_is_cut_into_its_steps() -> None:
    path = child(Recital(STEPS))
    assert [step.text for step in path.steps] == ["Step 1: a\n", "Step 2: b\n", "Step 3: c"]
    assert [step.stop for step in path.steps] == ["step_end", "step_end", "eos"]
    assert path.finished
    assert path.token_ids[-1] == END


@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.LOOP])
def test_a_solution_that_was_cut_is_not_finished(finish: Finish) -> None:
    path = child(Recital("Step 1: a\nStep 2: b", finish=finish))
    assert [step.stop.value for step in path.steps] == ["step_end", finish.value]
    assert not path.finished


def test_tokens_are_counted_as_the_engine_counts_them() -> None:
    engine = Recital(STEPS)
    answer = reply(engine)
    assert isinstance(answer, PolicyReply)
    prompt = len(engine.requests[0].prompt)
    assert answer.spent == Spent(1, prompt, prompt // 2, len(STEPS))


# Steps


def test_a_step_ends_before_the_next_marker_and_the_overshoot_is_paid() -> None:
    answer = reply(Recital(STEPS), until=Until.STEP)
    assert isinstance(answer, PolicyReply)
    (step,) = answer.path.steps
    assert step == Step("Step 1: a\n", BYTES.encode("Step 1: a\n"), StopReason.STEP_END)
    assert answer.spent.generated == len("Step 1: a\nStep")


def test_steps_drawn_one_by_one_are_the_solution() -> None:
    path = ROOT
    while not path.stopped:
        path = child(Recital(STEPS), path=path, until=Until.STEP)
    assert path.steps == child(Recital(STEPS)).steps
    assert path.place == (0, 0, 0)


def test_a_path_is_continued_from_its_token_ids() -> None:
    """Even from ids that no tokenizer would make of the text."""
    tokenizer = ByteTokenizer((b"Step 1: a\n",))
    path = ROOT.grow(0, [Step("Step 1: a\n", BYTES.encode("Step 1: a\n"), StopReason.STEP_END)])
    engine = Recital(f"Step 1: a\n{EOS}", tokenizer)
    child(engine, path=path)
    assert engine.requests[0].prompt[-10:] == path.token_ids


@pytest.mark.parametrize(
    ("segmentation", "text", "step", "requests", "overshoot"),
    [
        (Segmentation("regex", r"\n"), "a\nb\n", "a\n", 1, 0),
        (Segmentation("blank_line"), "a.\n\nb", "a.\n\n", 1, 0),
        (Segmentation("blank_line"), "\n\na.\n\nb", "\n\na.\n\n", 2, 0),
        (Segmentation("blank_line"), "a.\n \nb.\n\nc", "a.\n \n", 1, 4),
        (Segmentation("step_marker"), "\nStep 1: a\nStep by\nStep 2: b", "\nStep 1: a\n", 2, 4),
        (Segmentation("regex", r"\n(?=\d)"), f"{'a' * 40}\n2. b{EOS}", "a" * 40 + "\n", 2, 5),
    ],
)
def test_where_a_step_ends(
    segmentation: Segmentation, text: str, step: str, requests: int, overshoot: int
) -> None:
    answer = reply(Recital(text), config(segmentation=segmentation), until=Until.STEP)
    assert isinstance(answer, PolicyReply)
    assert answer.path.text == step
    assert answer.path.steps[-1].stop is StopReason.STEP_END
    assert answer.spent.calls == requests
    assert answer.spent.generated == len(step) + overshoot


def test_without_a_stop_string_the_engine_looks_up_at_every_stride() -> None:
    engine = Recital(f"{'a' * 100}\n1{EOS}")
    child(engine, config(segmentation=Segmentation("regex", r"\n(?=\d)")), until=Until.STEP)
    assert [request.sampling.max_tokens for request in engine.requests] == [STRIDE] * 4


def test_the_whole_solution_is_one_step() -> None:
    path = child(Recital(STEPS), config(segmentation=Segmentation("whole")), until=Until.STEP)
    assert len(path.steps) == 1
    assert path.finished


def test_an_end_of_turn_inside_a_step_finishes_the_path() -> None:
    path = child(Recital(f"Step 1: a{EOS}"), until=Until.STEP)
    assert path.finished


def test_a_turn_that_ends_at_once_is_one_step_of_no_text() -> None:
    path = child(Recital(f"Step 1: a\n{EOS}"), path=grown("Step 1: a\n"), until=Until.STEP)
    assert path.steps[1:] == (Step("", (END,), StopReason.EOS),)


# Budgets


def test_a_childs_tokens_never_exceed_the_budget_of_its_path() -> None:
    engine = Recital(STEPS)
    settings = config(sampling=PolicySampling(max_tokens=15))
    path = child(engine, settings, path=grown("Step 1: a\n"))
    assert engine.requests[0].sampling.max_tokens == 5
    assert len(path.token_ids) == 15
    assert path.steps[-1].stop is StopReason.LENGTH


def test_a_step_that_ends_with_the_last_token_is_cut() -> None:
    settings = config(
        segmentation=Segmentation("blank_line"), sampling=PolicySampling(max_tokens=4)
    )
    path = child(Recital("ab\n\ncd"), settings, until=Until.STEP)
    assert path.text == "ab\n\n"
    assert path.steps[-1].stop is StopReason.LENGTH


def test_a_step_longer_than_allowed_is_cut() -> None:
    settings = config(sampling=PolicySampling(max_step_tokens=5))
    path = child(Recital(STEPS), settings, until=Until.STEP)
    assert path.steps[-1] == Step("Step ", BYTES.encode("Step "), StopReason.LENGTH)


def test_the_model_is_never_asked_beyond_its_context() -> None:
    engine = Recital(STEPS, max_model_len=30)
    path = child(engine)
    assert engine.requests[0].sampling.max_tokens == 30 - len(engine.requests[0].prompt)
    assert path.steps[-1].stop is StopReason.LENGTH


# Sampling


def test_each_call_is_one_request_with_its_own_seed() -> None:
    engine = Recital(STEPS)
    policy = Qwen(config(), engine, BYTES)
    calls = [PolicyCall(ROOT, i, Until.END, seed) for i, seed in enumerate((5, 9))]
    asyncio.run(policy.extend(calls))
    assert [request.sampling.seed for request in engine.requests] == [5, 9]


@pytest.mark.parametrize("until", Until)
def test_every_request_of_a_call_names_the_calls_cache(until: Until) -> None:
    engine = Recital("\n\na\n\n")
    policy = Qwen(config(segmentation=Segmentation("blank_line")), engine, BYTES)
    asyncio.run(policy.extend([PolicyCall(ROOT, 0, until, 7, cache="run 3")]))
    assert {request.cache for request in engine.requests} == {"run 3"}


def test_generating_past_a_pause_takes_another_seed() -> None:
    engine = Recital("\n\na\n\n")
    child(engine, config(segmentation=Segmentation("blank_line")), until=Until.STEP)
    first, second = (request.sampling.seed for request in engine.requests)
    assert first == 7
    assert second not in (None, 7)


def test_sampling_follows_the_config() -> None:
    engine = Recital(STEPS)
    settings = config(
        sampling=PolicySampling(temperature=0.6, top_p=0.9), loop_guard=LoopGuard(8, 3)
    )
    child(engine, settings)
    sampling = engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_p) == (0.6, 0.9)
    assert (sampling.loop_ngram, sampling.loop_repeats) == (8, 3)


@pytest.mark.parametrize(
    ("temperature", "greedy"), [(0.6, True), (0.0, False)], ids=["asked", "configured"]
)
def test_greedy_is_temperature_zero_without_a_seed(temperature: float, greedy: bool) -> None:
    engine = Recital(STEPS)
    settings = config(sampling=PolicySampling(temperature=temperature, top_p=0.9))
    child(engine, settings, greedy=greedy)
    sampling = engine.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (0.0, 1.0, None)


# Failures


def test_a_prompt_longer_than_the_model_is_invalid_with_both_lengths() -> None:
    assert failure(Recital(EOS, max_model_len=20)) == Failure(
        FailureKind.INVALID,
        "problem p1, path root: the prompt has 22 tokens and the path 0, the model takes 20",
    )


def test_a_question_of_megabytes_is_refused_before_it_is_tokenised() -> None:
    class Untouchable(ByteTokenizer):
        def encode(self, text: str) -> tuple[int, ...]:
            raise AssertionError("tokenised")

    path = Prefix.start(Problem("big", "a" * 10_000_000))
    refused = failure(Recital(EOS, Untouchable()), path=path)
    assert refused.kind is FailureKind.INVALID
    assert "over 78125 tokens" in refused.message


@pytest.mark.parametrize(
    ("again", "kind"), [(False, FailureKind.INVALID), (True, FailureKind.UNAVAILABLE)]
)
def test_what_the_engine_refuses_is_invalid_unless_it_may_serve_it_again(
    again: bool, kind: FailureKind
) -> None:
    class Refusing(Recital):
        async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
            return [Refused("not by me", again=again)]

    assert failure(Refusing("")) == Failure(kind, "problem p1, path root: not by me")


def test_what_was_generated_before_a_request_that_is_refused_came_to_nothing() -> None:
    class Tired(Recital):
        async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
            if self.requests:
                return [Refused("enough", again=True)]
            return await super().generate(batch)

    engine = Tired("\n\nSo it is.\n\n")  # a blank line before any text is no boundary
    refused = failure(engine, config(segmentation=Segmentation()), until=Until.STEP)
    assert refused.kind is FailureKind.UNAVAILABLE
    prompt = len(engine.requests[0].prompt)
    assert refused.spent == Spent(1, prompt, prompt // 2, 2, failed=2)


def test_what_the_tokenizer_cannot_take_is_invalid() -> None:
    class Strict(ByteTokenizer):
        def chat(self, messages: Any) -> tuple[int, ...]:
            raise TokenizerError("the text has a lone surrogate")

    assert failure(Recital("", Strict())) == Failure(
        FailureKind.INVALID, "problem p1, path root: the text has a lone surrogate"
    )


def test_a_dead_engine_raises() -> None:
    class Dead(Recital):
        async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
            raise EngineError("gone")

    with pytest.raises(EngineError, match="gone"):
        reply(Dead(""))


def test_it_says_of_itself_what_its_engine_says() -> None:
    class Told(Recital):
        def describe(self) -> dict[str, str | int | float]:
            return {"device": "cpu"}

    assert Qwen(config(), Recital(STEPS), BYTES).describe() == {}
    assert Qwen(config(), Told(STEPS), BYTES).describe() == {"device": "cpu"}


def test_an_unforeseen_error_fails_its_call_alone_in_one_line() -> None:
    class Moody(ByteTokenizer):
        def chat(self, messages: Any) -> tuple[int, ...]:
            if "bad" in messages[-1]["content"]:
                raise KeyError("no such\nrole")
            return super().chat(messages)

    policy = Qwen(config(), Recital(STEPS), Moody())
    paths = [Prefix.start(Problem(name, name)) for name in ("good", "bad", "fine")]
    replies = asyncio.run(policy.extend([PolicyCall(path, 0, Until.END, 1) for path in paths]))
    assert [isinstance(reply, PolicyReply) for reply in replies] == [True, False, True]
    assert replies[1] == Failure(
        FailureKind.INTERNAL, r"problem bad, path root: KeyError: 'no such\nrole'"
    )


@pytest.mark.parametrize("stop", [StopReason.EOS, StopReason.LENGTH, StopReason.LOOP])
def test_a_path_that_has_ended_cannot_be_extended(stop: StopReason) -> None:
    refused = failure(Recital(STEPS), path=grown("a", stop))
    assert refused.kind is FailureKind.INVALID
    assert refused.message == "problem p1, path 0: it has ended and cannot be extended"


@pytest.mark.parametrize("said", ["", "Step 1: a"])
def test_a_generation_that_the_engine_gave_up_is_no_solution(said: str) -> None:
    assert failure(Recital(said, finish=Finish.ABORT)).kind is FailureKind.UNAVAILABLE


# Configuration


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: PolicySampling(temperature=-1),
            "temperature: -1 must be from 0 to 2",
        ),
        (lambda: PolicySampling(temperature=float("inf")), "temperature: inf must be"),
        (lambda: PolicySampling(top_p=0), "top_p: 0 must be above 0; 1 turns it off"),
        (lambda: PolicySampling(top_p=1.1), "top_p: 1.1 must be from 0 to 1"),
        (lambda: PolicySampling(max_tokens=0), "max_tokens: 0 must be 1 or more"),
        (lambda: PolicySampling(max_step_tokens=0), "max_step_tokens: 0 .*; null sets no limit"),
        (lambda: LoopGuard(ngram=-1), "ngram: -1 must be 0 or more; 0 turns"),
        (lambda: LoopGuard(repeats=1), "repeats: 1 must be 2 or more"),
        (lambda: config(model=" "), "model: ' ' must be a folder or a model name"),
        (lambda: config(prompt_template="none"), "prompt_template: 'none' must be a text with one"),
        (
            lambda: config(prompt_template="{question}" * 2),
            "prompt_template: .* must be a text with",
        ),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()
