"""How sure a model is of its tokens, from the log-probabilities of the likeliest at each position.

Fu et al., "Deep Think with Confidence" (arXiv 2508.15260), for the confidence of a token; Kang et
al., "Scalable Best-of-N Selection via Self-Certainty" (arXiv 2502.18581).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from search.core import Sureness

BLOCK = 16
"""Tokens whose sums a step keeps together, so that it is short, and groups of tokens can be made of
them that reach over the ends of steps."""
UNLIKELY = -100.0
"""The least log-probability that counts: one impossible token would hide all others."""
DIGITS = 4
"""Decimals of the sums that a step keeps."""
ROUNDING = 1e-3
"""So far above 0 rounding may bring a log-probability."""


def told_logprob(value: object) -> float:
    """A log-probability that somebody else tells. Raises ValueError for what is none.

    Whether it is NaN, above 0 or no number: whatever was made of it would be made up.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value <= ROUNDING:
        raise ValueError(f"{value!r:.40} is no log-probability")
    return float(value)


def sureness(chosen: float, likeliest: Sequence[float]) -> Sureness:
    """Of one token: its own log-probability, and those of the k ≥ 2 likeliest at its position."""
    top = [max(UNLIKELY, value) for value in likeliest]
    mean = math.fsum(top) / len(top)
    mass = math.log(math.fsum(map(math.exp, top)))
    # KL(uniform over k, the k renormalised) = log mass − mean − log k, which rounding may make < 0.
    certainty = max(0.0, mass - mean - math.log(len(top)))
    return Sureness(1, max(UNLIKELY, chosen), -mean, certainty)


def blocks(tokens: Sequence[Sureness]) -> tuple[Sureness, ...]:
    """The sums over each `BLOCK` tokens of a step; the last block has what is left."""
    return tuple(_rounded(tokens[at : at + BLOCK]) for at in range(0, len(tokens), BLOCK))


def per_step(tokens: Sequence[Sureness], lengths: Sequence[int]) -> Iterator[tuple[Sureness, ...]]:
    """The blocks of steps that have so many tokens each, from the first token on."""
    start = 0
    for length in lengths:
        yield blocks(tokens[start : start + length])
        start += length


def _rounded(tokens: Sequence[Sureness]) -> Sureness:
    sums = (
        round(math.fsum(values), DIGITS)
        for values in (
            [token.logprob for token in tokens],
            [token.confidence for token in tokens],
            [token.certainty for token in tokens],
        )
    )
    return Sureness(len(tokens), *sums)
