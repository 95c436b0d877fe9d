"""Probabilities of a yes-or-no decision, kept as log-odds: near 0 and 1 they still tell apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

CERTAIN = 100.0
"""Log-odds lie in ±CERTAIN, so that one infinite reading does not decide a mean alone."""


def log_odds(
    logprobs: Mapping[int, float], for_ids: Iterable[int], against_ids: Iterable[int]
) -> float | None:
    """The log of P(for)/P(against), in ±CERTAIN, from raw log-probabilities; None without mass.

    Each side is the sum over its tokens (spellings of one word) that are listed; of a side that has
    none nothing is known, and there is None. What other tokens take is left out: that is the
    renormalisation.
    """
    pro, contra = log_sum(logprobs, for_ids), log_sum(logprobs, against_ids)
    if math.isnan(pro + contra) or pro == contra == -math.inf:
        return None
    return max(-CERTAIN, min(CERTAIN, pro - contra))


def log_sum(logprobs: Mapping[int, float], ids: Iterable[int]) -> float:
    """The log-probability of any one of `ids` that is listed, in fp64; NaN where none is."""
    values = [logprobs[token] for token in ids if token in logprobs]
    top = max(values, default=math.nan)
    if not math.isfinite(top):
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in values))


def probability(log_odds: float) -> float:
    """The probability, in [0, 1], that has these log-odds."""
    if log_odds < 0:
        return 1.0 - probability(-log_odds)
    return 1.0 / (1.0 + math.exp(-log_odds))
