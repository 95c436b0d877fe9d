"""From the readings of K chains to one judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal, TypeAlias, get_args

from scorers.log_odds import probability
from scorers.readings import ChainReading, StepReading
from search.core import ChainVote, Judgement, StepVerdict, VerdictStatus

Combine: TypeAlias = Literal["probability", "logit", "weighted"]
"""What is averaged over the chains.

`probability`: the probabilities, as ThinkPRM's authors do (parallel scaling, arXiv 2504.16828).
`logit`: the log-odds, so that a chain that is sure weighs more than one that is not. `weighted`:
the probabilities, each chain's weighted by the probability, 0.5 to 1, that it gives the answer,
Yes or No, which it holds the likelier at its end. For one chain all are its own probability.
"""

COMBINATIONS: tuple[str, ...] = get_args(Combine)

PRECEDENCE = (
    VerdictStatus.READ,
    VerdictStatus.AFTER_ERROR,
    VerdictStatus.MISSING,
    VerdictStatus.TRUNCATED,
)
"""Of the statuses that K chains give a step, the first of these holds."""


def combine(
    chains: Sequence[ChainReading],
    prefixes: Sequence[float],
    rule: Combine = "probability",
    temperature: float = 1.0,
) -> Judgement:
    """The judgement of K ≥ 1 chains: their mean by `rule`, per step and for the prefix.

    A step's mean is over the chains that read it and those that stopped at an error before it: both
    say how likely the solution is still right there. Left out are those that lost their way
    (MISSING) or were cut (TRUNCATED). It is READ if any chain read it. `prefixes[k]` are chain k's
    log-odds of Yes. All log-odds are divided by `temperature` first.
    """
    weights = [weight(prefix, rule, temperature) for prefix in prefixes]
    by_step = zip(*(chain.steps for chain in chains), strict=True)
    verdicts = tuple(combine_step(readings, weights, rule, temperature) for readings in by_step)
    return Judgement(verdicts, averaged(prefixes, weights, rule, temperature), len(chains))


def votes(chains: Sequence[ChainReading], prefixes: Sequence[float]) -> tuple[ChainVote, ...]:
    """What each chain said, as `with_further` needs it."""
    return tuple(
        ChainVote(tuple(step.log_odds for step in chain.steps), prefix)
        for chain, prefix in zip(chains, prefixes, strict=True)
    )


def with_further(
    judgement: Judgement,
    chain: ChainReading,
    prefix: float,
    rule: Combine = "probability",
    temperature: float = 1.0,
) -> Judgement:
    """The judgement of the chains that voted in it, and of one more: as if of all at once."""
    cast = (*judgement.votes, *votes([chain], [prefix]))
    prefixes = [vote.prefix for vote in cast]
    weights = [weight(each, rule, temperature) for each in prefixes]
    by_step = zip(*(vote.steps for vote in cast), strict=True)
    verdicts = tuple(
        StepVerdict(
            mean_of_read(odds, weights, rule, temperature),
            min(old.status, new.status, key=PRECEDENCE.index),
            "\n\n".join(filter(None, [old.critique, new.critique])),
        )
        for old, new, odds in zip(judgement.verdicts, chain.steps, by_step, strict=True)
    )
    mean = averaged(prefixes, weights, rule, temperature)
    return replace(judgement, verdicts=verdicts, prefix=mean, chains=len(cast), votes=cast)


def combine_step(
    readings: Sequence[StepReading], weights: Sequence[float], rule: Combine, temperature: float
) -> StepVerdict:
    """One step's verdict from those of the chains."""
    status = min((reading.status for reading in readings), key=PRECEDENCE.index)
    critique = "\n\n".join(reading.critique for reading in readings if reading.critique)
    mean = mean_of_read([reading.log_odds for reading in readings], weights, rule, temperature)
    return StepVerdict(mean, status, critique)


def mean_of_read(
    log_odds: Sequence[float | None], weights: Sequence[float], rule: Combine, temperature: float
) -> float | None:
    """The probability of the chains that have one; None where none has."""
    read = [(odds, w) for odds, w in zip(log_odds, weights, strict=True) if odds is not None]
    if not read:
        return None
    return averaged([odds for odds, _ in read], [w for _, w in read], rule, temperature)


def weight(prefix: float, rule: Combine, temperature: float) -> float:
    """What a chain counts whose log-odds of Yes are `prefix`, against others."""
    return probability(abs(prefix) / temperature) if rule == "weighted" else 1.0


def averaged(
    log_odds: Sequence[float], weights: Sequence[float], rule: Combine, temperature: float
) -> float:
    """The probability that several chains give together."""
    tempered = [value / temperature for value in log_odds]
    if rule == "logit":
        return probability(fmean(tempered))
    chances = list(map(probability, tempered))
    alike = rule != "weighted" or len(chances) == 1
    mean = fmean(chances) if alike else fmean(chances, weights)
    # Means of equal numbers may miss them by a rounding; a probability stays within its bounds.
    return min(1.0, max(0.0, mean))
