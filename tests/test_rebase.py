"""REBASE: both allocations, golden trees worked out by hand, its leaves and its width."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.budget import Budget
from search.core import (
    Candidate,
    Missing,
)
from search.limit import LimitReached
from search.questions import (
    Fork,
    Grow,
)
from search.strategies.offspring import softmax
from search.strategies.rebase import Rebase, code, paper
from written_trees import (
    CUT,
    DONE,
    OPEN,
    PROBLEM,
    Tree,
    answer,
    candidate,
    ids,
    judgement,
    reasons,
    run,
)

TREE: Tree = {
    "0": (0.9, OPEN), "1": (0.8, OPEN), "2": (0.7, OPEN), "3": (0.6, OPEN),
    "0/0": (0.2, DONE), "0/1": (0.5, OPEN), "0/2": (0.7, OPEN), "1/0": (0.6, OPEN),
    "2/0": (0.5, OPEN),
    "0/1/0": (0.4, DONE), "0/2/0": (0.9, DONE), "0/2/1": (0.3, DONE), "1/0/0": (0.8, OPEN),
    "1/0/1": (0.6, DONE), "2/0/0": (0.7, DONE),
    "1/0/0/0": (0.5, DONE),
}  # fmt: skip
HALVING = 0.1 / math.log(2)
"""With this temperature a reward lower by 0.1 has half the share."""


def test_golden_tree_of_the_authors_code() -> None:
    """Width 4, shares halve per 0.1.

    Level 1: rewards .9 .8 .7 .6, powers 8:4:2:1 of 15. Best first: ceil(4·8/15 = 2.13) = 3, one
    is left: ceil(1·4/7) = 1, none is left: 0, 0.
    Level 2: 0/0 ended, the width is 3. Rewards .5 .7 .6 of 0/1 0/2 1/0, powers 1:4:2 of 7. Best
    first: 0/2 ceil(3·4/7 = 1.71) = 2, one is left: 1/0 ceil(1·2/3) = 1, none for 0/1.
    Level 3: 0/2/0 and 0/2/1 ended, the width is 1 and all of it goes to 1/0/0.
    """
    asked: list[dict[str, int]] = []
    result = run(Rebase(width=4, temperature=HALVING)(PROBLEM), TREE, asked)
    assert asked == [{"": 4}, {"0": 3, "1": 1}, {"0/2": 2, "1/0": 1}, {"1/0/0": 1}]
    assert ids(result) == ["0/0", "0/2/0", "0/2/1", "1/0/0/0"]
    assert reasons(result) == dict.fromkeys(["2", "3", "0/1"], "no share of the width")
    assert result.exhausted is None


def test_golden_tree_of_the_paper() -> None:
    """Width 4, shares halve per 0.1.

    Level 1: 4·(8:4:2:1)/15 = 2.13 1.07 0.53 0.27, rounded 2 1 1 0.
    Level 2: 0/0 ended, the width is 3. Rewards .5 .6 .5 of 0/1 1/0 2/0, powers 1:2:1 of 4:
    3·(1:2:1)/4 = 0.75 1.5 0.75, rounded 1 2 1, one more than the width.
    Level 3: 0/1/0, 1/0/1 and 2/0/0 ended, the width is 0: nothing is left for 1/0/0.
    """
    asked: list[dict[str, int]] = []
    strategy = Rebase(width=4, allocation="paper", temperature=HALVING)
    result = run(strategy(PROBLEM), TREE, asked)
    assert asked == [{"": 4}, {"0": 2, "1": 1, "2": 1}, {"0/1": 1, "1/0": 2, "2/0": 1}]
    assert ids(result) == ["0/0", "0/1/0", "1/0/1", "2/0/0"]
    assert reasons(result) == {
        "3": "no share of the width",
        "1/0/0": "ended paths took the whole width",
    }


def test_the_papers_rounding_may_bring_more_leaves_than_the_width() -> None:
    """Rewards .5 .6 .5, width 3: 0.75 1.5 0.75, rounded 1 2 1, and all four end."""
    tree: Tree = {"0": (0.5, OPEN), "1": (0.6, OPEN), "2": (0.5, OPEN)}
    tree |= dict.fromkeys(["0/0", "1/0", "1/1", "2/0"], (0.5, DONE))
    strategy = Rebase(width=3, allocation="paper", temperature=HALVING)
    assert ids(run(strategy(PROBLEM), tree, [])) == ["0/0", "1/0", "1/1", "2/0"]
    assert (strategy.candidates, Rebase(width=3).candidates) == (6, 3)


def test_parents_with_equal_counts_share_a_question_and_all_are_asked_side_by_side() -> None:
    flow = Rebase(width=4, allocation="paper", temperature=HALVING)(PROBLEM)
    level = flow.send(answer(next(flow), TREE, []))
    assert isinstance(level, Fork)
    questions = [next(part) for part in level.flows]
    assert all(isinstance(question, Grow) for question in questions)
    assert [([path.id for path in q.paths], q.n) for q in questions if isinstance(q, Grow)] == [
        (["0"], 2),
        (["1", "2"], 1),
    ]


@pytest.mark.parametrize(
    ("shares", "width", "by_paper", "by_code"),
    [
        ([0.5, 0.5], 1, [1, 1], [1, 0]),  # halves up; the code's tie goes to the earliest
        ([0.5, 0.5], 5, [3, 3], [3, 2]),  # 2.5 is rounded to 3, not to the even 2
        ([0.2] * 5, 2, [1, 0, 0, 0, 0], [1, 1, 0, 0, 0]),  # 0.4 each: nobody, so the first
        ([1 / 3] * 3, 6, [2, 2, 2], [2, 2, 2]),  # floats a little above 2 are not 3
        ([3 / 11, 4 / 11, 4 / 11], 11, [3, 4, 4], [3, 4, 4]),  # exact; bare floats make it 2 4 5
        ([0.1] * 10, 10, [1] * 10, [1] * 10),
        ([0.1, 0.6, 0.3], 8, [1, 5, 2], [0, 5, 3]),  # 4.8→5; 3·.3/.4 = 2.25→3; none left
        ([0.0, 1.0], 3, [0, 3], [0, 3]),
    ],
)
def test_allocations_worked_out_by_hand(
    shares: list[float], width: int, by_paper: list[int], by_code: list[int]
) -> None:
    assert (paper(shares, width), code(shares, width)) == (by_paper, by_code)


SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(SCORES, st.integers(1, 64), st.sampled_from([0.02, 0.2, 5.0]))
def test_the_codes_allocation_spends_the_width_exactly_and_the_better_has_no_less(
    scores: list[float], width: int, temperature: float
) -> None:
    shares = softmax(scores, temperature)
    counts = code(shares, width)
    assert sum(counts) == width
    ranked = [count for _, count in sorted(zip(shares, counts, strict=True), reverse=True)]
    assert ranked == sorted(ranked, reverse=True)
    assert ranked[-1] >= 0


@given(SCORES, st.integers(1, 64), st.sampled_from([0.02, 0.2, 5.0]))
def test_the_papers_allocation_is_within_half_of_each_share(
    scores: list[float], width: int, temperature: float
) -> None:
    shares = softmax(scores, temperature)
    counts = paper(shares, width)
    assert 1 <= sum(counts) <= 2 * width
    lifted = sum(counts) == 1 and max(shares) * width < 0.5
    assert lifted or all(
        abs(count - width * share) <= 0.5 + 1e-6
        for count, share in zip(counts, shares, strict=True)
    )


def test_a_missing_reward_has_no_share_beside_a_number() -> None:
    level = [candidate((0,), Missing("unread"), OPEN), candidate((1,), 0.0, OPEN)]
    assert Rebase().allocate(level, 4) == [0, 4]


def test_where_all_rewards_are_missing_the_width_is_shared_evenly() -> None:
    level = [candidate((n,), Missing("unread"), OPEN) for n in range(3)]
    assert Rebase().allocate(level, 4) == [2, 1, 1]


def test_a_cut_path_takes_its_place_of_the_width_and_abstains_last() -> None:
    """It is a leaf: the width falls from 2 to 1; candidates that have an answer stand first."""
    tree: Tree = {"0": (0.9, CUT), "1": (0.1, OPEN), "1/0": (0.1, DONE)}
    asked: list[dict[str, int]] = []
    result = run(Rebase(width=2)(PROBLEM), tree, asked)
    assert asked == [{"": 2}, {"1": 1}]
    assert ids(result) == ["1/0", "0"]


def test_at_the_depth_limit_open_paths_are_candidates_after_the_finished_ones() -> None:
    tree: Tree = {"0": (0.9, OPEN), "1": (0.1, DONE)}
    assert ids(run(Rebase(width=2, depth=1)(PROBLEM), tree, [])) == ["1", "0"]


def test_a_spent_budget_leaves_the_ended_and_the_open_paths() -> None:
    """Calls: 4 + 4 is 8 of 7, so the third level is not asked and nothing of it is given up."""
    asked: list[dict[str, int]] = []
    strategy = Rebase(width=4, temperature=HALVING, budget=Budget(calls=7))
    result = run(strategy(PROBLEM), TREE, asked)
    assert len(asked) == 2
    assert result.exhausted == LimitReached("calls", 8, 7)
    assert ids(result) == ["0/0", "0/1", "0/2", "1/0"]
    assert set(reasons(result)) == {"2", "3"}


def test_the_field_aggregate_is_the_reward() -> None:
    """Histories .9 .2 and .3 .4: `last` prefers the second, `max` the first."""
    level = [
        Candidate(candidate((0, 0), 0.2, OPEN).path, judgement(0.2), (0.9, 0.2)),
        Candidate(candidate((1, 0), 0.4, OPEN).path, judgement(0.4), (0.3, 0.4)),
    ]
    assert Rebase(temperature=0.01).allocate(level, 4) == [0, 4]
    assert Rebase(temperature=0.01, aggregate="history.max").allocate(level, 4) == [4, 0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"width": 0}, "width: 0 must be 1 or more"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
        ({"temperature": 0.0}, "temperature: 0.0 must be a finite number above 0"),
        ({"temperature": math.nan}, "temperature: nan must be"),
        ({"allocation": "round"}, "allocation: 'round' must be one of paper, code"),
        ({"aggregate": "history.lst"}, "aggregate: unknown aggregation 'history.lst'; did you"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Rebase(**fields)
