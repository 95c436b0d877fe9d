"""Budgets: a search that has spent its budget is told so, and ends in order with its best so far.

A budget is looked at before each question, so a search overshoots by no more than one question; of
a hard one that question is lost, and counts as spent.
What a reply spent is recorded with it, so a replayed search ends at the same place. Time is asked
for like all else (`Clock`) and recorded too: a resumed run ends as it was, but the same run made
again ends elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from search.checks import UNSAID
from search.contract import StrategyError
from search.core import Prefix, Problem, Pruned, Result, Spending, Spent, place_id
from search.limit import LimitReached
from search.questions import (
    Clock,
    Clocked,
    Extended,
    Flow,
    Forked,
    Grown,
    Question,
    Reply,
)


class Exhausted(Exception):
    """Thrown into a search at the question that it may not ask any more; the message says why."""


def counted(used: Callable[[Spending], int]) -> int | None:
    """A field of `Budget`: the most of what replies spent, counted so; null sets no limit."""
    return field(default=None, metadata={"used": used})


def requests(spent: Spent) -> int:
    """Engine requests, those that a cache spared too."""
    return spent.calls + spent.spared


@dataclass(frozen=True)
class Budget:
    """The most that the search of one problem may spend; `null` sets no limit.

    Tokens are what the models computed: prompt tokens that were not cached, and generated ones.
    What a cache over runs had counts as it did when it was made, so that a search ends at the same
    place with it and without.
    """

    policy_tokens: int | None = counted(lambda spent: spent.policy.cost)
    """Tokens of the policy."""
    verifier_tokens: int | None = counted(lambda spent: spent.verifier.cost)
    """Tokens of the verifier."""
    total_tokens: int | None = counted(lambda spent: spent.policy.cost + spent.verifier.cost)
    """Tokens of both together."""
    calls: int | None = counted(lambda spent: requests(spent.policy) + requests(spent.verifier))
    """Engine requests of both sides together."""
    seconds: float | None = None
    """Seconds of wall time while the search was at work: the only limit that is not reproducible,
    and it says so where it ends a search."""
    hard: bool = field(default=False, metadata=UNSAID)
    """Whether the reply that goes beyond a limit is thrown away, as if the models had been stopped
    in the middle: nothing that the search returns was had beyond its budget. Else it counts."""

    def __post_init__(self) -> None:
        for name in COUNTED:
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ValueError(
                    f"{name}: {limit} must be 1 or more; nearest 1, null sets no limit"
                )
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds: {self.seconds} must be above 0; null sets no limit")

    def spent_up(self, spent: Spending, past: int = 0) -> LimitReached | None:
        """The limit that is reached, or left behind by `past`; None when there is none."""
        for name, used in COUNTED.items():
            limit = getattr(self, name)
            if limit is not None and used(spent) >= limit + past:
                return LimitReached(name, used(spent), limit)
        return None

    def overdrawn(self, spent: Spending) -> LimitReached | None:
        """The hard limit that the last reply went beyond; None when there is none."""
        return self.spent_up(spent, past=1) if self.hard else None

    def timed_out(self, seconds: float) -> LimitReached | None:
        """The limit of time when it is reached; None before."""
        if self.seconds is None or seconds < self.seconds:
            return None
        return LimitReached("seconds", round(seconds, 1), self.seconds, "not reproducible")

    def share(self, parts: int) -> Budget:
        """The budget of one of `parts` sub-searches that run side by side; never below 1.

        Time is not divided: it passes for all of them at once.
        """
        limits = {name: getattr(self, name) for name in COUNTED}
        shares = {
            name: None if limit is None else max(1, limit // parts)
            for name, limit in limits.items()
        }
        return Budget(**shares, seconds=self.seconds, hard=self.hard)


class Bounded(ABC):
    """The base of a frozen dataclass with this field."""

    budget: Budget
    """The most that the search of one problem may spend."""
    in_shares: ClassVar[bool] = False
    """Whether its sub-searches have shares of the budget, and each holds its own."""

    def __call__(self, problem: Problem) -> Flow:
        """The search of `problem` within its budget."""
        whole = replace(self.budget, hard=False) if self.in_shares else self.budget
        return bounded(self.search(problem), whole, problem.id)

    @abstractmethod
    def search(self, problem: Problem) -> Flow:
        """The search itself; where `Exhausted` is thrown in, it returns its result so far."""


COUNTED = {each.name: each.metadata["used"] for each in fields(Budget) if "used" in each.metadata}
"""The limits that count what replies spent, each with how it counts it."""


def bounded(flow: Flow, budget: Budget, *name: str) -> Flow:
    """The same search within a budget.

    At the first question after the budget is spent, `Exhausted` is thrown into `flow`, which must
    return its result so far; it is a `StrategyError` where it does not. `name`, its parts outermost
    first, no other search of the run has; only a budget of time needs it.
    """
    spent = Spending()
    reply: Any = None
    readings = 0
    while True:
        try:
            question: Question = flow.send(reply)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        limit = budget.spent_up(spent)
        if budget.seconds is not None and limit is None:
            clocked: Clocked = yield Clock((*name, str(readings)))
            readings += 1
            limit = budget.timed_out(clocked.seconds)
        if limit:
            return _end(flow, limit)
        reply = yield question
        spent += reply.spent
        if limit := budget.overdrawn(spent):
            return _end(flow, limit, _told_of(reply))


def _told_of(reply: Reply) -> Iterator[str]:
    """The ids of all paths that a reply tells of, and of those above them."""
    match reply:
        case Extended() | Grown():
            yield from (id for line in reply.children for child in line for id in _line(child))
        case Forked():
            for result in reply.results:
                yield from _accounted(result)


def _accounted(result: Result) -> Iterator[str]:
    yield from (id for candidate in result.candidates for id in _line(candidate.path))
    yield from (pruned.path_id for pruned in result.pruned)


def _line(path: Prefix) -> Iterator[str]:
    return map(place_id, path.line)


def _end(
    flow: Generator[Question, Any, Result], limit: LimitReached, lost: Iterable[str] = ()
) -> Result:
    try:
        flow.throw(Exhausted(str(limit)))
    except StopIteration as stop:
        result: Result = stop.value
        unheard = set(lost) - set(_accounted(result))
        beyond = (Pruned(id, "beyond the budget") for id in sorted(unheard))
        return replace(result, pruned=(*result.pruned, *beyond), exhausted=limit)
    except Exhausted:
        pass  # it was let through: as wrong as to ask on
    raise StrategyError(
        f"the strategy did not end when its budget was spent ({limit}); "
        "where Exhausted is thrown in, it must return its result so far"
    )
