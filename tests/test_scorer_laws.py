"""Laws that every scorer obeys, whatever it is made of."""

from __future__ import annotations

import asyncio
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.byte_tokenizer import END, ByteTokenizer
from engines.engine import Request
from engines.scripted_engine import ScriptedEngine
from engines.token_clock import Timing
from scorers.no_scorer import NoScorer
from scorers.registry import SCORERS as REGISTERED
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scorers.simulated import SimulatedScorer, SimulatedScorerConfig
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import (
    Missing,
    Prefix,
    Problem,
    Step,
    StopReason,
    VerdictStatus,
)
from search.ports import Failure, Scorer, ScorerCall, ScorerReply

WORDS = ("correct", "incorrect", " Yes", " No", "<think>", "</think>")


class VerifierTokenizer(ByteTokenizer):
    """Bytes, the verdict words and the marks of R1-Distill's template."""

    def __init__(self) -> None:
        super().__init__([word.encode() for word in WORDS])

    def chat(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        return (*super().chat(messages), *self.encode("<think>\n"))


TOKENIZER = VerifierTokenizer()
CORRECT, INCORRECT, YES, NO, _, END_OF_THINK = (TOKENIZER.encode(word)[0] for word in WORDS)


def babble(request: Request) -> tuple[int, ...]:
    """A verifier that writes anything at all, the same for the same request."""
    rng = Random(repr((request.prompt, request.sampling.seed)))
    if request.sampling.allowed_ids:
        return (rng.choice((YES, NO)),)
    phrases = [
        rf"Step {rng.randrange(8)}: ",
        rf"The step is \boxed{{{rng.choice(('correct', 'incorrect'))}}}. ",
        rf"so **{rng.choice(('correct', 'incorrect'))}**\n",
        "\nIs the solution correct? Yes",
        "\n\n",
        "é 正 ",
    ]
    ids = TOKENIZER.encode("".join(rng.choices(phrases, (4, 4, 1, 1, 2, 1), k=9)))
    return ids + rng.choice(((END_OF_THINK,), (END,), ()))


def any_odds(request: Request, ids: tuple[int, ...]) -> dict[int, float]:
    """Log-probabilities of anything at all, the same for the same request and position."""
    rng = Random(repr((request.prompt, request.sampling.seed, ids)))
    return {token: math.log(rng.uniform(1e-9, 0.6)) for token in (CORRECT, INCORRECT, YES, NO)}


def thinkprm() -> Scorer:
    config = ThinkPrmConfig("babbler", chains=2, max_tokens=200, case_variants=False)
    # A block as long as the model: what is cached does not depend on what was asked before.
    engine = ScriptedEngine(babble, (END,), odds=any_odds, max_model_len=4096, block_size=4096)
    return ThinkPrm(config, engine, TOKENIZER)


SCORERS: dict[str, Callable[[], Scorer]] = {
    "thinkprm": thinkprm,
    "scripted": lambda: ScriptedScorer(ScriptedScorerConfig(skill=0.6, missing=0.2)),
    "simulated": lambda: SimulatedScorer(
        SimulatedScorerConfig(missing=0.2, timing=Timing(speed=1e9))
    ),
    "none": NoScorer,
}


def test_every_registered_scorer_has_an_entry() -> None:
    assert set(SCORERS) == set(REGISTERED)


every_scorer = pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)

few = settings(max_examples=30)  # each example starts an event loop or several

texts = st.text(st.characters(codec="utf-8"), max_size=20)
steps = st.builds(
    lambda text, stop: Step(text, tuple(text.encode()), stop), texts, st.sampled_from(StopReason)
)
paths = st.builds(
    lambda question, grown: Prefix(Problem("p", question), tuple(grown), (1,)),
    texts,
    st.lists(steps, max_size=5),
)
calls = st.builds(ScorerCall, paths, st.integers(0, 2**63 - 1))
batches = st.lists(calls, max_size=4)


def judge(make: Callable[[], Scorer], batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
    return asyncio.run(make().judge(batch))


@every_scorer
@few
@given(batch=batches)
def test_there_is_a_verdict_for_each_step_or_none_and_a_reason(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    for call, reply in zip(batch, judge(make, batch), strict=True):
        if isinstance(reply, ScorerReply) and isinstance(reply.judgement.prefix, Missing):
            assert reply.judgement.verdicts == ()
            assert reply.judgement.chains == 0
            assert reply.judgement.prefix.reason
        elif isinstance(reply, ScorerReply):
            assert len(reply.judgement.verdicts) == len(call.path.steps) > 0
            assert reply.judgement.chains > 0


@every_scorer
@few
@given(batch=batches)
def test_every_number_is_a_probability_and_none_stands_for_a_failure(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    unread = (VerdictStatus.MISSING, VerdictStatus.TRUNCATED)
    for reply in judge(make, batch):
        if isinstance(reply, Failure):
            continue
        for verdict in reply.judgement.verdicts:
            assert (verdict.probability is None) == (verdict.status in unread)
            assert verdict.probability is None or 0 <= verdict.probability <= 1
        prefix = reply.judgement.prefix
        assert isinstance(prefix, Missing) or 0 <= prefix <= 1


@every_scorer
@few
@given(batch=batches)
def test_a_batch_is_answered_as_its_calls_alone(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    alone = [reply for call in batch for reply in judge(make, [call])]
    assert judge(make, batch) == alone


@every_scorer
@few
@given(batch=batches)
def test_replies_stand_where_their_calls_stand(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    assert judge(make, batch[::-1]) == judge(make, batch)[::-1]


@every_scorer
@few
@given(call=calls)
def test_the_same_call_gets_the_same_reply(make: Callable[[], Scorer], call: ScorerCall) -> None:
    scorer = make()
    first = asyncio.run(scorer.judge([call]))
    assert asyncio.run(scorer.judge([call])) == first == judge(make, [call])


@every_scorer
@few
@given(batch=batches)
def test_calls_and_replies_cross_process_borders(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    assert pickle.loads(pickle.dumps(batch)) == batch
    replies = judge(make, batch)
    assert pickle.loads(pickle.dumps(replies)) == replies


@every_scorer
@few
@given(batch=batches)
def test_costs_are_consistent_and_a_missing_judgement_is_all_loss(
    make: Callable[[], Scorer], batch: list[ScorerCall]
) -> None:
    for reply in judge(make, batch):
        if isinstance(reply, Failure):
            continue
        spent = reply.spent
        assert 0 <= spent.cached <= spent.prompt
        assert 0 <= spent.failed <= spent.generated
        if isinstance(reply.judgement.prefix, Missing):
            assert spent.failed == spent.generated


@every_scorer
def test_an_empty_batch_gets_no_replies(make: Callable[[], Scorer]) -> None:
    assert judge(make, []) == []
