"""Particles: golden trees worked out by hand, weights, what ends and what votes."""

import math
import re
from dataclasses import dataclass
from typing import Any

import pytest

from search.budget import Budget
from search.core import (
    Missing,
    Problem,
)
from search.limit import LimitReached
from search.strategies import particles
from search.strategies.particles import Particles
from written_trees import CUT, DONE, OPEN, PROBLEM, Tree, candidate, ids, reasons, run

TREE: Tree = {
    "0": (0.8, OPEN), "1": (0.5, DONE), "2": (0.75, OPEN), "3": (2 / 3, OPEN),
    "0/0": (0.5, OPEN), "0/1": (0.8, OPEN),
    "0/1/0": (0.9, DONE), "0/1/1": (0.6, DONE), "0/1/2": (0.95, CUT),
}  # fmt: skip


@dataclass
class Draws:
    """Stands in for `Random`: these numbers, one after the other."""

    numbers: list[float]

    def random(self) -> float:
        return self.numbers.pop(0)


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Draws:
    """What the strategy draws, to be filled by the test."""
    scripted = Draws([])
    monkeypatch.setattr(particles, "Random", lambda seed: scripted)
    return scripted


def test_golden_tree_of_the_paper(draws: Draws) -> None:
    """Four particles, multinomial, resampled at every step.

    Level 1: p .8 .5 .75 2/3, odds 4 1 3 2 of 10, so the weights end at .4 .5 .8 1. Draws .10 .45
    .47 .30 fall on 0 1 1 0: two copies of 0 get a child each; 1 is finished and is there twice.
    Level 2: 0/0 0/1 1 1 with p .5 .8 .5 .5, odds 1 4 1 1 of 7, ends at .14 .71 .86 1. Draws .20 .60
    .80 .70 fall on 0/1 0/1 1 0/1: three children, one copy of 1; 0/0 is gone.
    Level 3: 0/1/0 and 0/1/1 finished, 0/1/2 was cut: nothing is open.
    """
    draws.numbers = [0.10, 0.45, 0.47, 0.30, 0.20, 0.60, 0.80, 0.70]
    asked: list[dict[str, int]] = []
    result = run(Particles(particles=4)(PROBLEM), TREE, asked)
    assert asked == [{"": 4}, {"0": 2}, {"0/1": 3}]
    assert ids(result) == ["0/1/0", "0/1/1", "1", "0/1/2"]
    assert reasons(result) == dict.fromkeys(["2", "3", "0/0"], "not resampled")
    assert draws.numbers == []


def test_copies_of_a_finished_particle_are_one_candidate(draws: Draws) -> None:
    """Odds 9 and 1: both draws fall on the finished one, and the search ends without a question."""
    tree: Tree = {"0": (0.9, DONE), "1": (0.5, OPEN)}
    draws.numbers = [0.3, 0.6]
    asked: list[dict[str, int]] = []
    result = run(Particles(particles=2)(PROBLEM), tree, asked)
    assert asked == [{"": 2}]
    assert ids(result) == ["0"]
    assert reasons(result) == {"1": "not resampled"}


def test_golden_tree_with_a_trigger(draws: Draws) -> None:
    """Two particles, odds 3 and 1: weights .75 .25, effective size 1/(.5625 + .0625) = 1.6.

    Below .75 · 2 = 1.5 it is not, so each goes on. Then odds 9 and 1: .9 .1, size 1/.82 = 1.22
    is below: the one draw .4 gives positions .2 and .7, both copies to 0/0.
    """
    tree: Tree = {
        "0": (0.75, OPEN), "1": (0.5, OPEN), "0/0": (0.9, OPEN), "1/0": (0.5, OPEN),
        "0/0/0": (0.9, DONE), "0/0/1": (0.9, DONE),
    }  # fmt: skip
    draws.numbers = [0.4]
    asked: list[dict[str, int]] = []
    strategy = Particles(particles=2, resampling="systematic", ess=0.75)
    result = run(strategy(PROBLEM), tree, asked)
    assert asked == [{"": 2}, {"0": 1, "1": 1}, {"0/0": 2}]
    assert ids(result) == ["0/0/0", "0/0/1"]
    assert reasons(result) == {
        "1/0": "not resampled",
        "1": "all its continuations were given up",
    }


def test_without_a_trigger_nothing_is_ever_resampled(draws: Draws) -> None:
    tree: Tree = {"0": (0.999, OPEN), "1": (0.001, OPEN), "0/0": (0.9, DONE), "1/0": (0.1, DONE)}
    result = run(Particles(particles=2, ess=0.0)(PROBLEM), tree, [])
    assert ids(result) == ["0/0", "1/0"]


def test_weights_are_odds_tempered_by_their_root() -> None:
    """Odds 4 and 1; at temperature 2 their square roots, 2 and 1."""
    cloud = [candidate((0,), 0.8, OPEN), candidate((1,), 0.5, DONE)]
    assert Particles().weights(cloud) == pytest.approx([4 / 5, 1 / 5])
    assert Particles(temperature=2.0).weights(cloud) == pytest.approx([2 / 3, 1 / 3])


def test_probabilities_are_kept_the_clip_away_from_zero_and_one() -> None:
    """At .1: 1 counts as .9, odds 9; 0 as .1, odds 1/9."""
    cloud = [candidate((0,), 1.0, OPEN), candidate((1,), 0.5, OPEN), candidate((2,), 0.0, OPEN)]
    weights = Particles(clip=0.1).weights(cloud)
    assert [weight / weights[1] for weight in weights] == pytest.approx([9, 1, 1 / 9])


def test_an_aggregate_of_log_odds_is_the_logit_itself() -> None:
    """history.sum_logit of p .8 alone is log 4, as the logit of .8."""
    cloud = [candidate((0,), 0.8, OPEN), candidate((1,), 0.5, OPEN)]
    weights = Particles(aggregate="history.sum_logit").weights(cloud)
    assert weights == pytest.approx([4 / 5, 1 / 5])


def test_what_was_cut_or_has_no_score_weighs_nothing_beside_a_number() -> None:
    cloud = [
        candidate((0,), Missing("unread"), OPEN),
        candidate((1,), 0.001, OPEN),
        candidate((2,), 0.99, CUT),
    ]
    assert Particles().weights(cloud) == [0.0, 1.0, 0.0]
    assert Particles().weights([cloud[0]] * 4) == [0.25] * 4


def test_the_seed_of_the_strategy_and_the_problem_decide_the_resampling() -> None:
    tree: Tree = {str(n): (0.5, OPEN) for n in range(8)}
    tree |= {f"{n}/{k}": (0.5, DONE) for n in range(8) for k in range(8)}

    def resampled(strategy: Particles, problem: Problem = PROBLEM) -> list[str]:
        return ids(run(strategy(problem), tree, []))

    once = resampled(Particles(particles=8))
    assert resampled(Particles(particles=8)) == once
    assert resampled(Particles(particles=8, seed=1)) != once
    assert resampled(Particles(particles=8), Problem("two", "1 + 1?")) != once


def test_at_the_depth_limit_open_particles_are_candidates_after_the_finished_ones() -> None:
    tree: Tree = {"0": (0.9, OPEN), "1": (0.1, DONE)}
    asked: list[dict[str, int]] = []
    assert ids(run(Particles(particles=2, depth=1)(PROBLEM), tree, asked)) == ["1", "0"]
    assert asked == [{"": 2}]


def test_a_spent_budget_leaves_the_particles_as_they_are(draws: Draws) -> None:
    """Calls: 4 + 2 is 6 of 5, so the second resampling is not carried out."""
    draws.numbers = [0.10, 0.45, 0.47, 0.30, 0.20, 0.60, 0.80, 0.70]
    result = run(Particles(particles=4, budget=Budget(calls=5))(PROBLEM), TREE, [])
    assert result.exhausted == LimitReached("calls", 6, 5)
    assert ids(result) == ["1", "0/0", "0/1"]
    assert set(reasons(result)) == {"2", "3"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"particles": 0}, "particles: 0 must be 1 or more"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
        ({"ess": 1.5}, "ess: 1.5 must be from 0 to 1; nearest 1"),
        ({"ess": math.nan}, "ess: nan must be a finite number, from 0 to 1"),
        ({"clip": 0.0}, "clip: 0.0 must be from 1e-12 to 0.1; nearest 1e-12"),
        ({"temperature": -1.0}, "temperature: -1.0 must be a finite number above 0"),
        ({"resampling": "residual"}, "resampling: 'residual' must be one of multinomial, sys"),
        ({"aggregate": "lst"}, "aggregate: unknown aggregation 'lst'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Particles(**fields)
