"""What an aggregation changes: arms against the same selection by `last`, and against the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from benchmarks.estimators.paired import paired_difference
from benchmarks.estimators.significance import sign_flip
from treewright.comparing.comparison import ALPHA, Comparison, compare
from treewright.report.curves import Curve, marks
from treewright.report.reported_run import REFERENCE, ReportedRun

RESAMPLES = 1000
"""For the bands over n; at the largest n the full number is drawn."""
FINER = 4000
"""For the intervals against the best arm."""
LEAST_FLIPS, FLIPS_PER_PAIR = 10_000, 40
"""Of the test against the best arm: enough that its least p can be shown among all pairs."""


@dataclass(frozen=True)
class Standing:
    """How an arm stands to the most accurate one over the same problems.

    `best`: it is that one. `gap`: its accuracy minus the best's, over the problems both decided,
    None without one; above 0 where the best owes its place to problems that this one left out.
    `ci95` is its interval, None where all problems differ by the same. `shown`: it is behind, and
    chance alone would hardly make such a gap. The same problems chose which arm is the best, so any
    pair of arms might have stood here: p times the number of pairs (Bonferroni) is below 0.05.
    """

    best: bool
    gap: float | None
    ci95: tuple[float, float] | None
    shown: bool


def against_last(reading: ReportedRun, found: Sequence[Curve]) -> list[Comparison]:
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
    reading: ReportedRun, curve: Curve, reference: Curve
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


def standings(reading: ReportedRun, found: Sequence[Curve]) -> list[Standing]:
    """Aligned with `found`; every arm is held against the most accurate one."""
    known = [curve.top.found.accuracy for curve in found]
    top = max((each for each in known if each is not None), default=None)
    if top is None:
        return [Standing(best=False, gap=None, ci95=None, shown=False) for _ in found]
    best = known.index(top)
    theirs = marks(reading, found[best]).right
    pairs = comb(sum(each is not None for each in known), 2)
    flips = max(LEAST_FLIPS, FLIPS_PER_PAIR * pairs)
    placed = []
    for at, curve in enumerate(found):
        ours = marks(reading, curve).right
        ids = sorted(ours.keys() & theirs.keys())
        pair = [ours[id] for id in ids], [theirs[id] for id in ids]
        gap = sum(pair[0]) / len(ids) - sum(pair[1]) / len(ids) if ids else None
        behind = gap is not None and gap < 0
        shown = behind and pairs * sign_flip(*pair, flips=flips) < ALPHA
        placed.append(Standing(at == best, gap, interval(*pair), shown))
    return placed


def interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float] | None:
    """Of the difference, None where all problems differ by the same or there are none."""
    if len({our - their for our, their in zip(ours, theirs, strict=True)}) < 2:
        return None
    found = paired_difference(ours, theirs, resamples=FINER)
    return found.low, found.high


def is_reference(curve: Curve) -> bool:
    """Whether the arm scores by `last`."""
    return curve.arm.aggregation == REFERENCE
