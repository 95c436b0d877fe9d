"""Which judgements more chains are worth, and how a judgement takes one more chain in."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorded_chains import RIGHT, Recorded, RecordedEngine, judge, path
from scorers.combining import COMBINATIONS, combine, votes, with_further
from scorers.readings import ChainReading, StepReading
from scorers.thinkprm_config import ThinkPrmConfig
from search.contest import PRIOR, AdaptiveChains, Contest, Mean
from search.core import Judgement, Missing, VerdictStatus
from search.ports import Further, ScorerCall, ScorerReply
from treewright.caching.keys import reply_key
from treewright.caching.store import StoredPart

READ, MISSED = VerdictStatus.READ, VerdictStatus.MISSING


def of(prefix: float, chains: int = 1) -> Judgement:
    return Judgement((), prefix, chains)


def contested(keeps: int | None, *judgements: Judgement, until: float = 0.05) -> set[str]:
    names = [str(number) for number in range(len(judgements))]
    return Contest(AdaptiveChains(until=until), keeps).contested(names, judgements)


# --- The posterior --------------------------------------------------------------------------------


def test_the_posterior_has_the_moments_of_a_beta_distribution() -> None:
    mean = Mean.of(of(0.8, 4))
    a, b = 0.8 * 4 + PRIOR, 0.2 * 4 + PRIOR
    assert mean.mean == pytest.approx(a / (a + b))
    assert mean.variance == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)))


def test_it_tells_two_means_apart_in_closed_form() -> None:
    high, low = Mean.of(of(0.9)), Mean.of(of(0.1))
    assert high.mean == pytest.approx(1.0 / 1.2)
    z = (high.mean - low.mean) / math.sqrt(2 * high.variance)
    assert low.exceeds(high) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)))
    assert low.exceeds(high) == pytest.approx(0.030316, abs=1e-6)
    assert low.exceeds(high) + high.exceeds(low) == pytest.approx(1.0)
    assert high.exceeded_by(0.5) == pytest.approx(0.092312, abs=1e-6)


def test_more_chains_that_say_the_same_make_it_surer() -> None:
    chances = [Mean.of(of(0.1, n)).exceeds(Mean.of(of(0.9, n))) for n in (1, 2, 4, 8)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 1e-6
    doubts = [Mean.of(of(0.9, n)).exceeded_by(0.5) for n in (1, 2, 4, 8)]
    assert doubts == sorted(doubts, reverse=True)


# --- The contest ----------------------------------------------------------------------------------


def test_those_near_the_cut_are_contested_and_those_far_from_it_are_not() -> None:
    clear = of(0.99), of(0.01), of(0.02)
    assert contested(1, *clear) == set()
    assert contested(1, of(0.99), of(0.9), of(0.02)) == {"0", "1"}
    assert contested(2, of(0.99, 9), of(0.6, 4), of(0.5, 4), of(0.01, 9)) == {"1", "2"}


def test_where_all_are_kept_or_none_is_none_is_contested() -> None:
    assert contested(2, of(0.5), of(0.5)) == set()
    assert contested(1, of(0.5)) == set()
    assert contested(1) == set()


def test_where_no_number_is_kept_each_is_told_from_one_half() -> None:
    found = contested(None, of(0.99, 3), of(0.7, 3), of(0.01, 3), Judgement.missing("unread"))
    assert found == {"1"}


def test_a_missing_judgement_is_in_no_contest_and_takes_no_place() -> None:
    assert contested(1, Judgement.missing("unread"), of(0.9), of(0.8)) == {"1", "2"}
    assert contested(1, Judgement.missing("unread"), of(0.9)) == set()


def test_what_is_inherited_is_ranked_and_so_it_is_a_rival() -> None:
    """Its judgement is of no chain: it counts as one."""
    for heir, expected in ((of(0.5, 0), {"0", "1"}), (of(0.01, 0), set())):
        assert contested(1, of(0.99), heir) == expected


def test_what_says_the_same_is_no_rival_of_itself() -> None:
    contest = Contest(AdaptiveChains(), 1)
    assert contest.contested(["a", "a", "b"], [of(0.9), of(0.9), of(0.8)]) == {"a", "b"}
    assert contest.contested(["a", "a"], [of(0.9), of(0.9)]) == set()


def test_a_higher_bound_contests_less() -> None:
    level = of(0.9), of(0.6), of(0.4), of(0.1)
    found = [contested(2, *level, until=until) for until in (0.0, 0.1, 0.3, 0.6)]
    assert all(more >= fewer for more, fewer in pairwise(found))
    assert (found[0], found[-1]) == ({"0", "1", "2", "3"}, set())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"least": 0}, "least: 0 must be 1 or more"),
        ({"least": 5}, "most: 4 must be least, 5, or more; nearest 5"),
        ({"until": 1.5}, "until: 1.5 must be from 0 to 1"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptiveChains(**settings)


# --- One more chain -------------------------------------------------------------------------------

odds = st.one_of(st.none(), st.floats(-50, 50))
chains = st.lists(st.tuples(st.tuples(odds, odds), st.floats(-50, 50)), min_size=2, max_size=6)


def reading(steps: tuple[float | None, ...]) -> ChainReading:
    read = [
        StepReading(each, MISSED if each is None else READ, "" if each is None else f"{each}")
        for each in steps
    ]
    return ChainReading(tuple(read), None, 1)


@given(chains, st.sampled_from(COMBINATIONS), st.sampled_from([1.0, 2.5]))
def test_chains_that_were_added_one_by_one_are_those_of_one_judgement(
    said: list[tuple[tuple[float | None, ...], float]], rule: Any, temperature: float
) -> None:
    readings, prefixes = [reading(steps) for steps, _ in said], [prefix for _, prefix in said]
    whole = combine(readings, prefixes, rule, temperature)
    grown = combine(readings[:1], prefixes[:1], rule, temperature)
    grown = Judgement(grown.verdicts, grown.prefix, 1, votes=votes(readings[:1], prefixes[:1]))
    for each, prefix in zip(readings[1:], prefixes[1:], strict=True):
        grown = with_further(grown, each, prefix, rule, temperature)
    assert (grown.verdicts, grown.prefix, grown.chains) == (
        whole.verdicts,
        whole.prefix,
        whole.chains,
    )


SAID = [Recorded(RIGHT.text, sure=(0.9, p), yes=p) for p in (0.8, 0.6, 0.7, 0.95)]
GARBAGE = Recorded("x " * 400)


def replies(*said: Recorded, further: Judgement | None = None, drawn: int = 0, **how: Any) -> Any:
    told = None if further is None else Further(drawn, further)
    engine = RecordedEngine(*said)
    (found,) = judge(engine, ScorerCall(path(), 1, further=told), **how)
    return found, engine


def test_chains_of_one_verifier_that_were_added_are_the_first_of_a_fixed_number() -> None:
    whole, fixed = replies(*SAID, chains=4)
    adaptive = AdaptiveChains(1, 4)
    (first, engine) = replies(SAID[0], chains=adaptive)
    seeds, grown = [engine.requests[0].sampling.seed], first.judgement
    spent = first.spent
    for k in range(1, 4):
        more, engine = replies(SAID[k], further=grown, drawn=k, chains=adaptive)
        seeds.append(engine.requests[0].sampling.seed)
        grown, spent = more.judgement, spent + more.spent
    assert seeds == [request.sampling.seed for request in fixed.requests[:4]]
    assert {request.sampling.temperature for request in fixed.requests[:4]} == {0.6}
    assert (grown.verdicts, grown.prefix, grown.chains) == (
        whole.judgement.verdicts,
        whole.judgement.prefix,
        4,
    )
    assert (spent.calls, spent.generated) == (whole.spent.calls, whole.spent.generated)


def test_least_and_most_alike_are_a_fixed_number() -> None:
    fixed, adaptive = (replies(*SAID, chains=chains)[0] for chains in (4, AdaptiveChains(4, 4)))
    assert Judgement(adaptive.judgement.verdicts, adaptive.judgement.prefix, 4) == fixed.judgement
    assert adaptive.spent == fixed.spent


def test_a_further_chain_that_cannot_be_read_changes_nothing_and_is_paid_for() -> None:
    adaptive = AdaptiveChains(1, 4)
    first = replies(SAID[0], chains=adaptive)[0].judgement
    found, engine = replies(GARBAGE, further=first, drawn=1, chains=adaptive, max_tokens=100)
    assert found.judgement == first
    assert found.spent.failed == found.spent.generated > 0
    assert len(engine.requests) == 1


def test_a_judgement_of_which_no_chain_could_be_read_is_retried_and_missing_as_ever() -> None:
    found, _ = replies(GARBAGE, GARBAGE, chains=AdaptiveChains(1, 4), max_tokens=100)
    assert isinstance(found, ScorerReply)
    assert isinstance(found.judgement.prefix, Missing)
    assert found.judgement.votes == ()


def test_a_cache_keeps_each_further_chain_apart() -> None:
    part = StoredPart("identity", "scorer", "thinkprm", "m")
    first = replies(SAID[0], chains=AdaptiveChains(1, 4))[0].judgement
    told = [None, Further(1, first), Further(2, first)]
    keys = {reply_key(part, ScorerCall(path(), 1, further=further)) for further in told}
    assert len(keys) == 3


def test_the_most_that_a_judgement_may_cost_is_that_of_most_chains() -> None:
    config = ThinkPrmConfig("m", chains=AdaptiveChains(1, 3), max_tokens=10, retries=0)
    assert config.traits.most_tokens == 3 * 11
    assert config.first_temperature == 0.6
    with pytest.raises(ValueError, match=r"temperature: 0\.0 must be above 0 with chains: 3"):
        ThinkPrmConfig("m", chains=AdaptiveChains(1, 3), temperature=0.0)
