"""Sub-searches side by side, each within an equal share of the budget."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import chain

from search.budget import Budget, Exhausted, bounded
from search.core import Problem, Result
from search.questions import Flow, fork
from search.strategies.pruning import finished_first

BUDGETED = {field.name for field in fields(Budget)}


def side_by_side(problem: Problem, flows: Sequence[Flow], budget: Budget) -> Flow:
    """The first candidate of each sub-search, in their order, then the others; finished first.

    What one leaves of its share, no other has. One that spends its share marks the whole, before
    one that a limit of its own ended.
    """
    share = budget.share(len(flows))
    results: tuple[Result, ...] = ()
    with suppress(Exhausted):  # time may be up before anything is drawn
        results = yield from fork(
            [bounded(flow, share, problem.id, str(number)) for number, flow in enumerate(flows)]
        )
    firsts = [candidate for result in results for candidate in result.candidates[:1]]
    others = [candidate for result in results for candidate in result.candidates[1:]]
    limits = [result.exhausted for result in results if result.exhausted]
    return Result(
        tuple(finished_first([*firsts, *others])),
        tuple(chain.from_iterable(result.pruned for result in results)),
        min(limits, key=lambda reached: reached.limit not in BUDGETED, default=None),
    )
