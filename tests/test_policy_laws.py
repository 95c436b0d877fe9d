"""What every policy owes a search, whatever proposes its steps."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import Finish, Generation, Refused, Request
from engines.token_clock import Timing
from engines.tokenizer import Tokenizer
from engines.vllm_config import VllmConfig
from policies.chat_prompt import SLOT
from policies.qwen import Qwen
from policies.qwen_config import PolicySampling, QwenConfig, build
from policies.registry import POLICIES as REGISTERED
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from policies.segmentation import Segmentation
from policies.simulated import SimulatedPolicy, SimulatedPolicyConfig
from policies.structured import Structured, StructuredConfig
from search.core import Prefix, Problem, StopReason
from search.ports import Failure, FailureKind, Policy, PolicyCall, PolicyReply
from search.questions import Until
from search.seeds import call_seed
from search.structured_protocol import TAGS

CHECKPOINT = Path(policies.__file__).parents[1] / "benchmarks" / "arithmetic" / "policy"
WORDS = (b".\n\n", b"\n\nSo", b"\n\n", b"Step", b"\xf0\x9f", b"\x98\x80\n")
SEAMS = ByteTokenizer(WORDS)


class Babble:
    """An engine that says random fragments, a function of prompt and seed, and obeys its limits."""

    max_model_len = 400
    fragments: tuple[str, ...] = (
        "a",
        " ",
        "\n",
        ".\n\n",
        "\n\nSo",
        "\nStep 2: ",
        "Step",
        "\N{GRINNING FACE}\n",
        "é",
    )

    async def generate(self, batch: Sequence[Request]) -> list[Generation | Refused]:
        await asyncio.sleep(0)
        return [self.babble(request) for request in batch]

    async def close(self) -> None:
        pass

    def babble(self, request: Request) -> Generation:
        sampling, prompt = request.sampling, len(request.prompt)
        rng = Random(call_seed(sampling.seed or 0, *request.prompt))
        ids: list[int] = []
        planned: list[int] = []
        finish = Finish.LENGTH
        while len(ids) < sampling.max_tokens:
            planned = planned or self.plan(rng)
            ids.append(planned.pop(0))
            if ids[-1] == END:
                finish = Finish.EOS
                break
            if any(stop in SEAMS.decode(ids) for stop in sampling.stop):
                finish = Finish.STOP
                break
        return Generation(tuple(ids), finish, prompt_tokens=prompt, cached_tokens=prompt // 3)

    def plan(self, rng: Random) -> list[int]:
        return [END] if rng.random() < 0.05 else list(SEAMS.encode(rng.choice(self.fragments)))


class TagBabble(Babble):
    """Says tags too, seldom in their order."""

    fragments = (*Babble.fragments, *TAGS)


def scripted() -> Policy:
    return ScriptedPolicy(ScriptedPolicyConfig(cut=0.1, no_answer=0.1, length_cv=0.5))


def simulated() -> Policy:
    return SimulatedPolicy(SimulatedPolicyConfig(timing=Timing(speed=1e6)))


def qwen(segmentation: Segmentation) -> Callable[[], Policy]:
    config = QwenConfig("m", segmentation=segmentation, sampling=PolicySampling(max_tokens=80))
    return lambda: Qwen(config, Babble(), SEAMS)


def structured() -> Policy:
    sampling = PolicySampling(temperature=1.0, max_tokens=80)
    config = StructuredConfig("m", system_prompt=None, prompt_template=SLOT, sampling=sampling)
    return Structured(config, TagBabble(), SEAMS)


POLICIES = {
    "scripted": scripted,
    "simulated": simulated,
    "qwen blank_line": qwen(Segmentation("blank_line")),
    "qwen step_marker": qwen(Segmentation("step_marker")),
    "qwen regex": qwen(Segmentation("regex", r"\n(?=S)")),
    "qwen whole": qwen(Segmentation("whole")),
    "structured": structured,
}
"""Every registered kind, and of which settings."""


@dataclass(frozen=True)
class Asked:
    """A batch of calls and what came back; no call failed."""

    calls: tuple[PolicyCall, ...]
    replies: tuple[PolicyReply, ...]
    tokenizer: Tokenizer


Law: TypeAlias = Callable[[Asked], None]


def replies_are_aligned(asked: Asked) -> None:
    for call, reply in zip(asked.calls, asked.replies, strict=True):
        assert reply.path.problem == call.path.problem
        assert reply.path.place == (*call.path.place, call.child)


def children_continue_their_parents(asked: Asked) -> None:
    for call, reply in zip(asked.calls, asked.replies, strict=True):
        before = len(call.path.steps)
        assert reply.path.steps[:before] == call.path.steps
        new = reply.path.steps[before:]
        assert len(new) == 1 if call.until is Until.STEP else len(new) >= 1
        assert all(step.token_ids for step in new)


def only_a_last_step_ends_a_path(asked: Asked) -> None:
    for call, reply in zip(asked.calls, asked.replies, strict=True):
        *inner, last = (step.stop for step in reply.path.steps)
        assert set(inner) <= {StopReason.STEP_END}
        assert call.until is Until.STEP or last is not StopReason.STEP_END
        assert reply.path.finished == (last is StopReason.EOS)


def texts_decode_tokens(asked: Asked) -> None:
    for reply in asked.replies:
        for step in reply.path.steps:
            ids = step.token_ids
            ended = ids[-1] in asked.tokenizer.eos_ids
            assert ended == (step.stop is StopReason.EOS)
            cut = step.stop is StopReason.LENGTH  # perhaps inside a character
            assert cut or step.text == asked.tokenizer.decode(ids[:-1] if ended else ids)


def steps_are_not_blank(asked: Asked) -> None:
    """But for a turn that ends, or is cut, with nothing said."""
    for call, reply in zip(asked.calls, asked.replies, strict=True):
        new = reply.path.steps[len(call.path.steps) :]
        assert all(step.text.strip() for step in new) or (
            len(new) == 1 and new[0].stop is not StopReason.STEP_END
        )


def spent_counts_what_was_said(asked: Asked) -> None:
    for call, reply in zip(asked.calls, asked.replies, strict=True):
        spent, new = reply.spent, len(reply.path.token_ids) - len(call.path.token_ids)
        assert spent.calls >= 1
        assert 0 <= spent.cached <= spent.prompt
        assert 0 <= spent.failed <= spent.generated
        assert spent.generated >= new
        if call.until is Until.END:
            assert (spent.calls, spent.generated) == (1, new)


def everything_pickles(asked: Asked) -> None:
    assert pickle.loads(pickle.dumps((asked.calls, asked.replies))) == (asked.calls, asked.replies)


LAWS: list[Law] = [
    replies_are_aligned,
    children_continue_their_parents,
    only_a_last_step_ends_a_path,
    texts_decode_tokens,
    steps_are_not_blank,
    spent_counts_what_was_said,
    everything_pickles,
]

SEEDS = st.integers(0, 2**63 - 1)
QUESTIONS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@dataclass(frozen=True)
class Plan:
    """A call yet to be made: its path is grown by steps of these seeds."""

    question: str
    growth: tuple[int, ...]
    child: int
    until: Until
    seed: int
    greedy: bool = False


PLANS = st.builds(
    Plan,
    QUESTIONS,
    st.lists(SEEDS, max_size=2).map(tuple),
    st.integers(0, 20),
    st.sampled_from(Until),
    SEEDS,
    st.booleans(),
)
BATCHES = st.lists(PLANS, max_size=4)


async def ask(policy: Policy, plans: Sequence[Plan], tokenizer: Tokenizer) -> Asked:
    calls = [await call_of(policy, plan) for plan in plans]
    replies = [reply for reply in await policy.extend(calls) if isinstance(reply, PolicyReply)]
    return Asked(tuple(calls), tuple(replies), tokenizer)


async def call_of(policy: Policy, plan: Plan) -> PolicyCall:
    path = Prefix.start(Problem(f"of {plan.question}", plan.question))
    for seed in plan.growth:
        (reply,) = await policy.extend([PolicyCall(path, 0, Until.STEP, seed)])
        assert isinstance(reply, PolicyReply)
        path = path if reply.path.stopped else reply.path
    return PolicyCall(path, plan.child, plan.until, plan.seed, plan.greedy)


def test_every_registered_policy_has_an_entry() -> None:
    assert {name.split()[0] for name in POLICIES} == set(REGISTERED)


each_policy = pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES.keys())


@each_policy
@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=30, deadline=None)
@given(plans=BATCHES)
def test_a_policy_obeys(law: Law, make: Callable[[], Policy], plans: list[Plan]) -> None:
    law(asyncio.run(ask(make(), plans, SEAMS)))


@each_policy
@settings(max_examples=30, deadline=None)
@given(plans=BATCHES)
def test_a_batch_equals_its_calls_alone(make: Callable[[], Policy], plans: list[Plan]) -> None:
    async def alone() -> list[PolicyReply]:
        asked = [await ask(make(), [plan], SEAMS) for plan in plans]
        return [reply for one in asked for reply in one.replies]

    together = asyncio.run(ask(make(), plans, SEAMS))
    assert list(together.replies) == asyncio.run(alone())


@each_policy
@settings(max_examples=30, deadline=None)
@given(plan=PLANS, other=SEEDS)
def test_greedy_depends_on_neither_seed_nor_child(
    make: Callable[[], Policy], plan: Plan, other: int
) -> None:
    pair = [replace(plan, greedy=True), replace(plan, greedy=True, seed=other, child=21)]
    one, two = asyncio.run(ask(make(), pair, SEAMS)).replies
    assert one.path.steps == two.path.steps


@each_policy
@settings(max_examples=30, deadline=None)
@given(plan=PLANS)
def test_a_path_that_has_ended_is_invalid(make: Callable[[], Policy], plan: Plan) -> None:
    async def extend_the_ended() -> PolicyReply | Failure:
        policy = make()
        (ended,) = (await ask(policy, [replace(plan, until=Until.END)], SEAMS)).replies
        (reply,) = await policy.extend([PolicyCall(ended.path, 0, plan.until, plan.seed)])
        return reply

    reply = asyncio.run(extend_the_ended())
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.INVALID
    assert "\n" not in reply.message


@pytest.mark.engine
@pytest.mark.skipif(not CHECKPOINT.is_dir(), reason="the arithmetic policy is not trained yet")
def test_the_real_engine_obeys_the_laws() -> None:
    async def ask_the_engine() -> Asked:
        config = QwenConfig(
            str(CHECKPOINT),
            segmentation=Segmentation("step_marker"),
            sampling=PolicySampling(temperature=1.0, max_tokens=200),
            engine=VllmConfig(max_num_seqs=16),
        )
        policy = await build(config)
        assert isinstance(policy, Qwen)
        try:
            plans = [
                Plan(question, tuple(range(depth)), depth, until, depth)
                for question in ("What is 4 + 5 - 3 * 2?", "Work out (7 - 2) * 3 + 1.")
                for depth in range(3)
                for until in Until
            ]
            return await ask(policy, plans, policy.tokenizer)
        finally:
            await policy.engine.close()

    asked = asyncio.run(ask_the_engine())
    for law in LAWS:
        law(asked)
