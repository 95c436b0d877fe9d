"""Resampling: each scheme over fixed uniform numbers worked out by hand, and their laws."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core import Missing
from search.strategies.offspring import softmax
from search.strategies.resampling import (
    RESAMPLINGS,
    effective_sample_size,
    multinomial,
    stratified,
    systematic,
)

Scheme: TypeAlias = Callable[[Sequence[float], int, Callable[[], float]], list[int]]


@pytest.mark.parametrize(
    ("scheme", "uniforms", "copies"),
    [
        # weights .1 .2 .3 .4 end at .1 .3 .6 1
        (multinomial, [0.05, 0.95, 0.35, 0.62], [1, 0, 1, 2]),
        # (0 + .9)/4 = .225, (1 + .1)/4 = .275, (2 + .5)/4 = .625, (3 + .5)/4 = .875
        (stratified, [0.9, 0.1, 0.5, 0.5], [0, 2, 0, 2]),
        # .5 for all: .125 .375 .625 .875
        (systematic, [0.5], [0, 1, 1, 2]),
        # .1 for all: .025 .275 .525 .775
        (systematic, [0.1], [1, 1, 1, 1]),
    ],
)
def test_resampling_worked_out_by_hand(
    scheme: Scheme, uniforms: list[float], copies: list[int]
) -> None:
    drawn = iter(uniforms)
    assert scheme([0.1, 0.2, 0.3, 0.4], 4, lambda: next(drawn)) == copies
    assert list(drawn) == []


@pytest.mark.parametrize("scheme", RESAMPLINGS.values(), ids=RESAMPLINGS)
@given(
    scores=st.lists(st.none() | st.floats(-30, 30), min_size=1, max_size=12),
    number=st.integers(1, 40),
    uniform=st.floats(0, 1, exclude_max=True),
)
def test_every_scheme_makes_the_number_of_copies_and_none_of_what_weighs_nothing(
    scheme: Scheme, scores: list[float | None], number: int, uniform: float
) -> None:
    weights = softmax([Missing("-") if s is None else s for s in scores], 1.0)
    copies = scheme(weights, number, lambda: uniform)
    assert sum(copies) == number
    assert all(weight > 0 for weight, count in zip(weights, copies, strict=True) if count)
    if scheme is systematic:
        gaps = [abs(n - number * w) for n, w in zip(copies, weights, strict=True)]
        assert max(gaps) < 1 + 1e-9


@pytest.mark.parametrize("scheme", RESAMPLINGS.values(), ids=RESAMPLINGS)
def test_the_mean_number_of_copies_is_number_times_weight(scheme: Scheme) -> None:
    """4000 resamplings of 5; a mean's standard error is at most √(5/4)/√4000 = 0.018."""
    rng, weights, rounds = Random(0), [0.1, 0.2, 0.3, 0.4], 4000
    totals = [0, 0, 0, 0]
    for _ in range(rounds):
        copies = scheme(weights, 5, rng.random)
        totals = [total + n for total, n in zip(totals, copies, strict=True)]
    assert [total / rounds for total in totals] == pytest.approx([0.5, 1, 1.5, 2], abs=0.07)


def test_the_effective_sample_size_is_one_over_the_sum_of_squares() -> None:
    assert effective_sample_size([0.25] * 4) == pytest.approx(4)
    assert effective_sample_size([1.0, 0.0]) == 1.0
    assert effective_sample_size([0.75, 0.25]) == pytest.approx(1.6)


def test_a_position_beyond_the_last_weight_by_rounding_is_that_of_the_last_above_zero() -> None:
    """Ten tenths sum to a little less than 1, which the largest uniform number reaches."""
    weights = [0.1] * 10 + [0.0]
    assert multinomial(weights, 1, lambda: 1 - 2**-53) == [0] * 9 + [1, 0]
