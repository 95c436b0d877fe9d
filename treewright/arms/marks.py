"""An arm over problems, one by one: where its answer is right, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from benchmarks.estimators.expected import Share, expected
from treewright.arms.arm import Arm
from treewright.arms.measured import Measured, mean, whole
from treewright.arms.tariff import Bill
from treewright.ledger import Price

DIGITS = 12
"""Of a chance that are kept: what two arms do alike must cancel."""


@dataclass(frozen=True)
class Marks:
    """One arm of one run over `n` candidates at most, by problem id.

    `shares`: in which share of a problem's n-subsets it is right, wrong or without an answer;
    `alone`: only the first n were looked at, so each share is 0 or 1. `prices`: of the first n, of
    all problems with a result. `tied`: how many choices another answer was as good as, if `alone`.
    `confidence`: the mean score of what `best` chooses, None for others. `bills`: as `prices` in
    money, of both sides; empty where nobody sends one.
    """

    run: str
    arm: Arm
    n: int
    shares: Mapping[str, Share]
    prices: Mapping[str, Price]
    alone: bool = False
    tied: int = 0
    confidence: float | None = None
    bills: Mapping[str, Bill] = field(default_factory=dict)

    @cached_property
    def figures(self) -> Measured:
        """Over all of these problems."""
        found = expected(list(self.shares.values()))
        found = whole(found) if self.alone else found
        return Measured(
            self.arm,
            self.n,
            found.accuracy,
            found.ci95,
            found.error,
            found.problems,
            found.abstained,
            self.tied,
            found.unscored,
            found.ungraded,
            mean(policy for policy, _ in self.prices.values()),
            mean(verifier for _, verifier in self.prices.values()),
            mean(self.bills.values()) if self.bills else None,
        )

    @property
    def right(self) -> dict[str, float]:
        """By problem id the chance in [0, 1] that the answer is right, where it could be decided.

        An abstention is wrong. Left out: problems with no score to choose by or no grade. An arm
        that never had a score has no marks, whatever abstained beside it.
        """
        told = self.shares.values()
        chosen = any(each.decided > each.abstained or each.ungraded for each in told)
        if not chosen and any(each.unscored for each in told):
            return {}
        return {
            id: round(min(1.0, each.right / each.decided), DIGITS)
            for id, each in self.shares.items()
            if each.decided > 0
        }

    def over(self, ids: Collection[str]) -> Marks:
        """Of some of the problems only."""
        return replace(
            self,
            shares={id: self.shares[id] for id in ids},
            prices={id: self.prices[id] for id in ids},
            bills={id: self.bills[id] for id in ids if self.bills},
        )
