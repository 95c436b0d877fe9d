"""The temperature that makes log-odds fit, against a grid of them and against known truths."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators.temperature import fit_temperature, losses

pairs = st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=1, max_size=30)


def loss(log_odds: list[float], right: list[bool], temperature: float) -> float:
    return float(np.mean(losses(log_odds, right, temperature)))


@given(pairs)
def test_no_temperature_on_a_grid_fits_better(said: list[tuple[float, bool]]) -> None:
    log_odds, right = [value for value, _ in said], [mark for _, mark in said]
    found = fit_temperature(log_odds, right)
    if found is not None:
        best = loss(log_odds, right, found)
        grid = np.geomspace(1e-3, 1e3, 61)
        assert all(best <= loss(log_odds, right, each) + 1e-9 for each in grid)


def test_log_odds_that_were_multiplied_are_divided_again() -> None:
    """Of 1,000 outcomes at odds 3 : 1, told with log-odds eight times too large."""
    said = [8 * math.log(3)] * 1000
    assert fit_temperature(said, [True] * 750 + [False] * 250) == pytest.approx(8.0)


@pytest.mark.parametrize("right", [[True, False], [False, True]])
def test_verdicts_that_are_all_right_or_worse_than_chance_have_no_temperature(
    right: list[bool],
) -> None:
    assert fit_temperature([2.0, -1.0], right) is None


def test_a_loss_is_the_negative_log_of_the_chance_given_to_what_came_out() -> None:
    expected = [-math.log(0.75), -math.log(0.25)]
    assert losses([math.log(3)] * 2, [True, False]) == pytest.approx(expected)
    assert losses([1000.0], [False]) == [1000.0]


@pytest.mark.parametrize("said", [[], [math.inf], [math.nan], [1.0, 2.0]])
def test_nothing_and_what_is_no_number_is_refused(said: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(said, [True])
