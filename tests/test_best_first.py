"""Best-first: golden trees worked out by hand, the frontier's limit, and where it ends."""

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from search.budget import Budget
from search.core import (
    Candidate,
    Missing,
)
from search.limit import LimitReached
from search.strategies.best_first import BestFirst
from written_trees import CUT, DONE, OPEN, PROBLEM, Tree, candidate, ids, judgement, reasons, run

TREE: Tree = {
    "0": (0.6, OPEN), "1": (0.8, OPEN),
    "0/0": (0.9, DONE), "0/1": (0.4, OPEN), "1/0": (0.5, OPEN), "1/1": (0.3, OPEN),
    "0/1/0": (0.1, DONE), "0/1/1": (0.1, DONE),
    "1/0/0": (0.45, OPEN), "1/0/1": (0.7, OPEN), "1/1/0": (0.2, DONE), "1/1/1": (0.2, DONE),
    "1/0/0/0": (0.2, DONE), "1/0/0/1": (0.1, DONE),
    "1/0/1/0": (0.2, DONE), "1/0/1/1": (0.1, DONE),
}  # fmt: skip
SMALL = BestFirst(children=2, expand=1, frontier=3, solutions=2)


def test_golden_tree() -> None:
    """Two children each, one path at a time, three open at most, two solutions wanted.

    Open after the root: 1 .8, 0 .6. After 1: 0 .6, 1/0 .5, 1/1 .3. After 0, of which 0/0 finished:
    1/0 .5, 0/1 .4, 1/1 .3. After 1/0: 1/0/1 .7, 1/0/0 .45, 0/1 .4, and 1/1 .3 is one too many.
    After 1/0/1 both its children finished: three solutions, one more than wanted.
    """
    asked: list[dict[str, int]] = []
    result = run(SMALL(PROBLEM), TREE, asked)
    assert asked == [{"": 2}, {"1": 2}, {"0": 2}, {"1/0": 2}, {"1/0/1": 2}]
    assert ids(result) == ["0/0", "1/0/1/0", "1/0/1/1"]
    assert reasons(result) == {
        "1/1": "not among the best of the frontier",
        "1/0/0": "still open when the search ended",
        "0/1": "still open when the search ended",
    }


def test_golden_tree_of_two_at_a_time() -> None:
    """After the root both are extended in one question. Open: 1/0 .5, 0/1 .4, 1/1 .3; 0/0 finished.

    Then 1/0 and 0/1 together: 0/1/0 and 0/1/1 finish, three solutions.
    """
    asked: list[dict[str, int]] = []
    result = run(replace(SMALL, expand=2)(PROBLEM), TREE, asked)
    assert asked == [{"": 2}, {"1": 2, "0": 2}, {"1/0": 2, "0/1": 2}]
    assert ids(result) == ["0/0", "0/1/0", "0/1/1"]
    assert reasons(result) == {
        "1/0/1": "still open when the search ended",
        "1/0/0": "still open when the search ended",
        "1/1": "still open when the search ended",
        "1/0": "all its continuations were given up",
        "1": "all its continuations were given up",
    }


def test_a_depth_bonus_goes_deep_before_it_goes_back() -> None:
    """With .2 a step: after 1, 1/0 is worth .5 + .4 and 0 only .6 + .2, so 1/0 is next."""
    asked: list[dict[str, int]] = []
    run(replace(SMALL, depth_bonus=0.2)(PROBLEM), TREE, asked)
    assert asked[:3] == [{"": 2}, {"1": 2}, {"1/0": 2}]


def test_the_frontier_forgets_its_worst_at_once() -> None:
    """One open path: after the root 0 is forgotten, after 1 its worse child."""
    asked: list[dict[str, int]] = []
    result = run(replace(SMALL, frontier=1)(PROBLEM), TREE, asked)
    assert asked == [{"": 2}, {"1": 2}, {"1/0": 2}, {"1/0/1": 2}]
    forgotten = dict.fromkeys(["0", "1/1", "1/0/0"], "not among the best of the frontier")
    assert reasons(result) == forgotten


def test_the_earliest_drawn_wins_a_tie_and_a_missing_score_comes_last() -> None:
    ranked = BestFirst(depth_bonus=9.0).rank(
        [
            candidate((0, 0), Missing("unread"), OPEN),
            candidate((1,), 0.5, OPEN),
            candidate((2,), 0.0, OPEN),
            candidate((3,), 0.5, OPEN),
        ]
    )
    assert [item.path.id for item in ranked] == ["1", "3", "2", "0/0"]


def test_expansions_limit_how_many_paths_are_extended() -> None:
    """Three, the root first: of the pair 1 and 0 both, then none; with two only 1."""
    strategy = replace(SMALL, expand=2, solutions=9)
    asked: list[dict[str, int]] = []
    run(replace(strategy, expansions=3)(PROBLEM), TREE, asked)
    assert asked == [{"": 2}, {"1": 2, "0": 2}]
    asked.clear()
    run(replace(strategy, expansions=2)(PROBLEM), TREE, asked)
    assert asked == [{"": 2}, {"1": 2}]


def test_unfinished_paths_make_up_the_number_the_best_open_ones_first() -> None:
    """Four wanted, two extended: open 0 .6, 1/0 .5, 1/1 .3 follow what was found, nothing here."""
    result = run(replace(SMALL, solutions=4, expansions=2)(PROBLEM), TREE, [])
    assert ids(result) == ["0", "1/0", "1/1"]
    assert reasons(result) == {}


def test_an_open_path_makes_up_the_number_before_a_cut_one() -> None:
    tree: Tree = {"0": (0.9, CUT), "1": (0.1, OPEN)}
    result = run(BestFirst(children=2, solutions=1, expansions=1)(PROBLEM), tree, [])
    assert ids(result) == ["1"]


def test_cut_paths_and_those_at_the_depth_limit_are_not_extended() -> None:
    tree: Tree = {
        "0": (0.9, CUT), "1": (0.8, OPEN), "2": (0.7, DONE),
        "1/0": (0.6, OPEN), "1/1": (0.5, DONE), "1/2": (0.4, CUT),
    }  # fmt: skip
    asked: list[dict[str, int]] = []
    strategy = BestFirst(children=3, solutions=3, depth=2)
    result = run(strategy(PROBLEM), tree, asked)
    assert asked == [{"": 3}, {"1": 3}]
    assert ids(result) == ["2", "1/1", "0"]
    assert reasons(result) == {"1/0": "at the depth limit", "1/2": "cut before its end"}


def test_a_spent_budget_leaves_what_was_found_and_the_frontier() -> None:
    """Calls: 2 + 2 + 2 is 6 of 5, so 1/0 is not extended; 0/0 was found, 1/0 is the best open."""
    result = run(replace(SMALL, budget=Budget(calls=5))(PROBLEM), TREE, [])
    assert result.exhausted == LimitReached("calls", 6, 5)
    assert ids(result) == ["0/0", "1/0"]
    assert set(reasons(result)) == {"0/1", "1/1"}


def test_the_field_aggregate_is_the_value() -> None:
    """Histories .9 .2 and .3 .4: `last` prefers the second, `max` the first."""
    pair = [
        Candidate(candidate((0, 0), 0.2, OPEN).path, judgement(0.2), (0.9, 0.2)),
        Candidate(candidate((1, 0), 0.4, OPEN).path, judgement(0.4), (0.3, 0.4)),
    ]
    assert BestFirst().rank(pair) == pair[::-1]
    assert BestFirst(aggregate="history.max").rank(pair) == pair


@pytest.mark.parametrize(
    "name", ["children", "expand", "frontier", "solutions", "expansions", "depth"]
)
def test_counts_of_nothing_are_refused(name: str) -> None:
    fields: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"{name}: 0 must be 1 or more"):
        BestFirst(**fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expand": 5, "frontier": 4}, "expand: 5 must be at most frontier 4; nearest 4"),
        ({"depth_bonus": math.nan}, "depth_bonus: nan must be a finite number"),
        ({"aggregate": "lst"}, "aggregate: unknown aggregation 'lst'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        BestFirst(**fields)
