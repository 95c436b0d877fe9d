"""K chains become one judgement."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.combining import COMBINATIONS, Combine, combine
from scorers.log_odds import probability
from scorers.readings import BoxedVerdict, ChainReading, StepReading, settle
from search.aggregation import AGGREGATIONS
from search.core import Judgement, VerdictStatus

READ, AFTER, MISSED, TRUNCATED = (
    VerdictStatus.READ,
    VerdictStatus.AFTER_ERROR,
    VerdictStatus.MISSING,
    VerdictStatus.TRUNCATED,
)


def chain(*steps: tuple[float | None, VerdictStatus]) -> ChainReading:
    return ChainReading(tuple(StepReading(odds, status) for odds, status in steps), None, 1)


def values(judgement: Judgement) -> list[float | None]:
    return [verdict.probability for verdict in judgement.verdicts]


def test_probabilities_are_averaged_for_steps_and_prefix_as_the_authors_do() -> None:
    found = combine([chain((4.0, READ)), chain((-1.0, READ))], [3.0, 0.0])
    assert values(found) == [pytest.approx((probability(4.0) + probability(-1.0)) / 2)]
    assert found.prefix == pytest.approx((probability(3.0) + 0.5) / 2)
    assert found.chains == 2


def test_log_odds_are_averaged_for_steps_and_prefix_by_logit() -> None:
    found = combine([chain((4.0, READ)), chain((-1.0, READ))], [3.0, 0.0], "logit")
    assert values(found) == [pytest.approx(probability(1.5))]
    assert found.prefix == pytest.approx(probability(1.5))


def test_a_decision_temperature_divides_the_log_odds_of_each_chain() -> None:
    chains, prefixes = [chain((4.0, READ)), chain((-1.0, READ))], [3.0, 0.0]
    found = combine(chains, prefixes, "probability", 2.0)
    assert values(found) == [pytest.approx((probability(2.0) + probability(-0.5)) / 2)]
    assert found.prefix == pytest.approx((probability(1.5) + 0.5) / 2)
    assert combine(chains, prefixes, "logit", 2.0).prefix == pytest.approx(probability(0.75))


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_one_chain_is_its_own_mean_under_each_rule(step: float, prefix: float) -> None:
    for rule in COMBINATIONS:
        found = combine([chain((step, READ))], [prefix], rule)  # type: ignore[arg-type]
        assert (values(found), found.prefix) == ([probability(step)], probability(prefix))


def test_a_chain_that_stopped_before_a_step_counts_as_one_that_read_it() -> None:
    chains = [chain((2.0, READ)), chain((-9.0, AFTER)), chain((None, MISSED))]
    (verdict,) = combine(chains, [0.0] * 3).verdicts
    assert verdict.status is READ
    assert verdict.probability == pytest.approx((probability(2.0) + probability(-9.0)) / 2)


def test_a_step_that_no_chain_read_takes_the_mean_of_the_errors_before_it() -> None:
    chains = [chain((-1.0, AFTER)), chain((-3.0, AFTER)), chain((None, TRUNCATED))]
    (verdict,) = combine(chains, [0.0] * 3).verdicts
    assert verdict.status is AFTER
    assert verdict.probability == pytest.approx((probability(-1.0) + probability(-3.0)) / 2)


def test_a_step_that_one_chain_missed_and_another_never_reached_is_missing() -> None:
    chains = [chain((None, TRUNCATED)), chain((None, MISSED))]
    (verdict,) = combine(chains, [0.0] * 2).verdicts
    assert verdict.status is MISSED
    assert verdict.probability is None


# --- Chains that stop -----------------------------------------------------------------------------


def stopping(at: int | None, sure: float, steps: int = 5) -> ChainReading:
    """A chain that calls all steps correct, or the one `at` which it stops incorrect."""
    judged = range(1, (steps if at is None else at) + 1)
    said = [BoxedVerdict(n, -sure if n == at else sure, n == at, "", tokens=n) for n in judged]
    return settle(said, steps, steps, steps, truncated=False, early_stop=True)


@pytest.mark.parametrize("rule", COMBINATIONS)
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("temperature", [1.0, 8.0])
def test_of_four_chains_each_more_that_stops_lowers_last_min_and_product(
    rule: Combine, at: int, temperature: float
) -> None:
    scores: dict[str, list[float]] = {"last": [], "min": [], "product": []}
    for stopped in range(5):
        chains = [stopping(at if k < stopped else None, 3.0) for k in range(4)]
        found = combine(chains, [0.0] * 4, rule, temperature)
        read = [p for p in values(found) if p is not None]
        for name, scored in scores.items():
            scored.append(AGGREGATIONS[name].reduce(read))
    for scored in scores.values():
        assert all(more < fewer for fewer, more in pairwise(scored))


def test_a_solution_that_three_of_four_chains_reject_does_not_pass_at_its_last_step() -> None:
    sure = math.log(0.95 / 0.05)
    chains = [stopping(None, sure), *[stopping(2, sure)] * 3]
    assert values(combine(chains, [0.0] * 4))[-1] == pytest.approx(fmean([0.95, *[0.05] * 3]))


def test_a_chain_counts_as_much_as_its_own_closing_answer_is_likely_to_it() -> None:
    """Weights 0.9 and 0.6: (0.81 + 0.24) / 1.5, and of the steps (0.9 · 0.8 + 0.6 · 0.3) / 1.5."""

    def odds(p: float) -> float:
        return math.log(p / (1 - p))

    chains = [
        chain((odds(0.8), READ), (odds(0.8), AFTER)),
        chain((odds(0.3), READ), (None, MISSED)),
    ]
    found = combine(chains, [odds(0.9), odds(0.4)], "weighted")
    assert found.prefix == pytest.approx(0.70)
    assert values(found) == [pytest.approx(0.60), pytest.approx(0.80)]
    cooler = combine(chains, [2 * odds(0.9), 2 * odds(0.4)], "weighted", 2.0)
    assert cooler.prefix == pytest.approx(0.70)
