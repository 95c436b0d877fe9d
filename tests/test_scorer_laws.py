"""Laws that every scorer obeys, whatever it is made of."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every_scorer import SCORERS
from scorers.registry import SCORERS as REGISTERED
from search.core import (
    Missing,
    Prefix,
    Problem,
    Step,
    StopReason,
    Sureness,
    VerdictStatus,
)
from search.ports import Failure, Scorer, ScorerCall, ScorerReply


def test_every_registered_scorer_has_an_entry() -> None:
    assert set(SCORERS) == set(REGISTERED)


every_scorer = pytest.mark.parametrize("make", SCORERS.values(), ids=SCORERS)

few = settings(max_examples=30)  # each example starts an event loop or several

texts = st.text(st.characters(codec="utf-8"), max_size=20)


def step(text: str, stop: StopReason, sure: float) -> Step:
    """One whose tokens were measured, or not."""
    ids = tuple(text.encode())
    sums = (Sureness(len(ids), -sure, 3 * sure, sure),) if ids and sure else ()
    return Step(text, ids, stop, sureness=sums)


measured = st.sampled_from([0.0, 9.0, 40.0, 70.0])
steps = st.builds(step, texts, st.sampled_from(StopReason), measured)
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
            told = 0 if make is SCORERS["orm"] else len(call.path.steps)
            assert len(reply.judgement.verdicts) == told
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
