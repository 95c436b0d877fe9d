"""Chains side by side, what they return, and what the policy is told: for all that try again."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.budget import Budget
from search.core import (
    Candidate,
    Judgement,
    Prefix,
    Problem,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.limit import LimitReached
from search.memory import DictMemory
from search.questions import Strategy
from search.strategies.backtrack import Backtrack
from search.strategies.best_of_n import BestOfN
from search.strategies.chained import Told, first_incorrect
from search.strategies.sequential import Sequential
from written_trees import ids

PROBLEM = Problem("p", "3 + 4?")
Retrying: TypeAlias = Backtrack | Sequential
BOTH = [Backtrack(keep="all"), Sequential(accept=None, keep="all")]
of_both = pytest.mark.parametrize("strategy", BOTH, ids=lambda each: type(each).__name__)


def search(strategy: Strategy) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(accuracy=0.3, spread=2, cut=0.1))
    scorer = ScriptedScorer(ScriptedScorerConfig())
    return asyncio.run(drive(strategy(PROBLEM), policy, scorer, DictMemory(), 3))


# Chains


@of_both
def test_the_first_attempts_are_the_draws_of_best_of_n(strategy: Retrying) -> None:
    drafts, drawn = search(BestOfN(n=4)).paths, search(strategy).paths
    assert {id: drawn[id] for id in drafts} == drafts


@of_both
def test_attempts_are_numbered_across_the_chains(strategy: Retrying) -> None:
    """The chains' numbers are those of the attempts modulo 4, and each chain's first are drawn."""
    numbers = sorted(map(int, search(strategy).paths))
    for chain in range(4):
        own = [number for number in numbers if number % 4 == chain]
        assert own == list(range(chain, chain + 4 * len(own), 4))


@of_both
def test_the_answers_of_all_chains_come_first_then_the_others_newest_first(
    strategy: Retrying,
) -> None:
    every = search(strategy).result
    final = search(replace(strategy, keep="final")).result
    assert len(every.candidates) > len(final.candidates) == 4
    assert every.candidates[:4] == final.candidates
    others = [int(id) for id in ids(every)[4:]]
    assert others == sorted(others, key=lambda number: (number % 4, -number))


@of_both
def test_each_chain_has_its_share_of_the_budget(strategy: Retrying) -> None:
    budgeted = replace(strategy, budget=Budget(calls=8))
    searched = search(budgeted)
    spent = dict.fromkeys(range(4), 0)
    for costs in (searched.costs.policy, searched.costs.verifier):
        for id, cost in costs.items():
            spent[int(id) % 4] += cost.calls
    assert spent == dict.fromkeys(range(4), 2)
    assert searched.result.exhausted == LimitReached("calls", 2, 2)


# What is incorrect


def verdict(probability: float | None, status: VerdictStatus = VerdictStatus.READ) -> StepVerdict:
    return StepVerdict(probability, status, f"critique {probability}")


AFTER = verdict(0.1, VerdictStatus.AFTER_ERROR)
UNREAD = verdict(None, VerdictStatus.MISSING)


@pytest.mark.parametrize(
    ("verdicts", "threshold", "index"),
    [
        ([verdict(0.9), verdict(0.2), verdict(0.1)], 0.5, 1),
        ([verdict(0.9), verdict(0.5)], 0.5, None),
        ([verdict(0.9), verdict(0.5)], 0.51, 1),
        ([verdict(0.9), verdict(0.5)], 0.95, 0),
        ([verdict(0.9), UNREAD, verdict(0.2)], 0.5, 2),
        ([verdict(0.9), AFTER, AFTER], 0.5, None),
        ([], 0.5, None),
    ],
)
def test_the_first_incorrect_step_is_the_first_whose_own_verdict_is_below_the_threshold(
    verdicts: list[StepVerdict], threshold: float, index: int | None
) -> None:
    assert first_incorrect(Judgement(tuple(verdicts), 0.5), threshold) == index


# What is told


def attempt(*verdicts: StepVerdict) -> Candidate:
    steps = tuple(Step("x\n", (7,), StopReason.STEP_END) for _ in verdicts)
    return Candidate(Prefix(PROBLEM, steps, (0,)), Judgement(verdicts, 0.3), (0.3,))


FAILED = attempt(verdict(0.9), verdict(0.4), verdict(0.2))


@pytest.mark.parametrize(
    ("feedback", "critiques"),
    [("critique", ["", "critique 0.4", ""]), ("verdicts", ["", "", ""])],
)
@of_both
def test_told_is_the_attempt_with_its_verdicts_and_at_most_one_critique(
    strategy: Retrying, feedback: Told, critiques: list[str]
) -> None:
    telling = replace(strategy, feedback=feedback)
    told = telling.told(FAILED)
    assert told is not None
    assert told.attempt is FAILED.path
    assert [each.probability for each in told.judgement.verdicts] == [0.9, 0.4, 0.2]
    assert [each.critique for each in told.judgement.verdicts] == critiques


@of_both
def test_the_critique_is_of_the_first_step_below_the_threshold(strategy: Retrying) -> None:
    told = strategy.told(FAILED, 0.3)
    assert told is not None
    assert [each.critique for each in told.judgement.verdicts] == ["", "", "critique 0.2"]


@of_both
def test_nothing_is_told_without_feedback_or_without_verdicts(strategy: Retrying) -> None:
    silent = replace(strategy, feedback="none")
    assert silent.told(FAILED) is None
    assert strategy.told(None) is None
    assert strategy.told(Candidate(FAILED.path)) is None
    assert strategy.told(Candidate(FAILED.path, Judgement.missing("unread"))) is None


# Fields


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"chains": 0}, "chains: 0 must be 1 or more"),
        ({"feedback": "all"}, "feedback: 'all' must be one of none, verdicts, critique"),
        ({"keep": "best"}, "keep: 'best' must be one of final, all"),
        ({"aggregate": "lst"}, "aggregate: unknown aggregation 'lst'"),
    ],
)
@pytest.mark.parametrize("strategy", [Backtrack, Sequential])
def test_settings_that_make_no_sense_are_refused_by_name(
    strategy: Any, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        strategy(**fields)


@of_both
def test_a_chain_gives_its_answer_or_all_its_attempts(strategy: Retrying) -> None:
    final = replace(strategy, keep="final")
    assert (final.candidates, strategy.candidates) == (4, 16)
    assert final.draws == strategy.draws == 16
