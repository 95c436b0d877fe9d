"""The laws run over every strategy that is registered: it must have an entry."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicyConfig
from scorers.scripted import ScriptedScorerConfig
from search.budget import COUNTED, Budget
from search.calls import Costs
from search.core import Result
from search.driver import Searched, drive
from search.gather import gather
from search.limit import LimitReached
from search.memory import DictMemory
from search.strategies import STRATEGIES, strategy_class
from search_laws import LAWS
from strategy_spaces import COMMON, ENTRIES, common, field_names
from watched_searches import (
    RUN_SEED,
    SCHEDULES,
    Case,
    Counting,
    Replicas,
    Schedule,
    await_it,
    cases,
    each_kind,
    few,
    search,
    see,
)


def test_every_field_of_every_registered_strategy_has_a_space() -> None:
    assert set(ENTRIES) == set(STRATEGIES)
    for kind, entry in ENTRIES.items():
        assert field_names(kind) <= {*COMMON, *entry.fields}, kind


@each_kind
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_search_obeys_the_laws(kind: str, data: st.DataObject) -> None:
    seen = see(data.draw(cases(kind)))
    for law in LAWS:
        law(seen)


@each_kind
@few
@given(data=st.data())
def test_an_unmarked_search_is_the_one_without_a_budget(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind))
    searched = search(case)
    if getattr(searched.result.exhausted, "limit", "") not in COUNTED:
        assert search(with_budget(case, Budget())) == searched


def ticking() -> Callable[[], float]:
    """A clock by which a second passes between two readings."""
    return partial(next, count(0.0))


def with_budget(case: Case, budget: Budget) -> Case:
    strategy: Any = case.strategy
    if common(case.strategy, "budget", None) is None:
        return case
    return replace(case, strategy=replace(strategy, budget=budget))


@each_kind
@few
@given(data=st.data())
def test_a_replay_equals_the_run_and_asks_nobody(kind: str, data: st.DataObject) -> None:
    """Nobody but a scorer that failed: it is asked again."""
    case, memory = data.draw(cases(kind)), DictMemory()
    live = search(case, memory)
    ports = Counting.scripted(case, closed=set(memory.replies))
    assert search(pickle.loads(pickle.dumps(case)), memory, ports) == live


@each_kind
@few
@given(data=st.data(), share=st.floats(0, 1))
def test_a_search_killed_anywhere_asks_only_for_the_rest(
    kind: str, data: st.DataObject, share: float
) -> None:
    case, memory = data.draw(cases(kind)), DictMemory()
    live = search(case, memory)
    kept = dict(list(memory.replies.items())[: round(share * len(memory.replies))])
    resumed = DictMemory(dict(kept))
    assert search(case, resumed, Counting.scripted(case, closed=set(kept))) == live
    assert resumed.replies == memory.replies


@each_kind
@few
@given(data=st.data(), schedule=SCHEDULES)
def test_neither_the_schedule_nor_the_replicas_matter(
    kind: str, data: st.DataObject, schedule: Schedule
) -> None:
    case, alone, shared = data.draw(cases(kind)), DictMemory(), DictMemory()
    assert search(case, shared, Replicas(case, schedule)) == search(case, alone)
    assert shared.replies == alone.replies


@each_kind
@few
@given(data=st.data(), schedule=SCHEDULES, order=st.permutations(range(3)))
def test_neither_the_order_of_the_problems_nor_their_company_matters(
    kind: str, data: st.DataObject, schedule: Schedule, order: list[int]
) -> None:
    case = data.draw(cases(kind))
    crowd = [replace(case, question=f"{number} + {case.question}") for number in order]
    ports, memory = Replicas(case, schedule), DictMemory()

    async def all_at_once() -> list[Searched]:
        flows = [each.strategy(each.problem) for each in crowd]
        return await gather(drive(flow, ports, ports, memory, RUN_SEED) for flow in flows)

    assert await_it(all_at_once()) == [search(each) for each in crowd]


each_bounded_kind = pytest.mark.parametrize(
    "kind", sorted(kind for kind in ENTRIES if "budget" in field_names(kind))
)


@each_bounded_kind
def test_a_search_whose_time_was_up_at_once_has_drawn_nothing(kind: str) -> None:
    case = Case(strategy_class(kind)(), "1 + 1?", 9, ScriptedPolicyConfig(), ScriptedScorerConfig())
    late = search(with_budget(case, Budget(seconds=1.0)), now=ticking())
    timed_out = LimitReached("seconds", 1.0, 1.0, "not reproducible")
    assert late == Searched(Result((), (), timed_out), Costs(), {})


@each_bounded_kind
@few
@given(data=st.data(), seconds=st.floats(0.5, 8.0))
def test_a_search_that_time_ended_says_so_and_replays_by_any_clock(
    kind: str, data: st.DataObject, seconds: float
) -> None:
    case = with_budget(data.draw(cases(kind)), Budget(seconds=seconds))
    memory = DictMemory()
    live = search(case, memory, now=ticking())
    late = [read for read in memory.readings.values() if read >= seconds]
    marked = str(live.result.exhausted or "")
    assert marked.startswith("seconds:") == marked.endswith("(not reproducible)") == bool(late)
    ports = Counting.scripted(case, closed=set(memory.replies))
    assert search(case, memory, ports, now=lambda: 99.0) == live
    seen = see(case, now=ticking())
    for law in LAWS:
        law(seen)
