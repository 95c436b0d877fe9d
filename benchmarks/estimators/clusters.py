"""The uncertainty of any figure over rows that come in clusters, such as solutions of a problem.

Clusters are resampled whole, within their strata: of these there are as many in every resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.estimators.chances import Floats, Ints
from benchmarks.estimators.weighing import Statistic

RESAMPLES = 2_000
ROUNDING = 1e-12
MOST_UNDEFINED = 0.05
"""The share of resamples in which a figure may be undefined and still have an interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the ends of its 95 % interval; None where it is not defined."""

    value: float | None
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """`rows[i]` is the cluster of row i, `strata[k]` the clusters of stratum k."""

    rows: Ints
    strata: tuple[Ints, ...]

    @classmethod
    def of(cls, clusters: Sequence[Hashable], strata: Sequence[Hashable]) -> Clusters:
        """By what each row's cluster and stratum are; in two strata the same name is two clusters.

        Raises ValueError for lists that are not aligned.
        """
        numbers: dict[Hashable, int] = {}
        members: dict[Hashable, dict[int, None]] = {}
        rows = []
        for cluster, stratum in zip(clusters, strata, strict=True):
            number = numbers.setdefault((stratum, cluster), len(numbers))
            members.setdefault(stratum, {})[number] = None
            rows.append(number)
        return cls(np.array(rows, int), tuple(np.array(list(each)) for each in members.values()))

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return sum(map(len, self.strata))

    def resamples(self, seed: int) -> Iterator[Floats]:
        """The weight of each row in one resample after the other: how often its cluster is in."""
        rng = np.random.default_rng(seed)
        for _ in range(RESAMPLES):
            weights = np.zeros(self.count)
            for members in self.strata:
                drawn = rng.integers(len(members), size=len(members))
                weights[members] = np.bincount(drawn, minlength=len(members))
            yield weights[self.rows]

    def swaps(self, seed: int) -> Iterator[Floats]:
        """For each row 0 or 1 by chance, the same throughout its cluster, again and again."""
        rng = np.random.default_rng(seed)
        for _ in range(RESAMPLES):
            yield (rng.random(self.count) < 0.5).astype(float)[self.rows]


def estimates(
    statistics: Mapping[str, Statistic], clusters: Clusters, *, seed: int = 0
) -> dict[str, Estimate]:
    """Each figure with its percentile bootstrap interval, all from the same 2,000 resamples.

    The cluster bootstrap (Davison & Hinkley 1997, section 3.8): rows of one cluster depend on each
    other, clusters do not. No interval where nothing can vary: each stratum is one cluster.
    """
    varies = clusters.count > len(clusters.strata)
    ones = np.ones(len(clusters.rows))
    drawn: dict[str, list[float]] = {name: [] for name in statistics}
    for weights in clusters.resamples(seed):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    return {
        name: Estimate(defined(statistic(ones)), interval(drawn[name]) if varies else None)
        for name, statistic in statistics.items()
    }


def difference(
    ours: Statistic, theirs: Statistic, clusters: Clusters, *, seed: int = 0
) -> Estimate:
    """Ours − theirs over the same rows, each resample the same for both."""
    return estimates({"": lambda weights: ours(weights) - theirs(weights)}, clusters, seed=seed)[""]


def swap_test(
    together: Callable[[Floats, Floats], float], clusters: Clusters, *, seed: int = 0
) -> float | None:
    """The two-sided p of the paired randomisation test, in (0, 1], for any figure.

    If it does not matter who judged, then within each cluster ours and theirs may change places.
    How often is the figure's difference then as large as the one seen (Noreen 1989)?

    Args:
        together: the figure over our rows and theirs in one, given the weights of ours and those of
            theirs.
        clusters: of the rows, the same for both.
        seed: of the swaps.

    Returns:
        At least 1 / 2,001; None where the figure is not defined.
    """
    ones, none = np.ones(len(clusters.rows)), np.zeros(len(clusters.rows))
    seen = abs(together(ones, none) - together(none, ones))
    if math.isnan(seen):
        return None
    hits = 0
    for ours in clusters.swaps(seed):
        gap = abs(together(ours, 1 - ours) - together(1 - ours, ours))
        hits += math.isnan(gap) or gap >= seen * (1 - ROUNDING) - ROUNDING
    return (1 + hits) / (1 + RESAMPLES)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The middle 95 % of resampled values; None where too many of them are not defined."""
    found = np.array([value for value in values if not math.isnan(value)])
    if len(found) < (1 - MOST_UNDEFINED) * len(values):
        return None
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def defined(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else value
