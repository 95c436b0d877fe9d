"""The scorer `confidence`, and how sure a policy says it was: recorded, kept, judged."""

from __future__ import annotations

import asyncio
from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from engines.byte_tokenizer import END, ByteTokenizer
from engines.scripted_engine import ScriptedEngine
from engines.sureness import BLOCK, blocks, sureness
from policies.qwen import Qwen
from policies.qwen_config import QwenConfig
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.confidence import ConfidenceConfig, ConfidenceScorer, grouped
from search.core import Judgement, Missing, Prefix, Problem, Spent, Step, StopReason, Sureness
from search.ports import PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Until
from search.replies import policy_reply
from treewright.journal.codec import decode_policy_reply, encode_policy_reply
from written_configs import BASE, loader, refused

ROOT = Prefix.start(Problem("p", "What is 3 + 4?"))


def measured(*tokens_and_confidence: tuple[int, float], logprob: float = -1.0) -> Step:
    """A step of blocks that have so many tokens and such a mean confidence."""
    sums = tuple(Sureness(n, n * logprob, n * c, n * c / 2) for n, c in tokens_and_confidence)
    ids = (1,) * sum(n for n, _ in tokens_and_confidence)
    return Step("x", ids, StopReason.STEP_END, None, sums)


def judged(config: ConfidenceConfig, *steps: Step) -> Judgement:
    path = Prefix(ROOT.problem, steps, (0,))
    (reply,) = asyncio.run(ConfidenceScorer(config).judge([ScorerCall(path, 1)]))
    assert isinstance(reply, ScorerReply)
    assert reply.spent == Spent()
    return reply.judgement


# --- What is measured, worked out by hand ---------------------------------------------------------


def test_of_two_tokens_with_a_half_and_a_quarter() -> None:
    sure = sureness(log(0.25), [log(0.5), log(0.25)])
    assert sure.confidence == pytest.approx(1.5 * log(2))
    # Renormalised they are 2/3 and 1/3: half the log of (1/2)/(2/3), and of (1/2)/(1/3).
    assert sure.certainty == pytest.approx((log(0.75) + log(1.5)) / 2)
    assert sure.logprob == log(0.25)
    even = sureness(log(0.25), [log(0.25)] * 4)
    assert even.confidence == pytest.approx(log(4))
    assert even.certainty == 0.0


def test_a_step_keeps_the_sums_over_blocks_of_its_tokens() -> None:
    kept = blocks([Sureness(1, -0.5, 2.0, 1.0)] * (BLOCK + 3))
    assert kept == (Sureness(BLOCK, -8.0, 32.0, 16.0), Sureness(3, -1.5, 6.0, 3.0))


def test_a_group_is_the_fewest_blocks_that_have_its_tokens() -> None:
    sums = [Sureness(n, 0.0, 0.0, 0.0) for n in (16, 16, 8, 16)]
    assert [[s.tokens for s in group] for group in grouped(sums, 32)] == [
        [16, 16],
        [16, 16, 8],
        [16, 8, 16],
    ]
    assert list(grouped(sums, 57)) == [sums], "a text that is shorter is one group"


# --- What is judged -------------------------------------------------------------------------------

STEPS = (measured((16, 4.0), (16, 2.0)), measured((16, 6.0)))


@pytest.mark.parametrize(
    ("keys", "prefix", "steps"),
    [
        ({"over": "mean"}, 4.0, [3.0, 6.0]),
        ({"over": "lowest", "group": 16}, 2.0, [2.0, 6.0]),
        ({"over": "lowest", "group": 32}, 3.0, [3.0, 6.0]),
        ({"over": "tail", "group": 32}, 4.0, [3.0, 6.0]),
        ({"over": "bottom", "group": 16}, 2.0, [2.0, 6.0]),
        ({"over": "mean", "measure": "self_certainty"}, 2.0, [1.5, 3.0]),
    ],
)
def test_a_mean_in_nats_becomes_a_half_at_the_key_half(
    keys: dict[str, Any], prefix: float, steps: list[float]
) -> None:
    read = judged(ConfidenceConfig(half=4.0, **keys), *STEPS)
    assert read.prefix == pytest.approx(prefix / (prefix + 4.0))
    scaled = [pytest.approx(nats / (nats + 4.0)) for nats in steps]
    assert [verdict.probability for verdict in read.verdicts] == scaled


def test_a_log_probability_becomes_the_geometric_mean_of_the_tokens_probabilities() -> None:
    config = ConfidenceConfig(measure="logprob", over="mean")
    assert judged(config, *STEPS).prefix == pytest.approx(exp(-1.0))
    told = Step("x", (1, 2), StopReason.EOS, logprob=2 * log(0.5))
    assert judged(config, told).prefix == pytest.approx(0.5), "of a policy that tells no more"


def test_where_nothing_was_recorded_there_is_no_judgement_and_one_line_says_what_to_set() -> None:
    for config in (ConfidenceConfig(), ConfidenceConfig(measure="logprob")):
        prefix = judged(config, STEPS[0], Step("x", (1,), StopReason.EOS)).prefix
        assert isinstance(prefix, Missing)
        assert "set policy.confidence=20" in prefix.reason
        assert not prefix.transient


def test_a_config_whose_policy_records_nothing_is_refused(tmp_path: Path) -> None:
    load, own = (
        loader(tmp_path),
        BASE.replace("scorer: {kind: scripted}", "scorer: {kind: confidence}"),
    )
    told = str(refused(load, own))
    assert "scorer.kind: confidence" in told or "confidence" in told
    assert "policy.confidence=20" in told
    assert load(own, "policy.confidence=20").scorer == ConfidenceConfig()
    assert "from 2 to 20" in str(refused(load, own, "policy.confidence=1"))


# --- What a policy records ------------------------------------------------------------------------


def drawn(until: Until, text: str = "One step.\n\nTwo.") -> PolicyReply:
    tokenizer = ByteTokenizer()
    ids = (*tokenizer.encode(text), END)

    def recite(request: Any) -> tuple[int, ...]:
        said = tokenizer.decode(request.prompt).rpartition("assistant\n")[2]
        return ids[len(said) :]

    engine = ScriptedEngine(recite, (END,), decode=tokenizer.decode)
    policy = Qwen(QwenConfig("m", confidence=5), engine, tokenizer)
    (reply,) = asyncio.run(policy.extend([PolicyCall(ROOT, 0, until, 1)]))
    assert isinstance(reply, PolicyReply), reply
    return reply


@pytest.mark.parametrize("until", [Until.STEP, Until.END])
def test_each_step_has_what_was_measured_of_its_own_tokens(until: Until) -> None:
    steps = drawn(until).path.steps
    assert [step.text for step in steps] == ["One step.\n\n", "Two."][: len(steps)]
    for step in steps:
        assert sum(sums.tokens for sums in step.sureness) == len(step.token_ids)
        assert step.logprob == pytest.approx(len(step.token_ids) * log(0.9), abs=1e-3)


def test_it_is_journaled_exactly_and_passes_what_a_reply_must_be() -> None:
    call = PolicyCall(ROOT, 0, Until.END, 1)
    for reply in (drawn(Until.END), scripted(ScriptedPolicyConfig(confidence=20), call)):
        assert decode_policy_reply(encode_policy_reply(reply, 0), call).path == reply.path
        assert policy_reply(call, [reply]) == reply
    odd = Prefix(ROOT.problem, (Step("x", (1, 2), StopReason.EOS, None, STEPS[0].sureness),), (0,))
    assert "sureness" in str(policy_reply(call, [PolicyReply(odd, Spent())]))
    with pytest.raises(ValueError, match="sureness"):
        decode_policy_reply(
            encode_policy_reply(reply, 0) | {"steps": [encoded_step([0, 1.0, 1.0, 1.0])]}, call
        )


def encoded_step(sums: list[float]) -> dict[str, Any]:
    return {"text": "x", "ids": [1], "stop": "eos", "logprob": None, "sureness": [sums]}


def scripted(config: ScriptedPolicyConfig, call: PolicyCall) -> PolicyReply:
    (reply,) = asyncio.run(ScriptedPolicy(config).extend([call]))
    assert isinstance(reply, PolicyReply)
    return reply


def test_the_double_draws_the_same_texts_with_and_without() -> None:
    call = PolicyCall(ROOT, 0, Until.END, 5)
    with_it, without = (scripted(ScriptedPolicyConfig(confidence=k), call) for k in (20, 0))
    assert with_it.path.text == without.path.text
    assert not any(step.sureness or step.logprob for step in without.path.steps)
