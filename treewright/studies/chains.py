"""Several verification chains instead of one, over the same draws: compared, and as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from search.wording import amount, number, whole
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.graded_run import GradedRun
from treewright.arms.marks import Marks
from treewright.studies.choosing import AGGREGATES, Against, Choosing, HeldArm
from treewright.studies.page import gap, paragraphs, table

SELECTED = ("best", "weighted")
CHAINS = """
The verifier writes {chains} chains for each solution, at temperature 0.6 as its authors do, and
their probabilities are averaged; with one chain it is greedy. Both judge the first {n} solutions of
{problems} problems, drawn with the same seeds; the verifier's tokens per problem are {several}
instead of {one}. Differences in points as above, of the same family; AUROC within a problem and ECE
as below, over these solutions.
"""


@dataclass(frozen=True)
class SeveralChains:
    """Two runs with the same seeds: `one` chain for each solution, or `chains`.

    Both look at the first `n` solutions of the problems that both have.
    """

    one: Choosing
    several: Choosing
    chains: int

    @property
    def n(self) -> int:
        """How many solutions both have."""
        return min(self.one.run.largest, self.several.run.largest)

    @cached_property
    def alike(self) -> tuple[Choosing, Choosing]:
        """By one chain and by several, over the same solutions."""
        runs = self.one, self.several
        ids = [{each.id for each in found.run.problems} for found in runs]
        one, several = (
            Choosing(_part(found.run, ids[0] & ids[1], self.n), (), found.failures)
            for found in runs
        )
        return one, several

    @property
    def arms(self) -> list[Arm]:
        """What is compared."""
        return [Arm(selection, name) for name in AGGREGATES for selection in SELECTED]

    def pairs(self) -> list[tuple[Marks, Marks]]:
        """Several chains and one, by arm."""
        one, several = self.alike
        return [(several.run.first(arm, self.n), one.run.first(arm, self.n)) for arm in self.arms]

    def page(self, family: Sequence[HeldArm]) -> Iterator[str]:
        """Every arm by several chains and by one, and what the scores are worth."""
        paid = Arm("best", "history.last")
        costs = [side.run.first(paid, self.n).figures.verifier_tokens for side in self.alike]
        told = CHAINS.format(
            chains=self.chains, n=self.n, problems=whole(len(self.alike[0].run.problems)),
            one=amount(costs[0]), several=amount(costs[1]),
        )  # fmt: skip
        yield from (f"## {self.chains} verification chains", "", *paragraphs(told))
        held = {row.arm: row.found for row in family if row.against is Against.ONE_CHAIN}
        lines = []
        for name in AGGREGATES:
            judged = [side.judged[name] for side in self.alike]
            worth = [*(each.within for each in judged), *(each.ece for each in judged)]
            gaps = [gap(held[arm]) for arm in self.arms if arm.aggregation == name]
            lines.append((f"`{name}`", *gaps, *map(number, worth)))
        scores = [f"{word} K={count}" for word in ("AUROC", "ECE") for count in (1, self.chains)]
        selected = [f"`{selection}`" for selection in SELECTED]
        yield from table((f"K={self.chains} minus K=1", *selected, *scores), lines)


def _part(run: GradedRun, ids: Collection[str], n: int) -> GradedRun:
    """As if there were these problems only, each with its first n candidates only."""
    some = [_first(each, n) for each in run.problems if each.id in ids]
    return replace(run, problems=some)


def _first(problem: Graded, n: int) -> Graded:
    return replace(
        problem,
        outcomes=problem.outcomes[:n],
        groups=problem.groups[:n],
        scores={name: scores[:n] for name, scores in problem.scores.items()},
        prices=problem.prices[: n + 1],
    )
