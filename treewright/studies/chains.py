"""Several verification chains instead of one, over the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.studies.choosing import AGGREGATES, Against, Choosing, HeldArm

SELECTED = ("best", "weighted")


@dataclass(frozen=True)
class SeveralChains:
    """Two runs over the same problems and seeds: `one` chain for each solution, or `chains`.

    Both look at the first `n` solutions.
    """

    one: Choosing
    several: Choosing
    chains: int

    @property
    def n(self) -> int:
        """How many solutions both have."""
        return min(self.one.run.largest, self.several.run.largest)

    @cached_property
    def alike(self) -> Choosing:
        """One chain, over as many solutions as there are with several."""
        return Choosing(first_of(self.one.run, self.n), (), self.one.failures)

    @property
    def arms(self) -> list[Arm]:
        """What is compared."""
        return [Arm(selection, name) for name in AGGREGATES for selection in SELECTED]

    def pairs(self) -> list[tuple[Marks, Marks]]:
        """Several chains and one, by arm."""
        return [
            (self.several.run.first(arm, self.n), self.alike.run.first(arm, self.n))
            for arm in self.arms
        ]

    def rows(self, family: Sequence[HeldArm]) -> dict[Arm, HeldArm]:
        """Those of a family that are about it."""
        return {row.arm: row for row in family if row.against is Against.ONE_CHAIN}


def first_of(run: GradedRun, n: int) -> GradedRun:
    """As if each problem had only its first n candidates."""
    return replace(run, problems=[_first(each, n) for each in run.problems])


def _first(problem: Graded, n: int) -> Graded:
    return replace(
        problem,
        outcomes=problem.outcomes[:n],
        groups=problem.groups[:n],
        scores={name: scores[:n] for name, scores in problem.scores.items()},
        prices=problem.prices[: n + 1],
    )
