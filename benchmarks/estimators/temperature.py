"""How sure a verifier should be: its log-odds divided by one number (Platt; Guo et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.estimators.chances import Bools, Floats

COLDEST, WARMEST = 1e-3, 1e3
"""Temperatures outside are none: the best one is 0 or infinite."""
HALVINGS = 60
CERTAIN = 53 * math.log(2)
"""The log-odds beyond which a recorded probability is 1; what is surer is taken for as sure."""


def odds(probability: float) -> float:
    """The log-odds of a recorded probability, in ±CERTAIN."""
    if not 0.0 < probability < 1.0:
        return math.copysign(CERTAIN, probability - 0.5)
    return max(-CERTAIN, min(CERTAIN, math.log(probability) - math.log1p(-probability)))


def fit_temperature(log_odds: Sequence[float], right: Sequence[bool]) -> float | None:
    """The temperature at which the mean negative log-likelihood is least.

    The likelihood has one optimum in 1/temperature, found by halving. None where there is none in
    [0.001, 1000]: the signs of the log-odds tell all right from all wrong, or tell less than
    nothing. Raises ValueError for lists that are not aligned, for none, and for what is not finite.
    """
    signed = _signed(log_odds, right)
    low, high = math.log(1 / WARMEST), math.log(1 / COLDEST)
    flawless = bool((signed >= 0).all())
    if flawless or _slope(signed, math.exp(low)) > 0 or _slope(signed, math.exp(high)) < 0:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _slope(signed, math.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return math.exp(-(low + high) / 2)


def losses(
    log_odds: Sequence[float], right: Sequence[bool], temperature: float = 1.0
) -> list[float]:
    """The negative log-likelihood of each outcome, in nats, of the log-odds over `temperature`."""
    signed = _signed(log_odds, right)
    return [float(loss) for loss in np.logaddexp(0.0, -signed / temperature)]


def _slope(signed: Floats, inverse: float) -> float:
    """The derivative of the mean loss by 1/temperature."""
    # The chance of the other outcome, 1 / (1 + e^x), without an overflow.
    other = np.exp(-np.logaddexp(0.0, signed * inverse))
    return float((-signed * other).mean())


def _signed(log_odds: Sequence[float], right: Sequence[bool]) -> Floats:
    """The log-odds of what came out."""
    values: Floats = np.asarray(log_odds, dtype=np.float64)
    marks: Bools = np.asarray(right, dtype=np.bool_)
    if not len(values) or len(values) != len(marks) or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} finite log-odds and {len(marks)} marks, one to one")
    return np.where(marks, values, -values)
