"""Budgets: a search that has spent its budget is told so, and ends in order with its best so far.

A budget is looked at before each question, so a search overshoots by no more than one question.
What a reply spent is recorded with it, so a replayed search ends at the same place. Time is no
budget here: a search knows no clock.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields, replace
from typing import Any

from search.core import Result, Spending
from search.questions import Flow, Question


class Exhausted(Exception):
    """Thrown into a search at the question that it may not ask any more; the message says why."""


@dataclass(frozen=True)
class Budget:
    """The most that the search of one problem may spend; None sets no limit.

    Tokens are what the models computed: prompt tokens that were not cached, and generated ones.
    `calls` are the engine requests of both sides.
    """

    policy_tokens: int | None = None
    verifier_tokens: int | None = None
    total_tokens: int | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            limit = getattr(self, field.name)
            if limit is not None and limit < 1:
                raise ValueError(f"{field.name}: {limit} must be 1 or more; null sets no limit")

    def spent_up(self, spent: Spending) -> str | None:
        """The limit that is reached, in words; None when there is none."""
        policy, verifier = spent.policy.computed, spent.verifier.computed
        used = {
            "policy_tokens": policy,
            "verifier_tokens": verifier,
            "total_tokens": policy + verifier,
            "calls": spent.policy.calls + spent.verifier.calls,
        }
        for name, count in used.items():
            limit = getattr(self, name)
            if limit is not None and count >= limit:
                return f"{name}: {count} of {limit}"
        return None

    def share(self, parts: int) -> Budget:
        """The budget of one of `parts` sub-searches that run side by side; never below 1."""
        limits = {field.name: getattr(self, field.name) for field in fields(self)}
        return Budget(
            **{
                name: None if limit is None else max(1, limit // parts)
                for name, limit in limits.items()
            }
        )


def bounded(flow: Flow, budget: Budget) -> Flow:
    """The same search within a budget.

    At the first question after the budget is spent, `Exhausted` is thrown into `flow`, which must
    return its result so far.
    """
    spent = Spending()
    reply: Any = None
    while True:
        try:
            question: Question = flow.send(reply)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        if reason := budget.spent_up(spent):
            return _end(flow, reason)
        reply = yield question
        spent += reply.spent


def _end(flow: Generator[Question, Any, Result], reason: str) -> Result:
    try:
        flow.throw(Exhausted(reason))
    except StopIteration as stop:
        result: Result = stop.value
        return replace(result, exhausted=reason)
    raise RuntimeError("the search asked another question after its budget was spent")
