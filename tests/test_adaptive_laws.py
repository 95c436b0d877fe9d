"""Laws of chains that are added where they matter, over every strategy that is registered."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.traits import contest_of
from policies.scripted import ScriptedPolicyConfig
from scorers.scripted import ScriptedScorerConfig
from search.budget import Budget
from search.contest import AdaptiveChains
from search.core import Judgement, Missing
from search.driver import Searched, drive
from search.memory import DictMemory
from search.ports import PolicyCall, PolicyReply, ScorerCall, ScorerReply
from search.questions import Flow
from search.strategies import strategy_class
from search_laws import (
    a_budget_is_exceeded_by_one_question_at_most,
    candidates_are_drawn_paths_with_their_judgements,
)
from treewright.journal.codec import decode_scorer_reply, encode_scorer_reply
from treewright.journal.results import encode_result, search_again
from treewright.ledger import Ledger
from watched_searches import (
    RUN_SEED,
    SCHEDULES,
    Answered,
    Case,
    Counting,
    Replicas,
    Schedule,
    Seen,
    await_it,
    cases,
    each_kind,
    watched,
)

few = settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
ADAPTIVE = AdaptiveChains(1, 3, 0.1)


class OnDisk(DictMemory):
    """What it recalls of the scorer came through JSON."""

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        reply = super().recall(key, digest, call)
        if not isinstance(reply, ScorerReply):
            return reply
        return decode_scorer_reply(json.loads(json.dumps(encode_scorer_reply(reply))))


def with_chains(case: Case, chains: int | AdaptiveChains) -> Case:
    return replace(case, scorer=replace(case.scorer, chains=chains))


def found(
    case: Case,
    memory: DictMemory | None = None,
    closed: Collection[str] = (),
    ports: Counting | Replicas | None = None,
    flow: Flow | None = None,
) -> Searched:
    asked, over = (
        ports or Counting.scripted(case, closed),
        memory if memory is not None else DictMemory(),
    )
    contest = contest_of(case.scorer, case.strategy)
    search = flow or case.strategy(case.problem)
    return await_it(drive(search, asked, asked, over, RUN_SEED, float, contest=contest))


def bare(judgement: Judgement | None) -> Judgement | None:
    """Without what lets a chain be added to it."""
    return judgement and replace(judgement, votes=())


@each_kind
@few
@given(data=st.data())
def test_least_and_most_alike_are_the_search_of_a_fixed_number(
    kind: str, data: st.DataObject
) -> None:
    case = data.draw(cases(kind))
    fixed = found(with_chains(case, 2))
    adaptive = found(with_chains(case, AdaptiveChains(2, 2)))
    assert (adaptive.costs, adaptive.paths) == (fixed.costs, fixed.paths)
    assert {id: bare(each) for id, each in adaptive.judgements.items()} == fixed.judgements
    assert len(adaptive.result.candidates) == len(fixed.result.candidates)
    for ours, theirs in zip(adaptive.result.candidates, fixed.result.candidates, strict=True):
        assert replace(ours, judgement=bare(ours.judgement)) == theirs


@each_kind
@few
@given(data=st.data(), share=st.floats(0, 1), schedule=SCHEDULES)
def test_replayed_resumed_and_otherwise_scheduled_it_is_the_same_search(
    kind: str, data: st.DataObject, share: float, schedule: Schedule
) -> None:
    case, memory = with_chains(data.draw(cases(kind)), ADAPTIVE), OnDisk()
    live = found(case, memory)
    assert found(case, memory, closed=set(memory.replies)) == live
    kept = dict(list(memory.replies.items())[: round(share * len(memory.replies))])
    resumed = OnDisk(dict(kept))
    assert found(case, resumed, closed=set(kept)) == live
    assert resumed.replies == memory.replies
    assert found(case, ports=Replicas(case, schedule)) == live


@each_kind
@few
@given(data=st.data())
def test_its_record_asks_again_what_it_asked(kind: str, data: st.DataObject) -> None:
    case, memory = with_chains(data.draw(cases(kind)), ADAPTIVE), DictMemory()
    live = found(case, memory)
    told = json.loads(json.dumps(encode_result(live)))
    again = found(case, memory, closed=set(memory.replies), flow=search_again(told, case.problem))
    assert again.result == live.result
    assert again.judgements == live.judgements


@each_kind
@few
@given(data=st.data())
def test_further_chains_count_and_never_make_a_number_of_what_is_missing(
    kind: str, data: st.DataObject
) -> None:
    case, log = with_chains(data.draw(cases(kind)), ADAPTIVE), list[Answered]()
    ports = Counting.scripted(case)
    searched = found(case, ports=ports, flow=watched(case.strategy(case.problem), log))
    seen = Seen(case, searched, ports, log)
    a_budget_is_exceeded_by_one_question_at_most(seen)
    candidates_are_drawn_paths_with_their_judgements(seen)
    ledger = Ledger.of([searched])
    assert ledger.verifier.generated == ports.spent.verifier.generated
    assert ledger.verifier.calls == ports.spent.verifier.calls
    assert len(set(ports.judged)) == len(ports.judged)
    for event in searched.order:
        assert isinstance(event, PolicyCall) or event.chains <= ADAPTIVE.most
    for judgement in searched.judgements.values():
        if isinstance(judgement.prefix, Missing):
            assert judgement.chains == 0


def search_of(kind: str, seed: int, chains: int | AdaptiveChains, **how: Any) -> Searched:
    policy = ScriptedPolicyConfig(accuracy=0.6, steps=3, step_tokens=1)
    scorer = ScriptedScorerConfig(chains=chains)
    return found(Case(strategy_class(kind)(**how), f"{seed} + 1?", 99, policy, scorer))


@pytest.mark.parametrize("kind", ["best_of_n", "beam", "dvts", "rebase", "mcts", "best_first"])
def test_some_judgements_are_worth_more_chains_and_some_are_not(kind: str) -> None:
    """Nothing of the laws above holds for want of a contest."""
    judged: list[Judgement] = []
    for seed in range(3):
        judged += search_of(kind, seed, AdaptiveChains(1, 4)).judgements.values()
    counts = {judgement.chains for judgement in judged}
    assert {1, 4} <= counts <= {1, 2, 3, 4}


def test_a_budget_of_the_verifier_ends_a_search_that_adds_chains_sooner() -> None:
    budget = Budget(verifier_tokens=4000)
    one, adaptive = (
        search_of("beam", 1, chains, budget=budget) for chains in (1, AdaptiveChains(1, 8, 0.0))
    )
    assert len(adaptive.judgements) < len(one.judgements)
    assert str(adaptive.result.exhausted).startswith("verifier_tokens")
