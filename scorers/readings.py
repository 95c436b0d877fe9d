"""From the boxed verdicts of a chain to one verdict per step, and from K chains to a judgement.

The rules for steps without a verdict follow ThinkPRM's training data, in which a chain ends at the
first incorrect step; what a verifier says after it is not to be trusted (paper, limitations).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from scorers.odds import probability
from search.core import Judgement, StepVerdict, VerdictStatus


@dataclass(frozen=True, slots=True)
class Verdict:
    """One boxed verdict as it was written.

    `label` is the number of the step that it names, from 1; None where it names none. `log_odds`
    is ln P(correct)/P(incorrect). `tokens` is how many tokens of the chain it and all before it
    take.
    """

    label: int | None
    log_odds: float
    incorrect: bool
    critique: str
    tokens: int


@dataclass(frozen=True, slots=True)
class StepReading:
    """What one chain says of one step.

    `log_odds` is None exactly when the status is MISSING or TRUNCATED.
    """

    log_odds: float | None
    status: VerdictStatus
    critique: str = ""


@dataclass(frozen=True, slots=True)
class ChainReading:
    """What one chain says: `steps[i]` of step i.

    `error` is the index of the first step that it calls incorrect, None where there is none.
    `tokens` is how many of its tokens judge steps that exist: all, unless the verifier went on to
    steps of its own invention.
    """

    steps: tuple[StepReading, ...]
    error: int | None
    tokens: int

    @property
    def empty(self) -> bool:
        """Whether no verdict was read."""
        return all(step.log_odds is None for step in self.steps)


def settle(
    verdicts: Sequence[Verdict], steps: int, labels: int, tokens: int, *, truncated: bool
) -> ChainReading:
    """Give each of `steps` steps its verdict, in a chain of `tokens` tokens.

    `labels` is the highest step number that the solution writes, at least `steps`.

    A verdict without a label is on the next step that has none. Of several on one step the last
    wins, and the critiques of all are kept. A verdict on a step that does not exist is dropped.
    Every step after the first incorrect one takes that one's log-odds.
    """
    owned = assign(verdicts, steps)
    error = min((step for step, own in owned.items() if own[-1].incorrect), default=None)
    judged = steps if error is None else error + 1
    last = max(owned, default=-1)
    readings = [
        read_step(owned.get(step, ()), cut=truncated and step > last) for step in range(judged)
    ]
    if error is not None:
        after = StepReading(readings[error].log_odds, VerdictStatus.AFTER_ERROR)
        readings += [after] * (steps - judged)
    return ChainReading(tuple(readings), error, useful_tokens(verdicts, labels, tokens))


def assign(verdicts: Iterable[Verdict], steps: int) -> dict[int, list[Verdict]]:
    """The verdicts on each step, by its index, in the order in which they were written."""
    owned: dict[int, list[Verdict]] = {}
    last = -1
    for verdict in verdicts:
        if verdict.label is None:
            step = next((free for free in range(last + 1, steps) if free not in owned), steps)
        else:
            step = verdict.label - 1
        if 0 <= step < steps:
            owned.setdefault(step, []).append(verdict)
            last = step
    return owned


def read_step(own: Sequence[Verdict], *, cut: bool) -> StepReading:
    """The reading of a step with these verdicts; `cut`: the chain ended too early to have any."""
    if not own:
        return StepReading(None, VerdictStatus.TRUNCATED if cut else VerdictStatus.MISSING)
    critique = "\n".join(verdict.critique for verdict in own)
    return StepReading(own[-1].log_odds, VerdictStatus.READ, critique)


def useful_tokens(verdicts: Sequence[Verdict], labels: int, tokens: int) -> int:
    """Where a chain of `tokens` tokens leaves the steps that exist for one labelled beyond them."""
    invented = [v.label is not None and not 1 <= v.label <= labels for v in verdicts]
    real = len(verdicts)
    while real and invented[real - 1]:
        real -= 1
    return verdicts[real - 1].tokens if 0 < real < len(verdicts) else tokens


PRECEDENCE = (
    VerdictStatus.READ,
    VerdictStatus.AFTER_ERROR,
    VerdictStatus.MISSING,
    VerdictStatus.TRUNCATED,
)
"""Of the statuses that K chains give a step, the first of these holds."""


def combine(chains: Sequence[ChainReading], prefixes: Sequence[float]) -> Judgement:
    """The judgement of K ≥ 1 chains: the mean of their log-odds, per step and for the prefix.

    A step is READ if any chain read it, and its mean is over those chains alone: a chain that
    stopped earlier, or lost its way, does not vote on it. Else it is AFTER_ERROR if any chain
    stopped before it, and the mean is over those. `prefixes[k]` are chain k's log-odds of Yes.
    """
    by_step = zip(*(chain.steps for chain in chains), strict=True)
    verdicts = tuple(combine_step(readings) for readings in by_step)
    return Judgement(verdicts, probability(fmean(prefixes)), len(chains))


def combine_step(readings: Sequence[StepReading]) -> StepVerdict:
    """One step's verdict from those of the chains."""
    status = min((reading.status for reading in readings), key=PRECEDENCE.index)
    values = [
        reading.log_odds
        for reading in readings
        if reading.status is status and reading.log_odds is not None
    ]
    critique = "\n\n".join(reading.critique for reading in readings if reading.critique)
    return StepVerdict(probability(fmean(values)) if values else None, status, critique)
