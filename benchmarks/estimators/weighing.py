"""Figures as functions of how much each row weighs: what a bootstrap and a swap test need.

Rows are made ready once and weighed many times. With all weights 1 a figure is the plain one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from benchmarks.estimators.chances import Bools, Floats, Ints

Statistic: TypeAlias = Callable[[Floats], float]
"""From a weight for each row, 0 or more, to the figure; NaN where it is not defined."""
BINS = 10


def ratio_of(above: Floats | Bools, below: Floats | Bools) -> Statistic:
    """The sum of `above` by that of `below`."""
    numerator, denominator = np.asarray(above, float), np.asarray(below, float)

    def statistic(weights: Floats) -> float:
        return divided(float(numerator @ weights), float(denominator @ weights))

    return statistic


def mean_of(values: Floats | Bools) -> Statistic:
    """The mean."""
    return ratio_of(values, np.ones(len(values)))


def harmonic_of(one: Statistic, other: Statistic) -> Statistic:
    """The harmonic mean of two figures from 0 up; 0 where both are 0."""

    def statistic(weights: Floats) -> float:
        first, second = one(weights), other(weights)
        if first == 0 and second == 0:
            return 0.0
        return divided(2 * first * second, first + second)

    return statistic


def average_of(statistics: Sequence[Statistic]) -> Statistic:
    """The mean of figures; NaN where one of them is not defined."""
    return lambda weights: divided(sum(each(weights) for each in statistics), len(statistics))


def auroc_of(scores: Floats, right: Bools) -> Statistic:
    """The chance that a right one scores above a wrong one; see `calibration.auroc`."""
    _, group = np.unique(scores, return_inverse=True)
    groups = int(group.max()) + 1 if len(group) else 0

    def statistic(weights: Floats) -> float:
        positive = np.bincount(group, weights * right, groups)
        negative = np.bincount(group, weights * ~right, groups)
        below = negative.cumsum() - negative
        pairs = float(positive.sum() * negative.sum())
        return divided(float(positive @ (below + negative / 2)), pairs)

    return statistic


def ece_of(probabilities: Floats, right: Bools, bins: int = BINS) -> Statistic:
    """The expected calibration error; see `calibration.calibration`."""
    edges = np.arange(bins + 1) / bins
    place: Ints = np.maximum(np.searchsorted(edges, probabilities, side="left") - 1, 0)
    gaps = np.asarray(probabilities, float) - right

    def statistic(weights: Floats) -> float:
        apart = np.abs(np.bincount(place, weights * gaps, bins)).sum()
        return divided(float(apart), float(weights.sum()))

    return statistic


def over(statistic: Statistic, rows: Ints) -> Statistic:
    """The same of finer rows, of which number i weighs what row `rows[i]` weighs."""
    return lambda weights: statistic(weights[rows])


def divided(above: float, below: float) -> float:
    """The quotient, NaN where there is none."""
    return above / below if below else math.nan
