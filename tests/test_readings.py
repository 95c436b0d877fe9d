"""From verdicts to one reading per step, and the odds that they are made of."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.log_odds import CERTAIN, log_odds, probability
from scorers.readings import BoxedVerdict, settle
from search.core import VerdictStatus

# --- Odds ---------------------------------------------------------------------------------------


def test_a_probability_is_renormalised_over_the_two_words() -> None:
    odds = log_odds({1: math.log(0.03), 2: math.log(0.01)}, [1], [2])
    assert odds is not None
    assert probability(odds) == pytest.approx(0.75)


def test_spellings_of_one_word_add_up() -> None:
    logprobs = {1: math.log(0.1), 2: math.log(0.2), 3: math.log(0.1)}
    odds = log_odds(logprobs, [1, 2], [3])
    assert odds is not None
    assert probability(odds) == pytest.approx(0.75)


def test_two_words_without_mass_are_no_reading() -> None:
    assert log_odds({1: -math.inf, 2: -math.inf}, [1], [2]) is None
    assert log_odds({1: math.nan, 2: -1.0}, [1], [2]) is None


def test_a_certain_reading_stays_finite() -> None:
    assert log_odds({1: 0.0, 2: -math.inf}, [1], [2]) == CERTAIN
    assert probability(CERTAIN) == 1.0
    assert probability(-CERTAIN) == pytest.approx(0.0, abs=1e-40)


@given(st.floats(-CERTAIN, CERTAIN))
def test_a_probability_lies_between_0_and_1_and_mirrors(value: float) -> None:
    assert 0.0 <= probability(value) <= 1.0
    assert probability(value) + probability(-value) == pytest.approx(1.0)


# --- Steps and chains ---------------------------------------------------------------------------

written = st.builds(
    BoxedVerdict,
    step=st.none() | st.integers(0, 12),
    log_odds=st.floats(-20, 20) | st.none(),
    incorrect=st.booleans(),
    critique=st.text(max_size=5),
    tokens=st.integers(1, 100),
)


@given(st.lists(written, max_size=15), st.integers(1, 10), st.booleans())
def test_any_chain_gives_one_reading_per_step(
    verdicts: list[BoxedVerdict], steps: int, truncated: bool
) -> None:
    reading = settle(verdicts, steps, steps, 100, truncated=truncated)
    assert len(reading.steps) == steps
    for step in reading.steps:
        unread = step.status in (VerdictStatus.MISSING, VerdictStatus.TRUNCATED)
        assert (step.log_odds is None) == unread


@given(st.lists(written, max_size=15), st.integers(1, 10), st.booleans(), st.booleans())
def test_all_steps_after_the_first_error_take_its_odds_or_are_unknown_as_it_is(
    verdicts: list[BoxedVerdict], steps: int, truncated: bool, early_stop: bool
) -> None:
    reading = settle(verdicts, steps, steps, 100, truncated=truncated, early_stop=early_stop)
    error = reading.error
    if error is None:
        assert all(step.status is not VerdictStatus.AFTER_ERROR for step in reading.steps)
        return
    odds = reading.steps[error].log_odds
    after = VerdictStatus.MISSING if odds is None else VerdictStatus.AFTER_ERROR
    assert {(step.log_odds, step.status) for step in reading.steps[error + 1 :]} <= {(odds, after)}


@given(st.lists(written, max_size=15), st.integers(1, 10))
def test_what_follows_the_first_error_does_not_count_with_early_stop(
    verdicts: list[BoxedVerdict], steps: int
) -> None:
    whole = settle(verdicts, steps, steps, 100, truncated=False, early_stop=True)
    real = [v for v in verdicts if v.incorrect and v.step is not None and 1 <= v.step <= steps]
    assert (whole.error is not None) == bool(real)
    if real:
        assert real[0].step is not None
        assert whole.error == real[0].step - 1
        ended = verdicts[: verdicts.index(real[0]) + 1]
        assert settle(ended, steps, steps, 100, truncated=False).steps == whole.steps


def test_a_verdict_without_a_probability_is_missing_and_so_is_what_follows_its_error() -> None:
    said = [BoxedVerdict(1, 2.0, False, "a", 5), BoxedVerdict(2, None, True, "b", 9)]
    reading = settle(said, 3, 3, 9, truncated=False)
    assert [step.log_odds for step in reading.steps] == [2.0, None, None]
    assert [step.status for step in reading.steps[1:]] == [VerdictStatus.MISSING] * 2
    assert (reading.error, reading.steps[1].critique) == (1, "b")


@given(st.lists(written, max_size=15), st.integers(1, 10))
def test_only_a_truncated_chain_has_truncated_steps_and_they_are_its_last(
    verdicts: list[BoxedVerdict], steps: int
) -> None:
    whole = settle(verdicts, steps, steps, 100, truncated=False)
    assert all(step.status is not VerdictStatus.TRUNCATED for step in whole.steps)
    cut = settle(verdicts, steps, steps, 100, truncated=True)
    tail = [step.status is VerdictStatus.TRUNCATED for step in cut.steps]
    assert tail == sorted(tail)
