"""Best-of-N that stops when its choice is settled: golden flows, and that it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripted_drafts import PROBLEM, ROOT, Draft, chosen, drafts, judgement, run
from search.aggregation import Aggregator, MissingRule, Scale
from search.candidates import Steering
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Score,
    Spending,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.questions import Extended, Judged
from search.selection import SELECTIONS, Option
from search.strategies.best_of_n import BestOfN
from search.strategies.stopping import Poll

DOWN = Missing("no reply")
Pair = tuple[str | None, Score]
"""An answer and its score."""


def scored(*pairs: Pair) -> list[Draft]:
    return [Draft(answer, score) for answer, score in pairs]


def test_golden_weighted_stop() -> None:
    """n 6, waves of 2.

    After 2: a has 0.9 + 0.8 = 1.7; 4 are left, a new answer could have 4. After 4: a has 2.7; 2 are
    left, b could have 0.2 + 2 = 2.2 and a new answer 2: settled. 2 of 6 are saved.
    """
    script = scored(("a", 0.9), ("a", 0.8), ("a", 1.0), ("b", 0.2), ("b", 1.0), ("b", 1.0))
    result, asked = run(BestOfN(n=6, stop="weighted", wave=2)(PROBLEM), script)
    assert asked == ["draw 0-1", "judge 0 1", "draw 2-3", "judge 2 3"]
    assert [candidate.history for candidate in result.candidates] == [
        (0.9,),
        (0.8,),
        (1.0,),
        (0.2,),
    ]
    assert (result.exhausted, result.pruned) == (None, ())


A, B = ("a", 0.5), ("b", 0.5)
STOPS: list[tuple[str, int, list[Pair], bool]] = [
    # majority: (selection, left, so far, settled)
    ("majority", 2, [A, A], True),  # a new answer ties at 2, and a is earlier
    ("majority", 3, [A, A], False),  # it would have 3
    ("majority", 1, [B, A, A], False),  # b ties at 2, and b is earlier
    ("majority", 1, [A, A, B], True),  # b ties at 2, and a is earlier
    ("majority", 1, [A, A, (None, 1.0)], True),  # an abstention has no votes to add to
    ("majority", 1, [(None, 1.0)], False),  # nobody has a vote
    ("majority", 1, [("a", DOWN), ("a", DOWN)], True),  # a vote needs no score
    # weighted
    ("weighted", 1, [("a", 1.0), ("b", 0.0)], True),  # b and a new answer tie at 1; a is earlier
    ("weighted", 1, [("a", 1.0), ("b", 0.25)], False),  # b could have 1.25
    ("weighted", 1, [("b", 0.0), ("a", 1.0)], False),  # b ties at 1, and b is earlier
    ("weighted", 1, [("b", DOWN), ("a", 1.0)], True),  # b has no score: first at 1 is a
    ("weighted", 1, [("a", DOWN), ("a", 0.5)], False),  # a new answer could have 1
    # best
    ("best", 3, [("b", 0.5), ("a", 1.0)], True),  # no score is higher, later ones lose the tie
    ("best", 1, [("a", 0.999)], False),
    ("best", 1, [(None, 1.0), ("a", 0.5)], False),  # an abstention is not chosen
    ("best", 1, [("a", DOWN)], False),
]


@pytest.mark.parametrize(("selection", "left", "so_far", "settled"), STOPS)
def test_an_answer_is_settled_at_exactly_this_lead(
    selection: str, left: int, so_far: list[Pair], settled: bool
) -> None:
    assert poll_of(selection, so_far).settled(left) == settled


def poll_of(selection: str, so_far: Sequence[Pair], aggregate: str = "history.last") -> Poll:
    poll = Poll(selection, Steering(Aggregator.parse(aggregate)))
    poll.add(candidates(so_far))
    return poll


def candidates(pairs: Sequence[Pair]) -> list[Candidate]:
    return [
        Candidate(draft.path(child), judgement(draft.score), (draft.score,))
        for child, draft in enumerate(scored(*pairs))
    ]


ANSWERS: list[str | None] = [None, "a", "b", "c"]
SCORES: list[Score] = [0.0, 0.6, 1.0, DOWN]
PAIRS = st.tuples(st.sampled_from(ANSWERS), st.sampled_from(SCORES))


@given(
    selection=st.sampled_from(["majority", "weighted", "best"]),
    so_far=st.lists(PAIRS, max_size=5),
    left=st.integers(1, 2),
)
@settings(max_examples=150)
def test_settled_means_that_no_continuation_changes_the_choice(
    selection: str, so_far: list[Pair], left: int
) -> None:
    """Every continuation is tried, with two answers never given before: `x` and `y`."""
    possible: list[Pair] = [(None, DOWN), *product("abcxy", SCORES)]

    def choice(pairs: Sequence[Pair]) -> str | None:
        groups = {answer: group for group, answer in enumerate("abcxy")}
        options = [Option(groups[a] if a else None, score) for a, score in pairs]
        index = SELECTIONS[selection].choose(options, Scale.PROBABILITY).index
        return None if index is None else pairs[index][0]

    now = choice(so_far)
    unchanged = all(
        choice([*so_far, *further]) == now for further in product(possible, repeat=left)
    )
    assert poll_of(selection, so_far).settled(left) == unchanged


def test_votes_weighted_by_log_odds_weigh_at_most_one() -> None:
    """Two at log(0.9/0.1) weigh 1.8: safe from one vote, not from two."""
    so_far: list[Pair] = [("a", 0.9), ("a", 0.9)]
    assert poll_of("weighted", so_far, "history.sum_logit").settled(1)
    assert not poll_of("weighted", so_far, "history.sum_logit").settled(2)


SPACE = st.builds(
    BestOfN,
    n=st.just(9),
    stop=st.sampled_from(["majority", "weighted", "best"]),
    wave=st.integers(1, 9),
    aggregate=st.sampled_from(["history.last", "min"]),
    missing=st.sampled_from(MissingRule),
)
SCRIPTS = st.lists(PAIRS, min_size=9, max_size=9).map(lambda pairs: scored(*pairs))


@given(strategy=SPACE, script=SCRIPTS)
@settings(max_examples=200)
def test_what_is_chosen_early_is_what_all_would_have_chosen(
    strategy: BestOfN, script: list[Draft]
) -> None:
    early, asked = run(strategy(PROBLEM), script)
    whole, _ = run(replace(strategy, stop="none")(PROBLEM), script)
    assert early.candidates == whole.candidates[: len(early.candidates)]
    assert chosen(early, strategy.stop, strategy.steering) == chosen(
        whole, strategy.stop, strategy.steering
    )
    assert sum(question.startswith("draw") for question in asked) == math.ceil(
        len(early.candidates) / (strategy.wave or 1)
    )


@given(strategy=SPACE, script=SCRIPTS)
def test_it_stops_after_the_first_wave_that_settles_it(
    strategy: BestOfN, script: list[Draft]
) -> None:
    early, _ = run(strategy(PROBLEM), script)
    assert strategy.wave is not None
    ends = [*range(strategy.wave, 9, strategy.wave), 9]
    pairs = [(draft.answer, draft.score) for draft in script]
    first = next(
        end for end in ends if end == 9 or poll_of(strategy.stop, pairs[:end]).settled(9 - end)
    )
    assert len(early.candidates) == first


@pytest.mark.parametrize(
    ("missing", "settled"),
    [(MissingRule.WORST, True), (MissingRule.SKIP, True), (MissingRule.FAIL, False)],
)
def test_the_rule_for_missing_verdicts_decides_what_is_settled(
    missing: MissingRule, settled: bool
) -> None:
    """Verdicts 1.0 and none: 1.0 as the lowest that was read or as the only one; else no score."""
    text = Step("so", (1,), StopReason.STEP_END), Step(r"it is \boxed{7}", (2,), StopReason.EOS)
    verdicts = (
        StepVerdict(1.0, VerdictStatus.READ),
        StepVerdict(None, VerdictStatus.MISSING),
    )
    poll = Poll("best", Steering(Aggregator.parse("last"), missing))
    poll.add([Candidate(ROOT.grow(0, text), Judgement(verdicts, 0.5), (0.5,))])
    assert poll.settled(1) == settled


def test_the_fields_aggregate_and_missing_are_those_that_stop() -> None:
    """The whole text is judged 1.0 by its only step and 0.5 by its prefix: `last` settles it."""
    flow = BestOfN(n=4, stop="best", wave=1, aggregate="last")(PROBLEM)
    next(flow)
    (draft,) = drafts("7")
    flow.send(Extended(((draft.path(0),),), Spending()))
    verdict = StepVerdict(1.0, VerdictStatus.READ)
    with pytest.raises(StopIteration):
        flow.send(Judged((Judgement((verdict,), 0.5),), Spending()))


def test_a_wave_in_which_nothing_finished_asks_for_no_judgement() -> None:
    script = [Draft("7", stop=StopReason.LENGTH), Draft("7")]
    _, asked = run(BestOfN(n=2, wave=1)(PROBLEM), script)
    assert asked == ["draw 0-0", "draw 1-1", "judge 1"]
