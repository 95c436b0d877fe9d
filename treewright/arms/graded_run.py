"""The problems of a run as arms see them, and every arm over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from benchmarks.estimators.expected import Share, expected
from search.aggregation import MissingRule, Scale
from search.core import Missing
from search.seeds import call_seed
from treewright.arms.arm import Arm, powers_of_two
from treewright.arms.by_problem import Prices, Shares
from treewright.arms.graded import Graded
from treewright.arms.marks import Marks
from treewright.arms.measured import Measured
from treewright.arms.solved import Solved
from treewright.arms.tariff import Tariff

if TYPE_CHECKING:  # what takes numpy waits until subsets are asked for: a table asks for none
    from benchmarks.estimators.chances import Chances

MANY = 200
"""Problems beyond which half the subsets do: over so many their error is below 0.3 points."""


@dataclass(frozen=True)
class Curve:
    """An arm over n; one point only where candidates are no independent draws."""

    arm: Arm
    points: tuple[Marks, ...]

    @property
    def top(self) -> Marks:
        """Over all candidates."""
        return self.points[-1]

    @property
    def figures(self) -> Measured:
        """Over all candidates."""
        return self.top.figures


@dataclass(frozen=True)
class GradedRun:
    """A run's letter and problems.

    `draws`: its candidates are independent draws, so that any n of them are best-of-n.
    """

    label: str
    problems: Sequence[Graded]
    draws: bool = True

    @classmethod
    def of(
        cls,
        solved: Iterable[Solved],
        arms: Iterable[Arm],
        missing: MissingRule = MissingRule.WORST,
        label: str = "",
        *,
        draws: bool = True,
        tariff: Tariff | None = None,
    ) -> GradedRun:
        """Problems, scored for these arms, with what they cost by a tariff.

        Raises `PartError` for an aggregation that fails.
        """
        scores = {arm.aggregation for arm in arms}
        return cls(label, [Graded.of(item, scores, missing, tariff) for item in solved], draws)

    @property
    def largest(self) -> int:
        """How many candidates a problem has at most."""
        return max((len(problem.outcomes) for problem in self.problems), default=0)

    @property
    def sizes(self) -> list[int]:
        """1, 2, 4, … N for independent draws; N alone for a tree search: a part of it is none."""
        largest = self.largest
        return powers_of_two(largest) if self.draws or not largest else [largest]

    def first(self, arm: Arm, n: int, cap: int | None = None) -> Marks:
        """The arm over the first n candidates, as in the table of a run.

        `cap`: the most tokens of a problem, by which it may have fewer than n (`Graded.within`).
        Raises ValueError where nobody counted them.
        """
        judged = arm.aggregation is not None
        bought = {
            each.id: (n, each.price(arm.paid(n), judged=judged))
            if cap is None
            else each.within(n, cap, judged=judged)
            for each in self.problems
        }
        found = {each.id: each.first(arm, bought[each.id][0]) for each in self.problems}
        return Marks(
            run=self.label,
            arm=arm,
            n=n,
            shares={id: share for id, (share, _) in found.items()},
            prices={id: price for id, (_, price) in bought.items()},
            alone=True,
            tied=sum(choice.tied for _, choice in found.values()),
        )

    def over_subsets(self, arm: Arm, sizes: Sequence[int], *, halved: bool = False) -> list[Marks]:
        """The arm at these sizes, each over all n-subsets, at the price of the first n candidates.

        Where nothing asks for a score, neither the arm nor the search, the verifier is free.
        `halved`: where they are many, half as many subsets are drawn.
        """
        from benchmarks.estimators.bank import DRAWS
        from benchmarks.estimators.subsets import subset_chances

        by_problem = [
            subset_chances(
                arm.selection,
                problem.options(arm),
                arm.scale,
                [min(n, len(problem.outcomes)) for n in sizes],
                seed=call_seed(0, problem.id),
                draws=DRAWS // 2 if halved else DRAWS,
            )
            for problem in self.problems
        ]
        judged = arm.aggregation is not None or not self.draws
        made = []
        for at, n in enumerate(sizes):
            chances = [each[at] for each in by_problem]
            found = (
                Share.of(each, problem.right, problem.undecided)
                for problem, each in zip(self.problems, chances, strict=True)
            )
            shares = Shares(self._places, found)
            prices = Prices(self.problems, self._places, arm.paid(n), judged)
            bills = {e.id: e.bill(arm.paid(n), judged=judged) for e in self.problems if e.bills}
            sure = self._confidence(arm, chances)
            made.append(Marks(self.label, arm, n, shares, prices, bills=bills, confidence=sure))
        return made

    def curves(self, arms: Iterable[Arm]) -> list[Curve]:
        """These arms at all sizes; none where no search returned a candidate."""
        halved = len(self.problems) > MANY
        sizes = self.sizes
        arms = arms if sizes else []
        return [Curve(arm, tuple(self.over_subsets(arm, sizes, halved=halved))) for arm in arms]

    def oracle(self, sizes: Sequence[int]) -> list[tuple[int, float, float, float]]:
        """(n, pass@n, and its 95 % interval) over the problems with a graded candidate."""
        from benchmarks.estimators.pass_at_k import pass_at_k

        made = []
        for n in sizes:
            shares = [
                Share(pass_at_k(total, sum(each.right), min(n, total)), 1.0, 0.0, 0.0, 0.0)
                for each in self.problems
                for total in [len(each.outcomes)]
                if not all(each.undecided)
            ]
            found = expected(shares)
            if found.accuracy is not None and found.ci95 is not None:
                made.append((n, found.accuracy, *found.ci95))
        return made

    @cached_property
    def _places(self) -> dict[str, int]:
        """By problem id its number."""
        return {each.id: place for place, each in enumerate(self.problems)}

    def _confidence(self, arm: Arm, found: Sequence[Chances]) -> float | None:
        """The mean score of what `best` chooses, which always has one; None for others."""
        if arm.selection != "best" or arm.scale is not Scale.PROBABILITY:
            return None
        total = weight = 0.0
        for problem, each in zip(self.problems, found, strict=True):
            scores = problem.scores[str(arm.aggregation)]
            values = [0.0 if isinstance(score, Missing) else float(score) for score in scores]
            total += float(each.chosen @ values)
            weight += float(each.chosen.sum())
        return total / weight if weight else None
