"""Laws of searches before which a cache over runs stands, over every registered strategy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careful_verifier import careful
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import Missing, Spent, total
from search.driver import Searched, drive
from search.memory import DictMemory
from search.ports import PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from treewright.caching.ports import CachedPolicy, CachedScorer, RecalledReplies
from treewright.caching.store import StoredPart
from treewright.journal.codec import (
    decode_policy_reply,
    decode_scorer_reply,
    encode_policy_reply,
    encode_scorer_reply,
)
from treewright.ledger import Ledger, prices
from watched_searches import RUN_SEED, Case, Counting, await_it, cases, each_kind

few = settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
MODES: dict[str, dict[str, Any]] = {
    "whole": {},
    "incremental": {"incremental": True},
    "several chains": {"incremental": True, "chains": 2},
    "inheriting": {"incremental": True, "after_incorrect": "inherit"},
}
modes = st.sampled_from(["scripted", *MODES])


@dataclass
class Shelf:
    """A store without a disk, of bytes as the real one."""

    values: dict[bytes, bytes] = field(default_factory=dict)

    async def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    async def put(self, key: bytes, part: StoredPart, value: bytes) -> None:
        self.values.setdefault(key, value)


class OnDisk(DictMemory):
    """What it recalls came through JSON."""

    def recall(
        self, key: str, digest: str, call: PolicyCall | ScorerCall
    ) -> PolicyReply | ScorerReply | None:
        reply = super().recall(key, digest, call)
        if isinstance(reply, ScorerReply):
            return decode_scorer_reply(json.loads(json.dumps(encode_scorer_reply(reply))))
        if isinstance(reply, PolicyReply) and isinstance(call, PolicyCall):
            data = json.loads(json.dumps(encode_policy_reply(reply, len(call.path.steps))))
            return decode_policy_reply(data, call)
        return reply


@dataclass
class Made:
    """A search behind a cache, and what was asked of the models behind that."""

    searched: Searched
    ports: Counting

    @property
    def spent(self) -> Spent:
        """By the verifier's replies, of the cache and of the model."""
        return total(self.searched.costs.verifier.values())


def scorer_of(case: Case, mode: str) -> tuple[Scorer, bool]:
    """The scripted one, or ThinkPRM over a verifier that may babble; and whether it goes on."""
    if mode == "scripted":
        return ScriptedScorer(case.scorer), False
    scorer, _ = careful(odd=9, **MODES[mode])
    return scorer, scorer._config.traits.goes_on


def search(
    case: Case,
    shelf: Shelf | None,
    mode: str = "scripted",
    memory: DictMemory | None = None,
    seed: int = RUN_SEED,
) -> Made:
    scorer, goes_on = scorer_of(case, mode)
    ports = Counting(ScriptedPolicy(case.policy), scorer, case.voices)
    policy, judge = ports, ports
    if shelf is not None:
        sides = {side: StoredPart(f"{side} {mode}", side, "scripted", "") for side in ("p", "s")}
        policy = CachedPolicy(ports, RecalledReplies(shelf, sides["p"]), greedy=False)  # type: ignore[assignment]
        judge = CachedScorer(ports, RecalledReplies(shelf, sides["s"]))  # type: ignore[assignment]
    over = DictMemory() if memory is None else memory
    flow = case.strategy(case.problem)
    searched = await_it(drive(flow, policy, judge, over, seed, float, goes_on=goes_on))
    return Made(searched, ports)


def outcome(searched: Searched) -> tuple[Any, ...]:
    """All of a search but who paid for it."""
    return searched.result, searched.paths, searched.judgements, searched.failures, searched.asked


@each_kind
@few
@given(data=st.data(), mode=modes)
def test_with_a_warm_cache_the_search_is_the_same_and_no_judgement_is_made(
    kind: str, data: st.DataObject, mode: str
) -> None:
    """Budgets and prices count what it had as when it was made; a scorer that failed is asked."""
    case, shelf, memory = data.draw(cases(kind)), Shelf(), DictMemory()
    cold, warm = search(case, shelf, mode, memory), search(case, shelf, mode)
    assert outcome(warm.searched) == outcome(cold.searched)
    assert prices(warm.searched) == prices(cold.searched)
    ledger = Ledger.of([warm.searched]).verifier
    assert (ledger.calls, ledger.prompt, ledger.generated, ledger.failed) == (0, 0, 0, 0)
    assert (ledger.pruned, ledger.duplicate) == (0, 0)
    assert warm.spent.saved == ledger.saved == cold.spent.cost
    assert warm.spent.spared == cold.spent.calls + cold.spent.spared
    judged = [reply for _, reply in memory.replies.values() if isinstance(reply, ScorerReply)]
    paid = sum(reply.spent.calls + reply.spent.recalled > 0 for reply in judged)
    assert ledger.recalled == paid
    unpaid = len(judged) - paid  # those that were inherited
    assert len(warm.ports.judged) <= len(cold.searched.failures) + unpaid


@each_kind
@few
@given(data=st.data(), mode=modes)
def test_replayed_it_is_the_same_search_with_the_same_counts(
    kind: str, data: st.DataObject, mode: str
) -> None:
    case, shelf, memory = data.draw(cases(kind)), Shelf(), OnDisk()
    search(case, shelf, mode)
    warm = search(case, shelf, mode, memory)
    again = search(case, Shelf(), mode, memory)
    assert again.searched == warm.searched
    assert len(again.ports.judged) <= len(warm.searched.failures)
    assert again.ports.drawn == []


@each_kind
@few
@given(data=st.data())
def test_an_empty_cache_changes_nothing(kind: str, data: st.DataObject) -> None:
    """Where every draw hangs on its seed; greedy ones at places that say the same are one."""
    case = data.draw(cases(kind))
    case = replace(case, policy=replace(case.policy, cut=0.0))
    with_one, without = search(case, Shelf()), search(case, None)
    assert outcome(with_one.searched) == outcome(without.searched)


@each_kind
@few
@given(data=st.data(), mode=modes)
def test_missing_stays_missing(kind: str, data: st.DataObject, mode: str) -> None:
    case, shelf = data.draw(cases(kind)), Shelf()
    cold, warm = search(case, shelf, mode).searched, search(case, shelf, mode).searched
    for id, judgement in cold.judgements.items():
        assert isinstance(judgement.prefix, Missing) == (
            isinstance(warm.judgements[id].prefix, Missing)
        )
    transient = b'"transient":true'
    assert not any(transient in value for value in shelf.values.values())


PLAIN = Case(
    BestOfN(n=6),
    "7 + 1?",
    99,
    ScriptedPolicyConfig(accuracy=1.0, spread=0, step_tokens=1),
    ScriptedScorerConfig(),
)


def test_what_was_sampled_is_no_draw_of_another_seed() -> None:
    shelf = Shelf()
    search(PLAIN, shelf)
    other = search(PLAIN, shelf, seed=RUN_SEED + 1)
    assert other.spent.recalled == 0
    assert other.spent.calls > 0


def asked(shelf: Shelf, seed: int, **settings: Any) -> ScorerReply:
    """The judgement of a path under a seed, behind a cache."""
    scorer, _ = careful(**settings)
    path = next(iter(search(PLAIN, None).searched.paths.values()))
    part = StoredPart("s", "scorer", "thinkprm", "m")
    judge = CachedScorer(scorer, RecalledReplies(shelf, part))
    (reply,) = await_it(judge.judge([ScorerCall(path, seed)]))
    assert isinstance(reply, ScorerReply)
    return reply


def test_a_greedy_judgement_is_the_same_whatever_the_seed() -> None:
    shelf = Shelf()
    first, other = asked(shelf, 1), asked(shelf, 2)
    assert first.spent.calls > 0
    assert other == replace(first, spent=first.spent.as_recalled())


@pytest.mark.parametrize("settings", [{"chains": 2}, {"temperature": 0.6}])
def test_a_sampled_judgement_is_that_of_its_seed(settings: dict[str, Any]) -> None:
    shelf = Shelf()
    first, again, other = (asked(shelf, seed, **settings) for seed in (1, 1, 2))
    assert again == replace(first, spent=first.spent.as_recalled())
    assert other.spent.calls > 0


@pytest.mark.parametrize("retries", [0, 1])
def test_what_cannot_be_read_is_kept_as_missing_and_after_a_retry_for_its_seed(
    retries: int,
) -> None:
    shelf, babbling = Shelf(), {"odd": 1, "retries": retries}
    first, again, other = (asked(shelf, seed, **babbling) for seed in (1, 1, 2))
    assert isinstance(again.judgement.prefix, Missing)
    assert first.spent.calls == 1 + retries
    assert again == replace(first, spent=first.spent.as_recalled())
    assert (other.spent.calls == 0) == (retries == 0)


def test_greedy_draws_are_kept_and_others_are_not() -> None:
    shelf, greedy = Shelf(), replace(PLAIN, strategy=Greedy())
    search(greedy, shelf)
    again = search(greedy, shelf, seed=RUN_SEED + 1)
    assert again.ports.drawn == []
    spent = total(again.searched.costs.policy.values())
    assert (spent.computed, spent.recalled, spent.spared) == (0, 1, 1)
    assert search(PLAIN, shelf).ports.drawn
    assert len(search(PLAIN, shelf).ports.drawn) == 6
