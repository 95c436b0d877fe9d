"""A searched problem as arms see it: answers, grades, scores and prices; no texts, no tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from benchmarks.estimators.expected import Share
from benchmarks.grading import Outcome
from search.aggregation import Aggregator, MissingRule
from search.core import Missing, Score
from search.selection import SELECTIONS, Choice, Option
from treewright.arms.arm import Arm
from treewright.arms.solved import UNDECIDED, Solved
from treewright.arms.tariff import Bill, Tariff
from treewright.ledger import Price, held_to, is_flat, prices, sum_known


@dataclass(frozen=True)
class Graded:
    """One problem; what stands per candidate is aligned with `outcomes`.

    `groups`: which answers are the same. `scores`: by aggregation. `prices[n]`: tokens of policy
    and verifier for the first n candidates, with their judgements. `flat`: candidates share no work
    with paths that were pruned, so that a part of them costs less than all. `bills`: the same as
    `prices` in money, where somebody sends a bill.
    """

    id: str
    outcomes: tuple[Outcome, ...]
    groups: tuple[int | None, ...]
    scores: dict[str, tuple[Score, ...]]
    prices: tuple[Price, ...]
    flat: bool
    bills: tuple[tuple[Bill, Bill], ...] = field(default=(), kw_only=True)

    @classmethod
    def of(
        cls,
        solved: Solved,
        aggregations: Iterable[str | None],
        missing: MissingRule,
        tariff: Tariff | None = None,
    ) -> Graded:
        """Score its candidates. Raises `PartError` for a custom aggregation that fails."""
        candidates = solved.search.result.candidates
        scoring = [Aggregator.parse(name) for name in aggregations if name]
        return Graded(
            id=solved.problem_id,
            outcomes=solved.grades.outcomes,
            groups=solved.grades.groups,
            scores={
                str(aggregator): tuple(aggregator.score(each, missing) for each in candidates)
                for aggregator in scoring
            },
            prices=prices(solved.search),
            flat=is_flat(solved.search),
            bills=tariff.by_size(solved.search) if tariff and tariff.sides else (),
        )

    @cached_property
    def right(self) -> list[bool]:
        """Which candidates are right."""
        return [outcome is Outcome.CORRECT for outcome in self.outcomes]

    @cached_property
    def undecided(self) -> list[bool]:
        """Which candidates the grader could not tell."""
        return [outcome in UNDECIDED for outcome in self.outcomes]

    def price(self, n: int, *, judged: bool) -> Price:
        """Of the first n; the verifier is free where nobody asks for a score (`judged`)."""
        policy, verifier = self.prices[min(n, len(self.outcomes))]
        return policy, verifier if judged or not self.flat else 0

    def bill(self, n: int, *, judged: bool) -> Bill:
        """The same in money; None where nobody sends a bill."""
        if not self.bills:
            return None
        policy, verifier = self.bills[min(n, len(self.outcomes))]
        return sum_known((policy, verifier if judged or not self.flat else 0.0))

    def within(self, n: int, tokens: int, *, judged: bool) -> tuple[int, Price]:
        """How many of the first n a hard budget of tokens pays for, and what is spent by then.

        They are drawn one after the other: the one that goes beyond is lost, and all is spent.
        Raises ValueError where nobody counted them.
        """
        count, price = 0, self.price(0, judged=judged)
        for more in range(1, min(n, len(self.outcomes)) + 1):
            found = self.price(more, judged=judged)
            total = sum_known(found)
            if total is None:
                raise ValueError(f"nobody counted what the candidates of {self.id} cost")
            if total > tokens:
                return count, held_to(found, tokens)
            count, price = more, found
        return count, price

    def options(self, arm: Arm, n: int | None = None) -> list[Option]:
        """The first n candidates (None: all), as the arm's selection sees them."""
        groups = self.groups[:n]
        missing = (Missing("none"),) * len(groups)
        scores = self.scores[arm.aggregation][:n] if arm.aggregation else missing
        return [Option(group, score) for group, score in zip(groups, scores, strict=True)]

    def choice(self, arm: Arm, n: int | None = None) -> Choice:
        """What the arm chooses of the first n candidates (None: all)."""
        return SELECTIONS[arm.selection].choose(self.options(arm, n), arm.scale)

    def first(self, arm: Arm, n: int | None = None) -> tuple[Share, Choice]:
        """How the arm fares, and what it chooses, with the first n candidates alone (None: all)."""
        choice = self.choice(arm, n)
        outcome = Outcome.ABSTAINED if choice.index is None else self.outcomes[choice.index]
        ungraded = not choice.unscored and outcome in UNDECIDED
        share = Share(
            right=outcome is Outcome.CORRECT,
            decided=not choice.unscored and not ungraded,
            abstained=not choice.unscored and outcome is Outcome.ABSTAINED,
            unscored=choice.unscored,
            ungraded=ungraded,
        )
        return share, choice
