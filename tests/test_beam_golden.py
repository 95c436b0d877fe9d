"""Beam search by the rules of published systems, on trees worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from beam_trees import OPENR, PROBLEM, SNELL, Golden, Tree
from search.strategies.beam import Beam
from written_trees import ids, reasons

# N = 4, M = 2; finished paths leave for the bank, the two best others are kept, and 4 are drawn
# however few these are. The first four to finish are the result.
# 1: 0 60, 1 90, 2 70, 3 80             -> 1, 3; 0, 2 outranked
# 2: 1/0 50!, 1/1 40, 3/0 30!, 3/1 95!  -> bank 1/0, 3/0, 3/1; 1/1 goes on alone
# 3: four copies of 1/1: 10!, 99!, 35, 20 -> bank 1/1/0, 1/1/1: five have finished, enough. The
#    fifth is not returned though it is the best: the bias to early finishers is this rule's.
SEARCH_AND_LEARN = Golden(
    Beam(4, 2, finish="bank", slots="fixed", refill="cyclic", dedup="none", final="first"),
    {
        **{"0": "60", "1": "90", "2": "70", "3": "80"},
        **{"1/0": "50!", "1/1": "40", "3/0": "30!", "3/1": "95!"},
        **{"1/1/0": "10!", "1/1/1": "99!", "1/1/2": "35", "1/1/3": "20"},
    },
    ["1/0", "3/0", "3/1", "1/1/0"],
    {
        **{"0": "outranked", "2": "outranked", "1/1/2": "enough paths finished"},
        **{"1/1/3": "enough paths finished", "1/1/1": "enough others finished"},
    },
    (
        {"first_level": "children"},
        {"finish": "compete"},
        {"slots": "shrink"},
        {"refill": "none"},
        {"final": "best"},
        {"final": "all"},
        {"lookahead": 1},
        {"score_every": 2},
        {"depth": 2},
        {"aggregate": "history.min", "final": "best"},
    ),
)


# N = 4, M = 2, and the first level has only M.
# 1: 0 50, 1 60                         -> 1, 0
# 2: 1/0 90!, 1/1 20, 0/0 80, 0/1 70    -> 1/0 (finished, competes), 0/0
# 3: 0/0/0 95, 0/0/1 92 beside 1/0 90!  -> both; the finished 1/0 is outranked and lost
# 4: 0/0/0/0 30!, 0/0/0/1 10, 0/0/1/0 60!, 0/0/1/1 55! -> the best two are finished: the end;
#    finished ones of the last level, best first: 60, 55, 30
ITS_HUB = Golden(
    Beam(4, 2, "children", finish="compete", refill="none", dedup="none", final="best"),
    {
        **{"0": "50", "1": "60", "1/0": "90!", "1/1": "20", "0/0": "80", "0/1": "70"},
        **{"0/0/0": "95", "0/0/1": "92", "0/0/0/0": "30!", "0/0/0/1": "10"},
        **{"0/0/1/0": "60!", "0/0/1/1": "55!"},
    },
    ["0/0/1/0", "0/0/1/1", "0/0/0/0"],
    {
        **dict.fromkeys(["1/1", "0/1", "1/0", "0/0/0/1"], "outranked"),
        "1": "all its continuations were given up",
    },
    (
        {"first_level": "paths"},
        {"finish": "bank"},
        {"refill": "cyclic"},
        {"refill": "even"},
        {"final": "first"},
        {"final": "all"},
        {"lookahead": 1},
        {"score_every": 2},
        {"depth": 3},
        {"aggregate": "history.min"},
    ),
)
GOLDEN = {
    "snell": SNELL,
    "search_and_learn": SEARCH_AND_LEARN,
    "its_hub": ITS_HUB,
    "openr": OPENR,
}


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
def test_a_tree_worked_out_by_hand(golden: Golden) -> None:
    tree = Tree(golden.nodes)
    result = tree.play(golden.beam(PROBLEM))
    assert ids(result) == golden.candidates
    assert reasons(result) == golden.pruned
    assert set(tree.drawn) == set(golden.nodes)
    assert tree.judged == list(tree.drawn)


@pytest.mark.parametrize(
    ("golden", "change"),
    [
        pytest.param(golden, change, id=f"{name}-{change}")
        for name, golden in GOLDEN.items()
        for change in golden.changes
    ],
)
def test_changing_one_rule_changes_the_tree(golden: Golden, change: dict[str, Any]) -> None:
    result = Tree(golden.nodes).play(replace(golden.beam, **change)(PROBLEM))
    assert (ids(result), reasons(result)) != (golden.candidates, golden.pruned)
