"""The expected accuracy of an arm at n, over problems: the figures of an arm, as expectations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.estimators.wilson import Z95

if TYPE_CHECKING:  # it takes numpy, which what is over no subsets needs not
    from benchmarks.estimators.chances import Chances


@dataclass(frozen=True, slots=True)
class Share:
    """One problem: in which shares of its n-subsets, in [0, 1], the arm fares how.

    It is `right` in some, wrong in others (an abstention is wrong; `abstained` is part of it), and
    left out where there was no score to choose by (`unscored`) or no grade (`ungraded`). `decided`
    is right or wrong. `draws`: the number of random subsets behind these figures; None: exact.
    """

    right: float
    decided: float
    abstained: float
    unscored: float
    ungraded: float
    draws: int | None = None

    @classmethod
    def of(cls, chances: Chances, right: Sequence[bool], undecided: Sequence[bool]) -> Share:
        """From what is chosen; `right[i]` and `undecided[i]` are grades of candidate i."""
        ungraded, judged = chances.of(undecided), chances.of([not mark for mark in undecided])
        return cls(
            right=chances.of(right),
            decided=judged + chances.abstained,
            abstained=chances.abstained,
            unscored=chances.unscored,
            ungraded=ungraded,
            draws=chances.draws,
        )

    def variance(self, rate: float) -> float:
        """Of right − rate · decided, from the drawing of subsets: unbiased; 0 where exact."""
        if self.draws is None:
            return 0.0
        wrong, mean = self.decided - self.right, self.right - rate * self.decided
        square = self.right * (1 - rate) ** 2 + wrong * rate**2
        return max(0.0, square - mean**2) / (self.draws - 1)


@dataclass(frozen=True, slots=True)
class Expected:
    """An arm at n over problems.

    `accuracy` in [0, 1] is right over decided, None where nothing was decided; `ci95` is its
    interval over problems. `error` is the standard error of `accuracy` from the drawing of subsets,
    0 where all were counted. `problems` (decided ones), `abstained`, `unscored` and `ungraded` are
    expected numbers of problems.
    """

    accuracy: float | None
    ci95: tuple[float, float] | None
    error: float
    problems: float
    abstained: float
    unscored: float
    ungraded: float


def expected(shares: Sequence[Share]) -> Expected:
    """Over problems; where every size is N this is what the table of a run measures.

    An arm that never had a score to choose by has no accuracy, whatever abstained beside it.
    """
    unscored = math.fsum(share.unscored for share in shares)
    chosen = math.fsum(share.decided - share.abstained + share.ungraded for share in shares)
    decided = math.fsum(share.decided for share in shares)
    ungraded = math.fsum(share.ungraded for share in shares)
    if decided == 0 or (unscored > 0 and chosen == 0):
        return Expected(None, None, 0.0, 0.0, 0.0, unscored, ungraded)
    rate = min(1.0, math.fsum(share.right for share in shares) / decided)
    return Expected(
        accuracy=rate,
        ci95=rate_interval(rate, decided, [share.right - rate * share.decided for share in shares]),
        error=math.sqrt(math.fsum(share.variance(rate) for share in shares)) / decided,
        problems=decided,
        abstained=math.fsum(share.abstained for share in shares),
        unscored=unscored,
        ungraded=ungraded,
    )


def rate_interval(rate: float, trials: float, residuals: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a rate over problems that are each right to a part.

    Wilson's interval (1927) at the number of right-or-wrong problems that would tell as much, as
    for clustered samples (Korn & Graubard 1998): a share from many subsets varies less from problem
    to problem than one that is 0 or 1. Problems that are all 0 or 1 give Wilson's interval itself.
    One problem of full spread is added to the spread seen, so few problems do not look certain.

    Args:
        rate: in [0, 1].
        trials: how many problems were decided.
        residuals: per problem right − rate · decided.
    """
    full = rate * (1 - rate)
    spread = math.fsum(residual**2 for residual in residuals) + full
    size = trials * (trials + 1) * full / spread if spread else trials
    scale = 1 + Z95**2 / size
    centre = (rate + Z95**2 / (2 * size)) / scale
    half = Z95 / scale * math.sqrt(full / size + Z95**2 / (4 * size**2))
    return max(0.0, centre - half), min(1.0, centre + half)
