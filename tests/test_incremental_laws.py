"""Laws of verifications that go on from earlier ones, over every strategy that is registered."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careful_verifier import careful
from engines.traits import contest_of
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorerConfig
from scorers.thinkprm import ThinkPrm
from search.contest import AdaptiveChains, Contest
from search.core import Candidate, Missing, Origin, Prefix, Problem, Result, Score
from search.driver import Searched, drive
from search.memory import DictMemory
from search.ports import Failure, PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Flow, extend, grow, judge
from search.strategies import strategy_class
from treewright.journal.codec import decode_scorer_reply, encode_scorer_reply
from treewright.journal.results import encode_result, search_again
from watched_searches import RUN_SEED, Case, Counting, await_it, cases, each_kind

few = settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
MODES: dict[str, dict[str, Any]] = {
    "incremental": {"incremental": True},
    "several chains": {"incremental": True, "chains": 2},
    "rechecked": {"incremental": True, "recheck_every": 2, "final": "whole"},
    "in one prompt": {"incremental": True, "keep_prompt": True},
    "in one prompt, adaptive": {
        "incremental": True,
        "keep_prompt": True,
        "chains": AdaptiveChains(1, 3),
    },
    "inheriting": {"after_incorrect": "inherit"},
    "both": {"incremental": True, "after_incorrect": "inherit"},
    "adaptive": {"incremental": True, "chains": AdaptiveChains(1, 3)},
    "adaptive and inheriting": {"after_incorrect": "inherit", "chains": AdaptiveChains(1, 3)},
    "in rounds": {"incremental": True, "rounds": 2, "min_tokens": 200},
}
modes = st.sampled_from(sorted(MODES))


@dataclass
class Watched:
    """The scripted policy and the careful verifier; a scorer call in `closed` may not be made."""

    case: Case
    scorer: ThinkPrm
    closed: Collection[str] = ()
    pauses: Random | None = None
    counting: Counting = field(init=False)

    def __post_init__(self) -> None:
        policy = ScriptedPolicy(self.case.policy)
        self.counting = Counting(policy, self.scorer, self.case.voices, self.closed)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        await self.pause()
        return await self.counting.extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        await self.pause()
        return await self.counting.judge(batch)

    async def close(self) -> None:
        """There is nothing to free."""

    async def pause(self) -> None:
        if self.pauses:
            await asyncio.sleep(self.pauses.choice([0.0, 1.0, 9.0]))


class OnDisk(DictMemory):
    """What it recalls of the scorer came through JSON."""

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        reply = super().recall(key, digest, call)
        if not isinstance(reply, ScorerReply):
            return reply
        return decode_scorer_reply(json.loads(json.dumps(encode_scorer_reply(reply))))


def found(
    case: Case,
    mode: dict[str, Any],
    memory: DictMemory | None = None,
    closed: Collection[str] = (),
    pauses: Random | None = None,
    flow: Flow | None = None,
) -> Searched:
    """The search of a case by a verifier that may babble."""
    scorer, _ = careful(odd=9, **mode)
    ports = Watched(case, scorer, closed, pauses)
    goes_on = scorer._config.traits.goes_on
    asked = flow or case.strategy(case.problem)
    over = memory if memory is not None else DictMemory()
    contest = contest_of(scorer._config, case.strategy)
    told = drive(asked, ports, ports, over, RUN_SEED, float, goes_on=goes_on, contest=contest)
    return await_it(told)


UNREAD = re.compile(r"none of \d+ verification chains could be read.*")
"""Why nothing is known counts the chains that were tried, and of one that went on there is one
more."""


def bare(result: Result) -> Result:
    """A result without what tells how its judgements came about."""
    candidates = tuple(map(bare_candidate, result.candidates))
    pruned = tuple(
        replace(each, reason=UNREAD.sub("unread", each.reason)) for each in result.pruned
    )
    return replace(result, candidates=candidates, pruned=pruned)


def bare_candidate(candidate: Candidate) -> Candidate:
    judgement, history = candidate.judgement, tuple(map(bare_score, candidate.history))
    if judgement:
        prefix = bare_score(judgement.prefix)
        judgement = replace(judgement, prefix=prefix, origin=Origin.WHOLE, starts=())
    return replace(candidate, judgement=judgement, history=history)


def bare_score(score: Score) -> Score:
    """Why a score is missing counts the chains that could not be read."""
    return Missing("unread") if isinstance(score, Missing) else score


def unbounded(case: Case) -> Case:
    strategy: Any = case.strategy
    if not hasattr(strategy, "budget"):
        return case
    return replace(case, strategy=replace(strategy, budget=type(strategy.budget)()))


@each_kind
@few
@given(data=st.data())
def test_a_verification_that_goes_on_says_what_a_whole_one_says(
    kind: str, data: st.DataObject
) -> None:
    """Where the verifier says the same of the same steps; a budget would end them elsewhere."""
    case = unbounded(data.draw(cases(kind)))
    whole = found(case, {})
    for mode in ("incremental", "rechecked"):
        assert bare(found(case, MODES[mode]).result) == bare(whole.result)


@each_kind
@few
@given(data=st.data(), mode=modes, share=st.floats(0, 1), seed=st.integers(0, 999))
def test_replayed_resumed_and_otherwise_scheduled_it_is_the_same_search(
    kind: str, data: st.DataObject, mode: str, share: float, seed: int
) -> None:
    case, memory = data.draw(cases(kind)), OnDisk()
    live = found(case, MODES[mode], memory)
    assert found(case, MODES[mode], memory, closed=set(memory.replies)) == live
    kept = dict(list(memory.replies.items())[: round(share * len(memory.replies))])
    resumed = OnDisk(dict(kept))
    assert found(case, MODES[mode], resumed, closed=set(kept), pauses=Random(seed)) == live
    assert resumed.replies == memory.replies


@each_kind
@few
@given(data=st.data(), mode=modes)
def test_its_record_asks_again_what_it_asked(kind: str, data: st.DataObject, mode: str) -> None:
    case, memory = data.draw(cases(kind)), DictMemory()
    live = found(case, MODES[mode], memory)
    told = json.loads(json.dumps(encode_result(live)))
    flow = search_again(told, case.problem)
    again = found(case, MODES[mode], memory, closed=set(memory.replies), flow=flow)
    assert again.result == live.result
    assert again.judgements == live.judgements


@each_kind
@few
@given(data=st.data(), mode=modes)
def test_no_judgement_is_counted_as_another(kind: str, data: st.DataObject, mode: str) -> None:
    case, memory = data.draw(cases(kind)), DictMemory()
    searched = found(case, MODES[mode], memory)
    for key, (_, reply) in memory.replies.items():
        if isinstance(reply, ScorerReply):
            judgement, went_on = reply.judgement, key.split("/+")[0].count("/") == 3
            assert (judgement.origin is Origin.INHERITED) == (reply.spent.calls == 0)
            assert went_on or judgement.origin is Origin.WHOLE
            if isinstance(judgement.prefix, Missing):
                assert (judgement.origin, judgement.starts) == (Origin.WHOLE, ())
    for id in searched.earlier:
        if searched.judgements[id].origin is Origin.INHERITED:
            assert searched.judgements[id].chains == 0


def judged_twice(problem: Problem) -> Flow:
    """A path, then a child of it, then the path again beside others, then another child."""
    (paths,) = yield from extend([Prefix.start(problem)], 3)
    yield from judge(paths[:1])
    yield from grow(paths[:1], 2)
    yield from judge(paths)
    grown = yield from grow(paths[:1], 1, first=2)
    ((child,),) = grown.children
    return Result((Candidate(child, grown.judgements[0][0]),))


def test_what_went_on_from_fewer_chains_does_so_again_by_its_record() -> None:
    """A strategy of one's own may ask so; it is replayed without its code."""
    chains = AdaptiveChains(1, 3, 0.05)
    which = 0
    for seed in range(8):
        policy = ScriptedPolicyConfig(accuracy=0.6, steps=3, step_tokens=1)
        case = Case(strategy_class("beam")(), f"{seed} + 1?", 99, policy, ScriptedScorerConfig())

        def searched(
            flow: Flow, memory: DictMemory, closed: Collection[str], case: Case = case
        ) -> Searched:
            scorer, _ = careful(odd=9, incremental=True, chains=chains)
            ports, contest = Watched(case, scorer, closed), Contest(chains, keeps=1)
            how: dict[str, Any] = {"goes_on": True, "contest": contest}
            return await_it(drive(flow, ports, ports, memory, RUN_SEED, float, **how))

        memory = DictMemory()
        live = searched(judged_twice(case.problem), memory, ())
        told = json.loads(json.dumps(encode_result(live)))
        again = searched(search_again(told, case.problem), memory, set(memory.replies))
        assert (again.result, again.judgements) == (live.result, live.judgements)
        which += sum("which" in event for event in told["asked"])
    assert which, "in none of them more chains were added"


GOING_ON = ["beam", "dvts", "rebase", "particles", "mcts", "best_first", "backtrack"]


@pytest.mark.parametrize("kind", GOING_ON)
def test_a_strategy_that_judges_prefixes_goes_on(kind: str) -> None:
    """Nothing of the laws above holds for want of a verification that goes on."""
    policy = ScriptedPolicyConfig(accuracy=0.6, steps=3, step_tokens=1)
    judged = [
        judgement
        for seed in range(3)
        for judgement in found(
            Case(strategy_class(kind)(), f"{seed} + 1?", 99, policy, ScriptedScorerConfig()),
            MODES["incremental"],
        ).judgements.values()
    ]
    assert any(judgement.origin is Origin.INCREMENTAL for judgement in judged)
