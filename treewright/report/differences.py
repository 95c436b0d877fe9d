"""What an aggregation changes: arms against the same selection by `last`, and against the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.estimators.holm import holm
from benchmarks.estimators.paired import paired_difference
from benchmarks.estimators.significance import sign_flip
from treewright.comparing.comparison import ALPHA, Comparison, compare
from treewright.report.curves import Curve, marks
from treewright.report.reading import REFERENCE, Reading

RESAMPLES = 1000
"""For the bands over n; at the largest n the full number is drawn."""
FINER = 4000
"""For the intervals against the best arm."""


@dataclass(frozen=True)
class Standing:
    """How an arm stands to the most accurate one over the same problems.

    `best`: it is that one. `gap`: its accuracy minus the best's, over the problems both decided,
    None without one; `ci95` is its interval, None where all problems differ by the same. `shown`:
    whether chance alone would hardly make such a gap (p < 0.05 after Holm over all arms).
    """

    best: bool
    gap: float | None
    ci95: tuple[float, float] | None
    shown: bool


def against_last(reading: Reading, found: Sequence[Curve]) -> list[Comparison]:
    """One family: each aggregation with each selection, over all candidates, against `last`."""
    references = {curve.arm.selection: curve for curve in found if is_reference(curve)}
    return compare(
        [
            (marks(reading, curve), marks(reading, references[curve.arm.selection]))
            for curve in found
            if curve.arm.aggregation and not is_reference(curve)
        ]
    )


def over_sizes(
    reading: Reading, curve: Curve, reference: Curve
) -> list[tuple[int, float, float, float]]:
    """(n, difference, and its 95 % interval) at each size with a problem that both decided."""
    made = []
    for at, point in enumerate(curve.points):
        ours, theirs = marks(reading, curve, at).right, marks(reading, reference, at).right
        ids = sorted(ours.keys() & theirs.keys())
        if ids:
            found = paired_difference(
                [ours[id] for id in ids], [theirs[id] for id in ids], resamples=RESAMPLES
            )
            made.append((point.n, found.mean, found.low, found.high))
    return made


def standings(reading: Reading, found: Sequence[Curve]) -> list[Standing]:
    """Aligned with `found`; every arm is held against the most accurate one."""
    known = [curve.top.found.accuracy for curve in found]
    top = max((each for each in known if each is not None), default=None)
    if top is None:
        return [Standing(best=False, gap=None, ci95=None, shown=False) for _ in found]
    best = known.index(top)
    theirs = marks(reading, found[best]).right
    gaps, ends, tests = [], list[tuple[float, float] | None](), []
    for curve in found:
        ours = marks(reading, curve).right
        ids = sorted(ours.keys() & theirs.keys())
        pair = [ours[id] for id in ids], [theirs[id] for id in ids]
        gaps.append(sum(pair[0]) / len(ids) - sum(pair[1]) / len(ids) if ids else None)
        ends.append(interval(*pair))
        tests.append(sign_flip(*pair) if ids and curve is not found[best] else 1.0)
    return [
        Standing(at == best, gap, sure, p < ALPHA)
        for at, (gap, sure, p) in enumerate(zip(gaps, ends, holm(tests), strict=True))
    ]


def interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float] | None:
    """Of the difference, None where all problems differ by the same or there are none."""
    if len({our - their for our, their in zip(ours, theirs, strict=True)}) < 2:
        return None
    found = paired_difference(ours, theirs, resamples=FINER)
    return found.low, found.high


def is_reference(curve: Curve) -> bool:
    """Whether the arm scores by `last`."""
    return curve.arm.aggregation == REFERENCE
