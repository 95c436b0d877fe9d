"""Majority that stops when its leader is likely enough: answers, posterior, golden flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted_drafts import PROBLEM, ROOT, Draft, drafts, run, said
from search.core import StopReason
from search.questions import Extend, Until
from search.strategies.best_of_n import BestOfN
from search.strategies.majority import Majority
from search.strategies.stopping import answer_of, lead_probability

# --- The answer of a draft ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "answer"),
    [
        (Draft("7"), "7"),
        (Draft("2 \n  1/2 "), "2 1/2"),
        (Draft(None), None),
        (Draft("7", stop=StopReason.LENGTH), None),
        (Draft("7", stop=StopReason.LOOP), None),
    ],
)
def test_the_answer_of_a_finished_draft_is_its_text_but_for_white_space(
    draft: Draft, answer: str | None
) -> None:
    assert answer_of(draft.path(0)) == answer


def test_a_mixed_number_and_a_fraction_are_two_answers() -> None:
    assert answer_of(Draft("2 1/2").path(0)) != answer_of(Draft("21/2").path(0))


# --- The Beta posterior ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leader", "runner_up", "probability"),
    [
        (0, 0, 0.5),  # one coin shows no head: 1/2
        (1, 0, 0.75),  # two coins, no head: 1/4
        (3, 0, 0.9375),  # 1/16
        (4, 0, 0.96875),  # 1/32
        (1, 1, 0.5),  # three coins, at most one head: (1 + 3)/8
        (2, 1, 0.6875),  # four coins: (1 + 4)/16
        (6, 1, 1 - 9 / 256),  # eight coins: (1 + 8)/256
        (8, 2, 1 - 67 / 2048),  # eleven coins: (1 + 11 + 55)/2048
    ],
)
def test_the_lead_of_a_few_votes_is_as_worked_out_by_hand(
    leader: int, runner_up: int, probability: float
) -> None:
    assert lead_probability(leader, runner_up) == probability


def integrated(leader: int, runner_up: int) -> float:
    """The share above 1/2 of the integral of x^leader (1 - x)^runner_up, as the authors state it.

    The power of 1 - x is multiplied out, so that each term can be integrated exactly.
    """
    terms = [
        ((-1) ** j * comb(runner_up, j), leader + j + 1)  # coefficient, and power once integrated
        for j in range(runner_up + 1)
    ]
    whole = sum(Fraction(c, power) for c, power in terms)
    below = sum(Fraction(c, power << power) for c, power in terms)
    return float((whole - below) / whole)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_lead_is_the_integral_of_the_posterior(one: int, other: int) -> None:
    leader, runner_up = max(one, other), min(one, other)
    assert lead_probability(leader, runner_up) == integrated(leader, runner_up)


@pytest.mark.parametrize(("leader", "runner_up"), [(300, 270), (520, 500), (900, 3)])
def test_the_lead_of_hundreds_of_votes_is_exact(leader: int, runner_up: int) -> None:
    assert lead_probability(leader, runner_up) == integrated(leader, runner_up)


@pytest.mark.parametrize("votes", [0, 1, 50, 1500])
def test_a_tie_is_a_coin_toss(votes: int) -> None:
    assert lead_probability(votes, votes) == 0.5


# --- Majority -------------------------------------------------------------------------------------


def test_golden_adaptive_majority() -> None:
    """n 12, waves of 2, the first of 3, confidence 0.95.

    After 3: 7 7 and 3, lead (2, 1) = 0.6875. After 5: (4, 1), six coins, 1 - 7/64 = 0.89. After 7:
    one more 7, the other said nothing: (5, 1), 1 - 8/128 = 0.9375. After 9: (7, 1), nine coins, 1 -
    10/512 = 0.98: enough. 3 of 12 are saved.
    """
    script = drafts("7", "3", "7", "7", "7", "7", None, "7", "7", "3", "3", "3")
    strategy = Majority(n=12, stop="beta", wave=2, fewest=3)
    result, asked = run(strategy(PROBLEM), script)
    assert asked == ["draw 0-2", "draw 3-4", "draw 5-6", "draw 7-8"]
    assert said(result) == ["7", "3", "7", "7", "7", "7", None, "7", "7"]
    assert (result.exhausted, result.pruned) == (None, ())


def drawn(strategy: Majority, *answers: str | None) -> int:
    script = [Draft(answers[number % len(answers)]) for number in range(strategy.n)]
    return len(run(strategy(PROBLEM), script)[0].candidates)


ONE_BY_ONE = Majority(n=9, stop="beta", wave=1)


@pytest.mark.parametrize(
    ("strategy", "answers", "number"),
    [
        (ONE_BY_ONE, ("7",), 4),
        (replace(ONE_BY_ONE, confidence=0.9375), ("7",), 3),
        (replace(ONE_BY_ONE, confidence=0.9376), ("7",), 4),
        (replace(ONE_BY_ONE, fewest=6), ("7",), 6),
        (replace(ONE_BY_ONE, wave=3), ("7",), 6),
        (replace(ONE_BY_ONE, wave=9), ("7",), 9),
        (replace(ONE_BY_ONE, stop="none"), ("7",), 9),
        (ONE_BY_ONE, (None,), 9),
        (ONE_BY_ONE, (None, "7"), 8),
        (ONE_BY_ONE, ("7", "3"), 9),
        (ONE_BY_ONE, ("1/2", "0.5"), 9),
        (ONE_BY_ONE, ("1 2", "1  2"), 4),
    ],
)
def test_it_draws_until_the_leader_is_ahead(
    strategy: Majority, answers: Sequence[str | None], number: int
) -> None:
    assert drawn(strategy, *answers) == number


def test_unfinished_drafts_have_no_vote() -> None:
    script = [Draft("7", stop=StopReason.LENGTH)] * 5 + drafts("7", "7", "7", "7", "7")
    result, _ = run(Majority(n=10, stop="beta", wave=1)(PROBLEM), script)
    assert len(result.candidates) == 9


def test_the_last_wave_draws_what_is_left() -> None:
    _, asked = run(Majority(n=5, wave=2)(PROBLEM), drafts(*"12345"))
    assert asked == ["draw 0-1", "draw 2-3", "draw 4-4"]


def test_without_a_stop_all_are_asked_for_at_once() -> None:
    flow = Majority(n=5)(PROBLEM)
    assert next(flow) == Extend((ROOT,), 5, Until.END)
    _, asked = run(BestOfN(n=3)(PROBLEM), drafts(*"123"))
    assert asked == ["draw 0-2", "judge 0 1 2"]
