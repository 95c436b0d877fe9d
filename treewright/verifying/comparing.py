"""Scorers side by side: by how much each differs from the first, solution by solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.estimators.chances import Floats
from benchmarks.estimators.clusters import Estimate, difference, swap_test
from benchmarks.estimators.holm import holm
from treewright.verifying.figures import statistics
from treewright.verifying.judged import JudgedSolution, JudgedTable, clusters_of

COMPARED = ("f1", "incorrect_f1", "auroc", "brier", "nll", "tokens")
"""Figures that are compared, each of which is tested."""
LEVEL = 0.05


@dataclass(frozen=True)
class FigureDifference:
    """A scorer's figure minus that of the first, over `solutions` that both judged.

    `p` is of the paired randomisation test, `p_holm` adjusted over all in the table; None where the
    figure is not defined.
    """

    scorer: str
    figure: str
    difference: Estimate
    solutions: int
    p: float | None
    p_holm: float | None = None

    @property
    def shown(self) -> bool:
        """Whether it is more than chance, with all others in view."""
        return self.p_holm is not None and self.p_holm < LEVEL


def against_first(
    names: Sequence[str], judged: Sequence[Sequence[JudgedSolution]]
) -> list[FigureDifference]:
    """Each of the others against the first, figure by figure."""
    found = [
        row
        for name, ours in zip(names[1:], judged[1:], strict=True)
        for row in differences(name, ours, judged[0])
    ]
    tested = [row.p for row in found if row.p is not None]
    adjusted = iter(holm(tested))
    return [row if row.p is None else replace(row, p_holm=next(adjusted)) for row in found]


def differences(
    name: str, ours: Sequence[JudgedSolution], theirs: Sequence[JudgedSolution]
) -> list[FigureDifference]:
    """Of two scorers, over the solutions that both judged."""
    first = {each.solution.id: each for each in theirs}
    pairs = [(each, first[each.solution.id]) for each in ours if each.solution.id in first]
    if not pairs:
        return []
    our, their = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    tables = JudgedTable.of(our), JudgedTable.of(their)
    mine, others = (statistics(table) for table in tables)
    both = statistics(tables[0] + tables[1])
    clusters = clusters_of(our)

    def row(figure: str) -> FigureDifference:
        def together(of_ours: Floats, of_theirs: Floats) -> float:
            return both[figure](np.concatenate([of_ours, of_theirs]))

        gap = difference(mine[figure], others[figure], clusters)
        return FigureDifference(name, figure, gap, len(pairs), swap_test(together, clusters))

    return [row(figure) for figure in COMPARED]
