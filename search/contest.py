"""Which judgements more verification chains are worth: those at the cut of a selection.

What a chain says of a prefix, its probability, is taken for a draw whose mean is sought. Of that
mean nothing is known but n draws: its posterior is a Beta distribution whose counts are the sums of
what the draws gave *right* and *wrong*, and `PRIOR` of each. The probability that one of two such
means exceeds the other (Thompson 1933, "On the likelihood that one unknown probability exceeds
another") is computed from the moments of the two, as if they were normal: in closed form, so that
a replay decides as the run did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search.checks import check_count, check_number, fault
from search.core import Judgement, Missing

PRIOR = 0.1
"""Draws of each kind that count as seen before there are any: after one chain that is certain,
another is expected to agree with 92 %. Measured, two verifications agree on 95 to 99 % of verdicts
(docs/metrics.md), so that is cautious."""
DIGITS = 9
"""So many decimals of a probability are compared: no machine computes these otherwise."""
EVEN = 0.5
"""Where nothing is selected: the probability that tells right from wrong."""


@dataclass(frozen=True)
class AdaptiveChains:
    """As many chains for each judgement as it takes, where it matters."""

    least: int = 1
    """How many chains are written for each judgement at least."""
    most: int = 4
    """How many chains are written for a judgement at most."""
    until: float = 0.05
    """From 0 to 1: one more chain is written as long as a path is on the wrong side of what the
    strategy selects with a posterior probability of this or more."""

    def __post_init__(self) -> None:
        check_count("least", self.least)
        check_count("most", self.most)
        if self.most < self.least:
            raise fault("most", self.most, f"least, {self.least}, or more", f"nearest {self.least}")
        check_number("until", self.until, high=1.0)


@dataclass(frozen=True, slots=True)
class Contest:
    """How chains are added. `keeps`: how many of the paths of one question the search keeps.

    None where it selects none of them: then each is told from 0.5.
    """

    chains: AdaptiveChains
    keeps: int | None = None

    def contested(self, names: Sequence[str], judgements: Sequence[Judgement]) -> set[str]:
        """The paths of one question whose place may be the wrong one, by name.

        Paths of one name have one judgement. Those whose judgement is missing are in no contest.
        """
        known = [
            (name, Mean.of(judgement))
            for name, judgement in zip(names, judgements, strict=True)
            if not isinstance(judgement.prefix, Missing)
        ]
        until = self.chains.until
        return {name for name, chance in self.chances(known) if round(chance, DIGITS) >= until}

    def chances(self, known: Sequence[tuple[str, Mean]]) -> Iterator[tuple[str, float]]:
        """The posterior probability of each path that it is on the wrong side of the cut.

        Of one that is kept, that the best of the others exceeds it; of another, that it exceeds the
        worst that is kept.
        """
        if self.keeps is None:
            for name, mean in known:
                below = mean.exceeded_by(EVEN)
                yield name, min(below, 1.0 - below)
            return
        ranked = sorted(known, key=lambda each: -each[1].value)
        kept = ranked[: self.keeps]
        inside = {name for name, _ in kept}
        others = [each for each in ranked[self.keeps :] if each[0] not in inside]
        if not kept or not others:
            return
        for name, mean in kept:
            yield name, others[0][1].exceeds(mean)
        for name, mean in others:
            yield name, mean.exceeds(kept[-1][1])


@dataclass(frozen=True, slots=True)
class Mean:
    """What is known of a prefix: the mean of its chains, and the posterior's own two moments."""

    value: float
    mean: float
    variance: float

    @classmethod
    def of(cls, judgement: Judgement) -> Mean:
        """Of a judgement that has a number; one that no chain was read into counts as one."""
        assert not isinstance(judgement.prefix, Missing)
        value, draws = float(judgement.prefix), max(1, judgement.chains)
        weight = draws + 2 * PRIOR
        mean = (value * draws + PRIOR) / weight
        return cls(value, mean, mean * (1.0 - mean) / (weight + 1.0))

    def exceeds(self, other: Mean) -> float:
        """The probability that this mean is the larger one."""
        return _normal((self.mean - other.mean) / math.sqrt(self.variance + other.variance))

    def exceeded_by(self, bar: float) -> float:
        """The probability that this mean is below a number."""
        return _normal((bar - self.mean) / math.sqrt(self.variance))


def _normal(z: float) -> float:
    """The distribution function of the standard normal."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
