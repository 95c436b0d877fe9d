"""Resampling: how many copies of each particle go on (Douc and Cappé 2005 compare the schemes).

A scheme takes weights that sum to 1, the number of copies to make, and a source of uniform numbers
in [0, 1). The expected number of copies is number × weight under each; they differ in variance.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

Uniform: TypeAlias = Callable[[], float]


def multinomial(weights: Sequence[float], number: int, uniform: Uniform) -> list[int]:
    """Each copy is drawn by itself: the paper's scheme, the largest variance."""
    return _count(weights, [uniform() for _ in range(number)])


def stratified(weights: Sequence[float], number: int, uniform: Uniform) -> list[int]:
    """One draw in each of `number` equal parts of [0, 1)."""
    return _count(weights, [(part + uniform()) / number for part in range(number)])


def systematic(weights: Sequence[float], number: int, uniform: Uniform) -> list[int]:
    """One draw for all parts alike: the copies differ by less than one from number × weight."""
    offset = uniform()
    return _count(weights, [(part + offset) / number for part in range(number)])


RESAMPLINGS: dict[str, Callable[[Sequence[float], int, Uniform], list[int]]] = {
    "multinomial": multinomial,
    "systematic": systematic,
    "stratified": stratified,
}


def effective_sample_size(weights: Sequence[float]) -> float:
    """1 / Σ w² of weights that sum to 1: from 1 (one has it all) to their number (all equal)."""
    return 1.0 / math.fsum(weight * weight for weight in weights)


def _count(weights: Sequence[float], positions: Sequence[float]) -> list[int]:
    """How many positions in [0, 1) fall on each weight, laid end to end.

    Where rounding puts a position beyond the last weight, it is that of the last one above 0.
    """
    ends = list(accumulate(weights))
    last = max(index for index, weight in enumerate(weights) if weight > 0)
    counts = [0] * len(weights)
    for position in positions:
        counts[min(bisect_right(ends, position), last)] += 1
    return counts
