"""Budgets: where a search is stopped, that it ends in order, and what may not be a budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.budget import Budget, Exhausted, bounded
from search.contract import StrategyError
from search.core import (
    Candidate,
    Prefix,
    Problem,
    Result,
    Spending,
    Spent,
    Step,
    StopReason,
)
from search.limit import LimitReached
from search.questions import Extended, Flow, extend

ROOT = Prefix.start(Problem("p", "?"))


def patient() -> Flow:
    """Draws one child after the other until it is stopped, then returns what it has."""
    drawn: list[Candidate] = []
    try:
        while True:
            ((child,),) = yield from extend([ROOT], 1, first=len(drawn))
            drawn.append(Candidate(child))
    except Exhausted:
        return Result(tuple(drawn))


def stubborn() -> Flow:
    """Asks on after it was stopped."""
    while True:
        try:
            yield from extend([ROOT], 1)
        except Exhausted:
            yield from extend([ROOT], 1)


def run(flow: Flow, spent: Spending) -> tuple[Result, int]:
    """Answer every question at the same price; the result and the number of answers."""
    answers = 0
    try:
        question = next(flow)
        while True:
            child = ROOT.grow(question.first, [Step("x", (1,), StopReason.STEP_END)])  # type: ignore[union-attr]  # Extend is all that is asked
            answers += 1
            question = flow.send(Extended(((child,),), spent))
    except StopIteration as stop:
        return stop.value, answers


PRICE = Spending(Spent(calls=1, prompt=10, cached=4, generated=4), Spent(calls=2, generated=5))


@pytest.mark.parametrize(
    ("budget", "answers", "why"),
    [
        (Budget(policy_tokens=30), 3, LimitReached("policy_tokens", 30, 30)),
        (Budget(policy_tokens=31), 4, LimitReached("policy_tokens", 40, 31)),
        (Budget(verifier_tokens=5), 1, LimitReached("verifier_tokens", 5, 5)),
        (Budget(total_tokens=16), 2, LimitReached("total_tokens", 30, 16)),
        (Budget(calls=7), 3, LimitReached("calls", 9, 7)),
    ],
)
def test_a_search_is_stopped_at_the_first_question_after_its_budget_is_spent(
    budget: Budget, answers: int, why: LimitReached
) -> None:
    result, asked = run(bounded(patient(), budget), PRICE)
    assert (asked, result.exhausted) == (answers, why)
    assert len(result.candidates) == answers


@pytest.mark.parametrize(("limit", "counted", "spent"), [(30, 2, 30), (29, 1, 30), (45, 3, 45)])
def test_beyond_a_hard_budget_nothing_counts(limit: int, counted: int, spent: int) -> None:
    """A question costs 15: one that ends on the limit counts, one that goes beyond is lost."""
    result, asked = run(bounded(patient(), Budget(total_tokens=limit, hard=True)), PRICE)
    assert result.exhausted == LimitReached("total_tokens", spent, limit)
    assert (len(result.candidates), asked) == (counted, -(-limit // 15))


def test_a_search_that_ends_by_itself_is_not_marked() -> None:
    def brief() -> Flow:
        ((child,),) = yield from extend([ROOT], 1)
        return Result((Candidate(child),))

    result, _ = run(bounded(brief(), Budget(calls=3)), PRICE)
    assert result.exhausted is None


def test_a_search_that_asks_on_is_an_error() -> None:
    with pytest.raises(StrategyError, match="did not end when its budget was spent"):
        run(bounded(stubborn(), Budget(calls=1)), PRICE)


def test_a_search_that_does_not_heed_its_budget_is_an_error() -> None:
    def heedless() -> Flow:
        while True:
            yield from extend([ROOT], 1)

    with pytest.raises(StrategyError, match=r"\(calls: 3 of 1\); where Exhausted is thrown in"):
        run(bounded(heedless(), Budget(calls=1)), PRICE)


@pytest.mark.parametrize("limit", [0, -1])
@pytest.mark.parametrize("name", ["policy_tokens", "verifier_tokens", "total_tokens", "calls"])
def test_a_budget_of_nothing_is_refused(name: str, limit: int) -> None:
    with pytest.raises(ValueError, match=f"{name}: {limit} must be 1 or more"):
        Budget(**{name: limit})  # type: ignore[arg-type]  # none of these is `hard`


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_shares_of_a_budget_do_not_exceed_it(limit: int, parts: int) -> None:
    share = Budget(total_tokens=limit).share(parts)
    assert share.calls is None
    assert share.total_tokens == max(1, limit // parts)
