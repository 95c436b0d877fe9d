"""DVTS: a tree worked out by hand, each rule alone, and laws over random trees."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.budget import Budget
from search.core import (
    Judgement,
    Prefix,
    Problem,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.limit import LimitReached
from search.memory import DictMemory
from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from search.strategies.dvts import Dvts
from written_trees import ids

PROBLEM = Problem("p", "1 + 2 + 3?")
STOPS = {"!": StopReason.EOS, "~": StopReason.LENGTH, "": StopReason.STEP_END}
Nodes = Callable[[str], str]


@dataclass
class Tree(Policy, Scorer):
    """Policy and scorer of a tree that is written down as a function of path ids.

    `70` is the prefix probability in percent, `?` a missing one; `!` after it finishes the path,
    `~` cuts it. Each step and each judgement costs one call.
    """

    nodes: Nodes
    greedy: set[str] = field(default_factory=set)
    judged: set[str] = field(default_factory=set)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        await asyncio.sleep(0)
        return [PolicyReply(self.child(call), Spent(1)) for call in batch]

    def child(self, call: PolicyCall) -> Prefix:
        place = "/".join(map(str, (*call.path.place, call.child)))
        stop = STOPS[self.nodes(place).lstrip("0123456789?")]
        if call.greedy:
            self.greedy.add(place)
        return call.path.grow(call.child, [Step(f"{place}\n", tuple(place.encode()), stop)])

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        await asyncio.sleep(0)
        return [ScorerReply(self.judgement(call.path), Spent(1)) for call in batch]

    def judgement(self, path: Prefix) -> Judgement:
        self.judged.add(path.id)
        number = self.nodes(path.id).rstrip("!~")
        if number == "?":
            return Judgement.missing("unreadable")
        verdict = StepVerdict(int(number) / 100, VerdictStatus.READ)
        return Judgement((verdict,) * len(path.steps), int(number) / 100, chains=1)


def play(dvts: Dvts, tree: Tree) -> Searched:
    return asyncio.run(drive(dvts(PROBLEM), tree, tree, DictMemory(), 0))


# N = 4, M = 2: two subtrees of two children per step.
# First:  0 60, 1 90             -> 1
#         1/0 50!, 1/1 70        -> 1/1; 1/0 is finished, but its subtree goes on
#         1/1/0 80!, 1/1/1 30!   -> 1/1/0, the leaf; its sibling is finished
# Second: 2 20, 3 10             -> 2, worse than all that the first one left
#         2/0 15!, 2/1 5         -> 2/0, the leaf; its sibling is not finished
GOLDEN = {
    **{"0": "60", "1": "90", "1/0": "50!", "1/1": "70", "1/1/0": "80!", "1/1/1": "30!"},
    **{"2": "20", "3": "10", "2/0": "15!", "2/1": "5"},
}


def test_a_tree_worked_out_by_hand() -> None:
    tree = Tree(GOLDEN.__getitem__)
    searched = play(Dvts(4, 2), tree)
    assert ids(searched.result) == ["1/1/0", "2/0"]
    assert [(item.path_id, item.reason) for item in searched.result.pruned] == [
        (path_id, "outranked by a sibling") for path_id in ["0", "1/0", "1/1/1", "3", "2/1"]
    ]
    assert set(searched.paths) == tree.judged == set(GOLDEN)
    assert searched.result.candidates[0].history == (0.90, 0.70, 0.80)


def test_siblings_of_a_leaf_are_returned_after_all_leaves_when_finished() -> None:
    result = play(Dvts(4, 2, siblings="finished"), Tree(GOLDEN.__getitem__)).result
    assert ids(result) == ["1/1/0", "2/0", "1/1/1"]
    assert [item.path_id for item in result.pruned] == ["0", "1/0", "3", "2/1"]


def test_a_leaf_at_the_depth_limit_abstains_behind_what_is_finished() -> None:
    """At depth 2 the first leaf is 1/1, which goes on; its sibling 1/0 and 2/0 are finished."""
    tree = Tree(GOLDEN.__getitem__)
    assert ids(play(Dvts(4, 2, depth=2, siblings="finished"), tree).result) == ["1/0", "2/0", "1/1"]
    assert ids(play(Dvts(4, 2, depth=2), Tree(GOLDEN.__getitem__)).result) == ["2/0", "1/1"]


def test_each_subtree_has_its_share_of_the_budget() -> None:
    """8 calls are 4 for each, which the first level costs; the second subtree is not robbed."""
    searched = play(Dvts(4, 2, budget=Budget(calls=8)), Tree(GOLDEN.__getitem__))
    assert set(searched.paths) == {"0", "1", "2", "3"}
    assert searched.result.exhausted == LimitReached("calls", 4, 4)
    assert ids(searched.result) == ["1", "2"]


def test_a_subtree_that_ends_leaves_nothing_to_the_other() -> None:
    """The first needs 12 calls, the second 8: 10 each admit the first's last question, 8 do not."""
    searched = play(Dvts(4, 2, budget=Budget(calls=20)), Tree(GOLDEN.__getitem__))
    assert searched.result.exhausted is None
    searched = play(Dvts(4, 2, budget=Budget(calls=16)), Tree(GOLDEN.__getitem__))
    assert searched.result.exhausted == LimitReached("calls", 8, 8)
    assert ids(searched.result) == ["2/0", "1/1"]


def test_a_spent_share_marks_the_search_before_a_depth_that_was_reached() -> None:
    """6 calls for each. First: 0, 1!, a rollout of 0 and two judgements are 5, so it goes on, to
    0/1 at the depth limit. Second: 2, 3, a rollout of each and two judgements are 6."""
    nodes = {"0": "1", "1": "1!", "0/4": "90", "2": "1", "3": "1", "2/4": "80", "3/4": "1"}
    nodes |= {"0/0": "1", "0/0/4": "1", "0/1": "1", "0/1/4": "2"}
    dvts = Dvts(4, 2, lookahead=1, depth=2, budget=Budget(calls=12))
    result = play(dvts, Tree(nodes.__getitem__)).result
    assert (ids(result), result.exhausted) == (["0/1", "2"], LimitReached("calls", 6, 6))


def test_lookahead_follows_the_child_whose_rollout_ends_best() -> None:
    """Rollouts are numbered from N = 4, apart from all children: 0/4 10!, 1/4 40, 1/4/0 90."""
    nodes = {
        **{"0": "99", "1": "1", "0/4": "10!", "1/4": "40", "1/4/0": "90"},
        **{"2": "30!", "3": "20!", "1/0": "80!", "1/1": "60!"},
    }
    tree = Tree(nodes.__getitem__)
    searched = play(Dvts(4, 2, lookahead=2), tree)
    assert ids(searched.result) == ["1/0", "2"]
    assert tree.greedy == {"0/4", "1/4", "1/4/0"}
    assert tree.judged == {"0/4", "1/4/0", "2", "3", "1/0", "1/1"}
    reasons = {item.path_id: item.reason for item in searched.result.pruned}
    assert {path_id for path_id, why in reasons.items() if why == "lookahead"} == tree.greedy
    assert set(searched.costs.policy) == set(nodes)


def test_the_earliest_wins_a_tie() -> None:
    nodes = {"0": "50!", "1": "50!", "2": "?", "3": "?", "2/0": "?!", "2/1": "?!"}
    assert ids(play(Dvts(4, 2), Tree(nodes.__getitem__)).result) == ["0", "2/0"]


def test_a_missing_score_never_wins_over_a_number() -> None:
    nodes = {"0": "?!", "1": "0!", "2": "?!", "3": "1!"}
    assert ids(play(Dvts(4, 2), Tree(nodes.__getitem__)).result) == ["1", "3"]


def test_a_cut_child_is_followed_only_where_all_are_cut() -> None:
    nodes = {"0": "99~", "1": "10!", "2": "20~", "3": "30~"}
    result = play(Dvts(4, 2), Tree(nodes.__getitem__)).result
    assert ids(result) == ["1", "3"]
    assert {item.path_id: item.reason for item in result.pruned} == {
        "0": "cut: length",
        "2": "cut: length",
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"paths": 10, "children": 4}, r"paths: 10 must be a multiple of children .*nearest 8"),
        ({"paths": 2, "children": 4}, r"children: 4 must be at most paths \(2\).*nearest 2"),
        ({"paths": 0}, "paths: 0 must be 1 or more"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
        ({"lookahead": -2}, "lookahead: -2 must be 0 or more; nearest 0"),
        ({"siblings": "all"}, "siblings: 'all' must be one of none, finished"),
        ({"aggregate": "history"}, "aggregate: unknown aggregation 'history'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dvts(**fields)


def sprouting(seed: int) -> Nodes:
    """A tree in which anything may happen anywhere."""

    def node(path_id: str) -> str:
        rng = random.Random(f"{seed}:{path_id}")
        score = rng.choice(["?", *map(str, range(0, 101, 10))])
        return f"{score}{rng.choice(['', '', '', '!', '~'])}"

    return node


searches = st.builds(
    lambda trees, children, **rest: Dvts(trees * children, children, **rest),
    st.integers(1, 3),
    st.integers(1, 3),
    siblings=st.sampled_from(["none", "finished"]),
    lookahead=st.integers(0, 2),
    depth=st.integers(1, 5),
    budget=st.builds(Budget, calls=st.none() | st.integers(1, 40)),
)


@settings(max_examples=60)
@given(searches, st.integers(0, 1000))
def test_every_subtree_has_a_leaf_among_the_candidates(dvts: Dvts, seed: int) -> None:
    result = play(dvts, Tree(sprouting(seed))).result
    trees = {candidate.path.place[0] // dvts.children for candidate in result.candidates}
    assert trees == set(range(dvts.subtrees))
