"""What an aggregation changes: arms against the same selection by `last`."""

from __future__ import annotations

from collections.abc import Sequence

from treewright.arms.comparison import Comparison, Pair, compare
from treewright.arms.graded_run import Curve
from treewright.report.reported_run import REFERENCE

RESAMPLES = 1000
"""For the bands over n; at the largest n the full number is drawn."""


def against_last(found: Sequence[Curve]) -> list[Comparison]:
    """One family: each aggregation with each selection, over all candidates, against `last`."""
    references = {curve.arm.selection: curve for curve in found if is_reference(curve)}
    return compare(
        [
            (curve.top, references[curve.arm.selection].top)
            for curve in found
            if curve.arm.aggregation and not is_reference(curve)
        ]
    )


def over_sizes(curve: Curve, reference: Curve) -> list[tuple[int, float, float, float]]:
    """(n, difference, and its 95 % interval) at each size with a problem that both decided."""
    pairs = zip(curve.points, reference.points, strict=True)
    found = [(ours.n, Pair.of(ours, theirs).difference(RESAMPLES)) for ours, theirs in pairs]
    return [(n, each.mean, each.low, each.high) for n, each in found if each is not None]


def is_reference(curve: Curve) -> bool:
    """Whether the arm scores by `last`."""
    return curve.arm.aggregation == REFERENCE
