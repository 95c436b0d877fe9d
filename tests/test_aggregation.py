"""Aggregations against hand-computed numbers, and the rules for missing verdicts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.aggregation import AGGREGATIONS, Aggregator, MissingRule, Over, fill
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Score,
    StepVerdict,
    VerdictStatus,
)

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def candidate(*steps: float | None, history: tuple[Score, ...] = ()) -> Candidate:
    """A candidate with these step probabilities; None is a missing verdict."""
    verdicts = tuple(
        StepVerdict(step, VerdictStatus.MISSING if step is None else VerdictStatus.READ)
        for step in steps
    )
    judgement = Judgement(verdicts, history[-1] if history else 0.5, chains=1)
    return Candidate(Prefix.start(Problem("p", "?")), judgement, history)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("min", 0.5),
        ("product", 0.9 * 0.5 * 0.8),
        ("last", 0.8),
        ("max", 0.9),
        ("mean", (0.9 + 0.5 + 0.8) / 3),
        ("geometric_mean", (0.9 * 0.5 * 0.8) ** (1 / 3)),
        ("sum_logit", math.log(9) + math.log(1) + math.log(4)),
    ],
)
def test_each_aggregation_on_three_steps_by_hand(name: str, expected: float) -> None:
    assert AGGREGATIONS[name].reduce([0.9, 0.5, 0.8]) == pytest.approx(expected, abs=1e-12)


def test_every_aggregation_is_tested_by_hand() -> None:
    assert set(AGGREGATIONS) == {
        "min",
        "product",
        "last",
        "max",
        "mean",
        "geometric_mean",
        "sum_logit",
    }


def test_a_product_of_many_small_steps_ranks_where_plain_multiplication_underflows() -> None:
    reduce = AGGREGATIONS["sum_logit"].reduce
    assert reduce([1e-8] * 50) < reduce([1e-8] * 49)


def test_a_step_of_probability_zero_makes_the_product_zero() -> None:
    assert AGGREGATIONS["product"].reduce([0.9, 0.0]) == 0.0
    assert AGGREGATIONS["geometric_mean"].reduce([0.9, 0.0]) == 0.0


@given(probabilities)
def test_probability_aggregations_stay_between_zero_and_one_and_are_ordered(
    values: list[float],
) -> None:
    score = {name: aggregation.reduce(values) for name, aggregation in AGGREGATIONS.items()}
    slack = 1e-9
    assert 0 <= score["product"] <= score["min"] + slack
    assert score["min"] <= score["geometric_mean"] + slack
    assert score["geometric_mean"] <= score["mean"] + slack
    assert score["mean"] <= score["max"] + slack <= 1 + slack
    assert math.isfinite(score["sum_logit"])


def test_history_and_steps_are_different_inputs() -> None:
    judged = candidate(0.9, 0.2, history=(0.8, 0.6))
    assert Aggregator.parse("min").score(judged, MissingRule.FAIL) == 0.2
    assert Aggregator.parse("history.min").score(judged, MissingRule.FAIL) == 0.6


@pytest.mark.parametrize("spelled", ["min", "steps.min"])
def test_steps_are_the_default_input(spelled: str) -> None:
    assert Aggregator.parse(spelled) == Aggregator("min", Over.STEPS)
    assert str(Aggregator.parse(spelled)) == "min"


@pytest.mark.parametrize("spelled", ["mni", "", ".min", "tokens.min", "history.", "min.history"])
def test_an_unknown_spelling_names_the_choices(spelled: str) -> None:
    with pytest.raises(ValueError, match="choose from min, product, last"):
        Aggregator.parse(spelled)


def test_a_near_miss_is_guessed() -> None:
    with pytest.raises(ValueError, match="did you mean 'product'"):
        Aggregator.parse("prodct")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(MissingRule.SKIP, 0.8), (MissingRule.WORST, 0.4), (MissingRule.FAIL, None)],
)
def test_the_rules_for_a_missing_last_step(rule: MissingRule, expected: float | None) -> None:
    score = Aggregator.parse("last").score(candidate(0.4, 0.8, None), rule)
    if expected is None:
        assert score == Missing("1 of 3 verdicts are missing")
    else:
        assert score == expected


@given(st.lists(st.none(), max_size=5), st.sampled_from(MissingRule))
def test_nothing_read_is_missing_under_every_rule(nothing: list[None], rule: MissingRule) -> None:
    assert isinstance(fill(nothing, rule), Missing)


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("rule", MissingRule)
def test_a_judgement_that_failed_never_scores(name: str, rule: MissingRule) -> None:
    failed = Judgement.missing("verifier down", transient=True)
    path = Prefix.start(Problem("p", "?"))
    for over in Over:
        score = Aggregator(name, over).score(Candidate(path, failed, (failed.prefix,)), rule)
        assert score == Missing("verifier down", transient=True)
        assert isinstance(Aggregator(name, over).score(Candidate(path), rule), Missing)


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("rule", MissingRule)
def test_over_the_history_a_failed_last_judgement_never_scores(
    name: str, rule: MissingRule
) -> None:
    """Its parent's probability in its place would outrank most siblings that were judged."""
    failed = Missing("cannot be read")
    path = Prefix.start(Problem("p", "?"))
    unread = Candidate(path, Judgement((), failed), (0.9, 0.4, failed))
    assert Aggregator(name, Over.HISTORY).score(unread, rule) == failed


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (MissingRule.SKIP, (0.9 + 0.5) / 2),
        (MissingRule.WORST, (0.9 + 0.5 + 0.5) / 3),
        (MissingRule.FAIL, Missing("1 of 3 verdicts are missing")),
    ],
)
def test_the_rules_for_an_earlier_judgement_that_failed(
    rule: MissingRule, expected: float | Missing
) -> None:
    path = Prefix.start(Problem("p", "?"))
    judged = Candidate(path, Judgement((), 0.5), (0.9, Missing("cannot be read"), 0.5))
    assert Aggregator.parse("history.mean").score(judged, rule) == (
        expected if isinstance(expected, Missing) else pytest.approx(expected)
    )
