"""How every arm of a run stands to its most accurate one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from benchmarks.estimators.significance import sign_flip
from treewright.arms.comparison import ALPHA, Pair
from treewright.arms.marks import Marks

RESAMPLES = 4000
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


def standings(arms: Sequence[Marks]) -> list[Standing]:
    """Aligned with `arms`; every one is held against the most accurate one."""
    known = [each.figures.accuracy for each in arms]
    top = max((each for each in known if each is not None), default=None)
    if top is None:
        return [Standing(best=False, gap=None, ci95=None, shown=False) for _ in arms]
    best = known.index(top)
    pairs = comb(sum(each is not None for each in known), 2)
    return [_standing(Pair.of(each, arms[best]), at == best, pairs) for at, each in enumerate(arms)]


def _standing(pair: Pair, best: bool, pairs: int) -> Standing:
    count = len(pair.right)
    gap = sum(pair.right) / count - sum(pair.other) / count if count else None
    flips = max(LEAST_FLIPS, FLIPS_PER_PAIR * pairs)
    behind = gap is not None and gap < 0
    shown = behind and pairs * sign_flip(pair.right, pair.other, flips=flips) < ALPHA
    return Standing(best, gap, pair.interval(pair.difference(RESAMPLES)), shown)
