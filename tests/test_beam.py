"""Beam search: how levels are filled and paths end, its settings, and its laws."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_trees import OPENR, PROBLEM, SNELL, Tree
from search.budget import Budget
from search.limit import LimitReached
from search.questions import Fork, Grow
from search.strategies.beam import Beam
from search.strategies.beam_rules import cyclic, even, none
from written_trees import ids, reasons


def test_a_level_is_one_question_without_a_barrier_inside() -> None:
    tree = Tree(SNELL.nodes)
    tree.play(SNELL.beam(PROBLEM))
    assert [type(question) for question in tree.questions] == [Grow] * 4


def test_histories_are_judged_prefixes_along_the_path() -> None:
    result = Tree(SNELL.nodes).play(SNELL.beam(PROBLEM))
    assert [candidate.history for candidate in result.candidates] == [
        (0.65, 0.85),
        (0.90, 0.70, 0.95, 0.65),
        (0.90, 0.70, 0.95, 0.75),
    ]


@pytest.mark.parametrize(
    ("refill", "width", "expected"),
    [
        (cyclic, (10, 3), {1: [10], 2: [5, 5], 3: [4, 3, 3]}),
        (even, (12, 3), {1: [12], 2: [6, 6], 3: [4, 4, 4], 4: [3, 3, 3, 3]}),
        (even, (16, 4), {3: [5, 5, 5]}),
        (none, (12, 3), {1: [3], 2: [3, 3], 4: [3, 3, 3, 3]}),
    ],
)
def test_how_a_level_is_filled(
    refill: Callable[[int, int, int], list[int]],
    width: tuple[int, int],
    expected: dict[int, list[int]],
) -> None:
    assert {count: refill(*width, count) for count in expected} == expected


def test_cyclic_copies_stand_in_the_order_drawn_and_the_first_have_one_more() -> None:
    """N = 5, M = 2: 1 and 2 are kept; five children make three of the first, two of the other."""
    tree = Tree({"0": "10", "1": "80", "2": "90", "3": "10", "4": "10"})
    tree.play(Beam(5, 2, refill="cyclic", depth=2)(PROBLEM))
    assert set(tree.drawn) - set("01234") == {"1/0", "1/1", "1/2", "2/0", "2/1"}


EQUAL = {"0": "90=x", "1": "80=x", "2": "70=z", "3": "60=w"}


def test_dedup_keeps_the_earliest_of_equal_texts() -> None:
    """Without it 0 and 1 are kept; with it 1 is 0 again, and 2 takes its place."""
    result = Tree(EQUAL).play(Beam(4, 2, dedup="all", final="all")(PROBLEM))
    assert ids(result) == ["0/0", "0/1", "2/0", "2/1"]
    assert reasons(result) == {"1": "says the same as 0", "3": "outranked"}
    assert ids(Tree(EQUAL).play(Beam(4, 2, dedup="none", final="all")(PROBLEM)))[2:] == [
        "1/0",
        "1/1",
    ]


def test_dedup_finds_the_later_of_two_even_if_it_is_judged_better() -> None:
    nodes = {"0": "10=x", "1": "90=x", "2": "30=y", "3": "20=z"}
    result = Tree(nodes).play(Beam(4, 2, final="all")(PROBLEM))
    assert reasons(result)["1"] == "says the same as 0"


def test_dedup_does_not_take_a_finished_path_for_one_that_goes_on() -> None:
    nodes = {"0": "90=x", "1": "80!=x", "2": "10", "3": "10"}
    result = Tree(nodes).play(Beam(4, 2, depth=1)(PROBLEM))
    assert ids(result) == ["1"]


def test_dedup_compares_a_finished_path_with_those_held() -> None:
    """0 is held, finished; 1/0 says the same in two steps."""
    nodes = {"0": "90!=a\nb", "1": "80=a", "2": "1", "3": "1", "1/0": "95!=b", "1/1": "70!=c"}
    result = Tree(nodes).play(Beam(4, 2, dedup="all")(PROBLEM))
    assert ids(result) == ["0", "1/1"]
    assert reasons(result)["1/0"] == "says the same as 0"
    assert ids(Tree(nodes).play(Beam(4, 2)(PROBLEM))) == ["1/0", "0", "1/1"]


def test_dedup_compares_letter_by_letter() -> None:
    nodes = {"0": "90=x y", "1": "80=x  y", "2": "70=z", "3": "60=w"}
    assert ids(Tree(nodes).play(Beam(4, 2, dedup="all", depth=1)(PROBLEM)))[:2] == ["0", "1"]


# Ranked by themselves 0 and 1 would be kept. Their rollouts, numbered from N = 4, say otherwise:
# 0/4/0 10, 1/4 20 (finished after one step), 2/4/0 90, 3/4/0 80.
AHEAD = {
    **{"0": "99", "1": "98", "2": "2", "3": "1", "0/4": "90", "0/4/0": "10", "1/4": "20!"},
    **{"2/4": "3", "2/4/0": "90", "3/4": "3", "3/4/0": "80", "2/0": "50!", "2/1": "40!"},
    **{"3/0": "30!", "3/1": "60!"},
}


def test_lookahead_ranks_by_the_ends_of_greedy_rollouts() -> None:
    tree = Tree(AHEAD)
    result = tree.play(Beam(4, 2, lookahead=2)(PROBLEM))
    assert ids(result) == ["3/1", "2/0", "2/1", "3/0"]
    rollouts = {"0/4", "0/4/0", "1/4", "2/4", "2/4/0", "3/4", "3/4/0"}
    assert set(tree.greedy) == rollouts
    assert reasons(result) == dict.fromkeys(rollouts, "lookahead") | {
        "0": "outranked",
        "1": "outranked",
    }


def test_lookahead_judges_only_ends_and_books_every_step() -> None:
    tree = Tree(AHEAD)
    result = tree.play(Beam(4, 2, lookahead=2)(PROBLEM))
    assert tree.judged == ["0/4/0", "1/4", "2/4/0", "3/4/0", "2/0", "2/1", "3/0", "3/1"]
    first = tree.questions[0]
    assert isinstance(first, Fork)
    assert len(first.flows) == 4
    assert all(len(candidate.history) == 1 for candidate in result.candidates)
    exhausted = Tree(AHEAD).play(Beam(4, 2, lookahead=2, budget=Budget(calls=15))(PROBLEM))
    assert exhausted.exhausted == LimitReached("calls", 15, 15)


def test_judging_every_second_step_prunes_nothing_between() -> None:
    """1: four go on, one child each. 2: 0/0 80, 1/0 90, 2/0 10, 3/0 20 -> 1/0, 0/0. 3 is the last
    level (depth 3), of one step: M = 2 of each, judged."""
    nodes = {
        **{"0": "0", "1": "0", "2": "0", "3": "0"},
        **{"0/0": "80", "1/0": "90", "2/0": "10", "3/0": "20"},
        **{"1/0/0": "50!", "1/0/1": "60!", "0/0/0": "70", "0/0/1": "40!"},
    }
    tree = Tree(nodes)
    result = tree.play(Beam(4, 2, score_every=2, depth=3)(PROBLEM))
    assert set(tree.drawn) == set(nodes)
    assert set(tree.judged) == set(nodes) - {"0", "1", "2", "3"}
    assert ids(result) == ["1/0/1", "1/0/0", "0/0/1"]
    assert result.candidates[0].history == (0.90, 0.60)
    assert reasons(result)["2"] == "all its continuations were given up"


def test_a_path_that_ends_between_judgements_is_judged() -> None:
    tree = Tree({"0": "70!", "1": "0", "2": "0", "3": "0"})
    result = tree.play(Beam(4, 2, score_every=2)(PROBLEM))
    assert "0" in tree.judged
    assert ids(result)[0] == "0"


def test_the_earliest_wins_a_tie() -> None:
    nodes = dict.fromkeys(["0", "1", "2", "3"], "50") | {"1/1": "9!"}
    result = Tree(nodes).play(Beam(4, 2)(PROBLEM))
    assert ids(result) == ["1/1", "0/0", "0/1", "1/0"]


def test_a_missing_score_never_wins_over_a_number() -> None:
    nodes = {"0": "?", "1": "1", "2": "?", "3": "2"}
    result = Tree(nodes).play(Beam(4, 2)(PROBLEM))
    assert {candidate.path.place[0] for candidate in result.candidates} == {1, 3}


def test_a_path_that_was_cut_takes_no_slot() -> None:
    nodes = {"0": "99~", "1": "50", "2": "40", "3": "30"}
    result = Tree(nodes).play(Beam(4, 2)(PROBLEM))
    assert {candidate.path.place[0] for candidate in result.candidates} == {1, 2}
    assert reasons(result)["0"] == "cut: length"


def test_where_nothing_finished_the_open_paths_abstain() -> None:
    result = Tree({"0": "10", "1": "20", "2": "30", "3": "40"}).play(Beam(4, 2, depth=1)(PROBLEM))
    assert ids(result) == ["3", "2"]
    assert not any(candidate.path.finished for candidate in result.candidates)


def test_where_all_were_cut_they_abstain() -> None:
    result = Tree(dict.fromkeys("0123", "50~")).play(Beam(4, 2)(PROBLEM))
    assert ids(result) == ["0", "1", "2", "3"]
    assert result.pruned == ()


def test_at_the_depth_limit_what_is_finished_is_returned() -> None:
    nodes = {"0": "90", "1": "80", "2": "10!", "3": "20"}
    result = Tree(nodes).play(Beam(4, 2, depth=1)(PROBLEM))
    assert ids(result) == ["2"]
    assert reasons(result) == {"0": "depth reached", "1": "depth reached", "3": "outranked"}


def test_the_first_to_finish_are_enough_once_there_are_n() -> None:
    """Two finish on each of two levels; the two open paths are not continued."""
    nodes = {
        **{"0": "9!", "1": "8!", "2": "7", "3": "6"},
        **{"2/0": "5!", "2/1": "4", "3/0": "3!", "3/1": "2"},
    }
    tree = Tree(nodes)
    result = tree.play(Beam(4, 2, finish="bank", refill="cyclic", final="first")(PROBLEM))
    assert ids(result) == ["0", "1", "2/0", "3/0"]
    assert set(tree.drawn) == set(nodes)


def test_a_spent_budget_ends_the_search_with_what_finished() -> None:
    """The first two levels cost 16 calls; at the third question the 10 allowed are spent."""
    result = Tree(SNELL.nodes).play(replace(SNELL.beam, budget=Budget(calls=10))(PROBLEM))
    assert result.exhausted == LimitReached("calls", 16, 10)
    assert ids(result) == ["1/1"]
    assert reasons(result)["3/0"] == "budget spent"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"paths": 10, "children": 4},
            r"paths: 10 must be a multiple of .* refill none; nearest 8",
        ),
        ({"paths": 11, "children": 4, "refill": "even"}, "paths: 11 must .* even; nearest 12"),
        ({"paths": 4, "children": 8}, r"children: 8 must be at most paths \(4\).*nearest 4"),
        ({"paths": 0}, "paths: 0 must be 1 or more"),
        ({"children": 0}, "children: 0 must be 1 or more"),
        ({"lookahead": -1}, "lookahead: -1 must be 0 or more; nearest 0"),
        ({"score_every": 0}, "score_every: 0 must be from 1 to 40; nearest 1"),
        ({"score_every": 9, "depth": 5}, "score_every: 9 must be from 1 to 5; nearest 5"),
        ({"depth": 0}, "depth: 0 must be 1 or more"),
        ({"slots": "shrink"}, "slots: 'shrink' needs finish bank; nearest fixed"),
        ({"refill": "evenly"}, "refill: 'evenly' must be one of cyclic, even, none"),
        ({"aggregate": "lats"}, "aggregate: unknown aggregation 'lats'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Beam(**fields)


def test_cyclic_copies_need_no_whole_number_of_children() -> None:
    assert Beam(10, 4, refill="cyclic").keep == 2


beams = st.builds(
    lambda keep, children, **rest: Beam(keep * children, children, **rest),
    st.integers(1, 3),
    st.integers(1, 3),
    first_level=st.sampled_from(["paths", "children"]),
    finish=st.just("bank"),
    slots=st.sampled_from(["fixed", "shrink"]),
    refill=st.sampled_from(["cyclic", "even", "none"]),
    dedup=st.sampled_from(["none", "open", "all"]),
    final=st.sampled_from(["best", "first", "all"]),
    lookahead=st.integers(0, 2),
    score_every=st.integers(1, 2),
    depth=st.integers(2, 5),
    budget=st.builds(Budget, calls=st.none() | st.integers(1, 60)),
)
any_beam = beams | beams.map(lambda beam: replace(beam, finish="compete", slots="fixed"))


def sprouting(seed: int) -> Callable[[str], str]:
    """A tree in which anything may happen anywhere."""

    def node(path_id: str) -> str:
        rng = random.Random(f"{seed}:{path_id}")
        score = rng.choice(["?", *map(str, range(0, 101, 10))])
        return f"{score}{rng.choice(['', '', '', '!', '~'])}={rng.choice('abcdef')}"

    return node


@settings(max_examples=100)
@given(any_beam, st.integers(0, 1000))
def test_candidates_are_all_finished_or_none_is_and_no_two_say_the_same(
    beam: Beam, seed: int
) -> None:
    result = Tree(sprouting(seed)).play(beam(PROBLEM))
    (finished,) = {candidate.path.finished for candidate in result.candidates}
    if beam.dedup == "all" or (beam.dedup == "open" and not finished):
        texts = [each.path.text for each in result.candidates if finished or not each.path.stopped]
        assert len(set(texts)) == len(texts)


def test_the_score_of_a_candidate_is_its_last_judgement() -> None:
    result = Tree(OPENR.nodes).play(OPENR.beam(PROBLEM))
    scores = [OPENR.beam.steering.score(candidate) for candidate in result.candidates]
    assert scores == [0.45, 0.30]
