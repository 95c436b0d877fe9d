"""The policy judges itself: by how sure it was of the tokens that it drew. No verifier is asked.

Fu et al., "Deep Think with Confidence" (arXiv 2508.15260): the confidence of a token, and the mean,
the tail and the lowest group of a solution. Kang et al., "Scalable Best-of-N Selection via
Self-Certainty" (arXiv 2502.18581). What a policy records is `search.core.Sureness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean
from typing import Literal, TypeAlias

from engines.traits import DOUBLE, Judges, Traits
from search.checks import check_choice, check_count, fault
from search.core import (
    Judgement,
    Prefix,
    Spent,
    Step,
    StepVerdict,
    Sureness,
    VerdictStatus,
)
from search.ports import Failure, FailureKind, Scorer, ScorerCall, ScorerReply

Measure: TypeAlias = Literal["confidence", "self_certainty", "logprob"]
"""`confidence`: minus the mean log-probability of the k likeliest tokens. `self_certainty`: how far
these k are from equally likely. `logprob`: the log-probability of the token that was drawn."""

Over: TypeAlias = Literal["lowest", "bottom", "tail", "mean"]
"""`lowest`: the group of tokens that has the lowest mean. `bottom`: the mean of the lowest tenth of
groups. `tail`: the last group. `mean`: all tokens."""

UNMEASURED = (
    "the policy recorded no log-probabilities: set policy.confidence=20, which policies qwen and "
    "structured have"
)


@dataclass(frozen=True)
class ConfidenceConfig:
    """How sure the policy was of its tokens, from its own log-probabilities; no verifier at all.

    A step's verdict is of its own tokens, that of a whole path of all of them. The numbers rank;
    they are no calibrated probabilities, and 0.5 means nothing: a search that compares with a
    threshold (`backtrack`, chains of verifications) needs one of its own.
    """

    measure: Measure = "confidence"
    """What is measured of each token: `confidence`, as in DeepConf, minus the mean log-probability
    of the `policy.confidence` likeliest; `self_certainty`, how far these are from equally likely;
    `logprob`, the log-probability of the token that was drawn."""
    over: Over = "lowest"
    """Of which tokens the mean is taken: `lowest`, the group that has the lowest; `bottom`, the
    lowest tenth of groups; `tail`, the last group; `mean`, all."""
    group: int = 64
    """Tokens in a group, made of the 16 or fewer that a step keeps together; a text that is shorter
    is one group. DeepConf has 2048, for solutions of tens of thousands of tokens."""
    half: float = 8.0
    """Nats at which a confidence or a self-certainty becomes 0.5 on the scale from 0 to 1; it
    changes no order of solutions. A log-probability becomes e to its power."""

    def __post_init__(self) -> None:
        check_choice("measure", self.measure, Measure)
        check_choice("over", self.over, Over)
        check_count("group", self.group)
        if not 0.0 < self.half < 1e6:
            raise fault("half", self.half, "a number above 0", "8 nats is the default")

    @property
    def traits(self) -> Traits:
        """See `engines.traits`.

        Not repeatable: a cache over runs tells paths by what they say, and this scorer by how sure
        of it the policy was.
        """
        return replace(DOUBLE, judges=Judges.STEPS, by_sureness=True, idle=True, repeatable=False)


class ConfidenceScorer(Scorer):
    """Judges from what the steps carry. It makes nothing up where they carry nothing."""

    def __init__(self, config: ConfidenceConfig) -> None:
        self.config = config

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`; it costs nothing."""
        return [self._judge(call.path) for call in batch]

    def _judge(self, path: Prefix) -> ScorerReply | Failure:
        if not path.steps:
            return Failure.about(path, FailureKind.INVALID, "it has no steps to judge")
        return ScorerReply(self._judgement(path), Spent(), sampled=False)

    def _judgement(self, path: Prefix) -> Judgement:
        measured = [known(step) for step in path.steps]
        lacking = self.config.measure != "logprob" and not all(step.sureness for step in path.steps)
        if lacking or not all(measured):
            return Judgement.missing(UNMEASURED)
        verdicts = (StepVerdict(self._of(own), VerdictStatus.READ) for own in measured)
        whole = [sums for own in measured for sums in own]
        return Judgement(tuple(verdicts), self._of(whole), chains=1)

    def _of(self, sums: Sequence[Sureness]) -> float:
        """From 0 to 1: the measure over these tokens."""
        groups = list(grouped(sums, self.config.group))
        match self.config.over:
            case "mean":
                value = self._mean(sums)
            case "tail":
                value = self._mean(groups[-1])
            case "lowest":
                value = min(map(self._mean, groups))
            case "bottom":
                lowest = sorted(map(self._mean, groups))
                value = fmean(lowest[: max(1, len(lowest) // 10)])
        return self._scaled(value)

    def _mean(self, sums: Sequence[Sureness]) -> float:
        """In nats per token."""
        total = sum(sums[1:], sums[0])
        match self.config.measure:
            case "logprob":
                return total.logprob / total.tokens
            case "confidence":
                return total.confidence / total.tokens
            case "self_certainty":
                return total.certainty / total.tokens

    def _scaled(self, value: float) -> float:
        if self.config.measure == "logprob":
            return min(1.0, exp(value))
        above = max(0.0, value)
        return above / (above + self.config.half)


def known(step: Step) -> tuple[Sureness, ...]:
    """What a step carries; of one that has its log-probability alone, that."""
    if step.sureness or step.logprob is None or not step.token_ids:
        return step.sureness
    return (Sureness(len(step.token_ids), step.logprob, 0.0, 0.0),)


def grouped(sums: Sequence[Sureness], tokens: int) -> Iterator[Sequence[Sureness]]:
    """Every group: the fewest consecutive sums that have so many tokens, up to each in turn.

    All of them together where they have fewer.
    """
    start, held = 0, 0
    for end, added in enumerate(sums, start=1):
        held += added.tokens
        while held - sums[start].tokens >= tokens:
            held -= sums[start].tokens
            start += 1
        if held >= tokens:
            yield sums[start:end]
    if held < tokens:
        yield sums


async def build(config: ConfidenceConfig) -> ConfidenceScorer:
    """The scorer of this configuration, ready at once."""
    return ConfidenceScorer(config)
