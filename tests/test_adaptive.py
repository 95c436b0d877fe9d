"""Majority and best-of-N that stop early: budgets, settings, resume."""

from __future__ import annotations

import asyncio
import math
import pickle
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from scripted_drafts import PROBLEM, chosen, drafts, run
from search.budget import Budget
from search.core import Problem
from search.driver import Searched, drive
from search.limit import LimitReached
from search.memory import DictMemory
from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from search.strategies.majority import Majority
from treewright.config.load import load_config
from treewright.config.notes import notes

# --- Budgets --------------------------------------------------------------------------------------


def test_a_majority_out_of_budget_returns_what_it_has() -> None:
    """Waves of 2, each two calls: after the second, 4 of 3 calls are spent."""
    strategy = Majority(n=8, wave=2, budget=Budget(calls=3))
    result, asked = run(strategy(PROBLEM), drafts(*"12345678"))
    assert asked == ["draw 0-1", "draw 2-3"]
    assert (result.exhausted, len(result.candidates)) == (LimitReached("calls", 4, 3), 4)


def test_drafts_that_the_budget_left_unjudged_stay_candidates() -> None:
    """Two drawn, two judged, two drawn: 6 of 5 calls are spent before the second judging."""
    strategy = BestOfN(n=8, wave=2, budget=Budget(calls=5))
    result, asked = run(strategy(PROBLEM), drafts(*"12345678"))
    assert asked == ["draw 0-1", "judge 0 1", "draw 2-3"]
    assert result.exhausted == LimitReached("calls", 6, 5)
    assert [candidate.history for candidate in result.candidates] == [(0.5,), (0.5,), (), ()]
    assert [candidate.judgement is None for candidate in result.candidates[2:]] == [True, True]


@pytest.mark.parametrize(
    "strategy",
    [
        Majority(n=8, stop="beta", wave=4, budget=Budget(calls=4)),
        BestOfN(n=8, stop="majority", wave=4, budget=Budget(calls=8)),
    ],
)
def test_an_answer_that_is_settled_as_the_budget_ends_is_not_marked(
    strategy: Majority | BestOfN,
) -> None:
    result, _ = run(strategy(PROBLEM), drafts(*"77777777"))
    assert (len(result.candidates), result.exhausted) == (4, None)


# --- Settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "fields", "message"),
    [
        (Majority, {"n": 0}, "n: 0 must be 1 or more"),
        (Majority, {"stop": "best"}, "stop: 'best' must be one of none, beta"),
        (
            Majority,
            {"stop": "beta"},
            "wave: null draws all 16 at once, and stop beta looks between",
        ),
        (Majority, {"wave": 0}, "wave: 0 must be from 1 to n (16); nearest 1"),
        (Majority, {"wave": 17}, "wave: 17 must be from 1 to n (16); nearest 16"),
        (Majority, {"confidence": 0.5}, "confidence: 0.5 must be above 0.5"),
        (Majority, {"confidence": 1.0}, "confidence: 1.0 must be above 0.5"),
        (Majority, {"confidence": math.nan}, "confidence: nan must be above 0.5"),
        (Majority, {"fewest": 0}, "fewest: 0 must be from 1 to n (16); nearest 1"),
        (Majority, {"fewest": 17}, "fewest: 17 must be from 1 to n (16); nearest 16"),
        (BestOfN, {"stop": "beta"}, "stop: 'beta' must be one of none, majority, weighted, best"),
        (BestOfN, {"stop": "best"}, "wave: null draws all 16 at once, and stop best looks between"),
        (BestOfN, {"wave": 17}, "wave: 17 must be from 1 to n (16); nearest 16"),
        (
            BestOfN,
            {"aggregate": "lst"},
            "aggregate: unknown aggregation 'lst'; did you mean 'last'",
        ),
        (
            BestOfN,
            {"stop": "best", "wave": 4, "aggregate": "sum_logit"},
            "aggregate: sum_logit has no highest score, so stop best would never stop",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(
    strategy: type[Majority | BestOfN], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        strategy(**fields)


def test_log_odds_may_weigh_votes() -> None:
    assert BestOfN(stop="weighted", wave=4, aggregate="sum_logit").judges


def test_an_outcome_reward_model_can_judge_all_that_best_of_n_asks() -> None:
    assert not BestOfN().judges_prefixes


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("greedy_arithmetic", Greedy()),
        ("majority_arithmetic", Majority(n=32, stop="beta", wave=4)),
        ("best_of_n_arithmetic", BestOfN(n=16, stop="weighted", wave=4)),
    ],
)
def test_the_shipped_configs_mean_what_they_say(name: str, strategy: object) -> None:
    config = load_config(name)
    assert config.strategy == strategy
    assert notes(config) == []


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["grading.cues=false"], "grading.cues False reads others"),
        (["grading.fallback=last_number"], "grading.fallback last_number reads others"),
        (
            ["grading.kind=option", "grading.max_answer_chars=9"],
            "grading.max_answer_chars 9 and grading.kind option reads others",
        ),
    ],
)
def test_a_stop_by_other_answers_than_are_graded_is_noted(overrides: list[str], said: str) -> None:
    (note,) = notes(load_config("majority_arithmetic", overrides))
    assert note.startswith("strategy.stop beta: ")
    assert said in note
    drawing_all = load_config("majority_arithmetic", [*overrides, "strategy.stop=none"])
    assert notes(drawing_all) == []


# --- Over the doubles -----------------------------------------------------------------------------


def search(
    strategy: Majority | BestOfN, question: str, memory: DictMemory | None = None
) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(accuracy=0.6, cut=0.1, no_answer=0.1))
    scorer = ScriptedScorer(ScriptedScorerConfig(missing=0.1))
    flow = strategy(Problem("p", question))
    return asyncio.run(drive(flow, policy, scorer, memory or DictMemory(), 3))


EXAMPLES = [
    Majority(n=12, stop="beta", wave=2),
    BestOfN(n=12, stop="weighted", wave=2),
    BestOfN(n=12, stop="majority", wave=3, budget=Budget(calls=14)),
]


@pytest.mark.parametrize("strategy", EXAMPLES)
def test_a_replay_gives_the_same_search_and_draws_nothing_more(
    strategy: Majority | BestOfN,
) -> None:
    memory = DictMemory()
    live = search(strategy, "3 + 4?", memory)
    replies = dict(memory.replies)
    assert search(pickle.loads(pickle.dumps(strategy)), "3 + 4?", memory) == live
    assert memory.replies == replies


@pytest.mark.parametrize("strategy", EXAMPLES)
def test_a_search_killed_after_any_reply_ends_as_it_would_have(
    strategy: Majority | BestOfN,
) -> None:
    memory = DictMemory()
    live = search(strategy, "5 + 6?", memory)
    for kept in range(len(memory.replies)):
        half = DictMemory(dict(list(memory.replies.items())[:kept]))
        assert search(strategy, "5 + 6?", half) == live
        assert half.replies == memory.replies


@given(
    question=st.integers(0, 10**6).map(str),
    selection=st.sampled_from(["majority", "weighted"]),
    wave=st.integers(1, 6),
)
@settings(max_examples=40)
def test_a_stopped_search_is_the_beginning_of_the_whole_one(
    question: str, selection: str, wave: int
) -> None:
    strategy = BestOfN(n=12, stop=selection, wave=wave)  # type: ignore[arg-type]  # drawn from its choices
    early, whole = search(strategy, question), search(BestOfN(n=12), question)
    count = len(early.result.candidates)
    assert early.result.candidates == whole.result.candidates[:count]
    assert set(early.paths) == {candidate.path.id for candidate in early.result.candidates}
    assert early.result.pruned == ()
    steering = strategy.steering
    assert chosen(early.result, selection, steering) == chosen(whole.result, selection, steering)
