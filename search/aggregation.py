"""Aggregation: the probabilities of a path's steps become one number.

Adding one is one function and one line in `AGGREGATIONS`; one's own is named by import path,
`my_module:my_function`. The input is named: `steps` are the step verdicts of the last judgement,
`history` the whole-prefix probabilities judged along the path (for a generative verifier
`history.last` is the score its authors use; `history.product` counts earlier steps again in every
later prefix).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from numbers import Real
from typing import Any

from search.core import Candidate, Missing, Score
from search.custom import PartError, Parts, is_import_path, raised

LOGIT_CLIP = 1e-9
"""Probabilities are kept this far from 0 and 1 before their log-odds are taken."""


class Scale(StrEnum):
    """What an aggregated number is, so that a vote knows how to sum it."""

    PROBABILITY = "probability"
    """In [0, 1]."""
    LOGIT = "logit"
    """Log-odds, any real number."""


class Over(StrEnum):
    """Which probabilities are aggregated."""

    STEPS = "steps"
    HISTORY = "history"


class MissingRule(StrEnum):
    """What a step without a verdict does to the aggregate."""

    SKIP = "skip"
    """It is left out."""
    WORST = "worst"
    """It takes the lowest probability that was read along the same path."""
    FAIL = "fail"
    """It makes the whole score Missing."""


def minimum(probabilities: Sequence[float]) -> float:
    """The weakest step (Wang et al. 2024, Math-Shepherd)."""
    return min(probabilities)


def product(probabilities: Sequence[float]) -> float:
    """The chance that all steps are right, were they independent (Lightman et al. 2023)."""
    return math.exp(_log_sum(probabilities))


def last(probabilities: Sequence[float]) -> float:
    """The last step only (Snell et al. 2024)."""
    return probabilities[-1]


def maximum(probabilities: Sequence[float]) -> float:
    """The strongest step: a control, not a sensible choice for a process reward."""
    return max(probabilities)


def mean(probabilities: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(probabilities) / len(probabilities)


def geometric_mean(probabilities: Sequence[float]) -> float:
    """The product without its bias against long paths."""
    return math.exp(_log_sum(probabilities) / len(probabilities))


def sum_logit(probabilities: Sequence[float]) -> float:
    """The sum of log-odds, any real number; probabilities are clipped to [1e-9, 1 - 1e-9]."""
    return math.fsum(_logit(probability) for probability in probabilities)


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A named way from one or more probabilities, oldest first, to one number on `scale`."""

    reduce: Callable[[Sequence[float]], float]
    scale: Scale = Scale.PROBABILITY


@dataclass(frozen=True, slots=True)
class CheckedAggregation:
    """A custom aggregation's function, held to its scale. Raises `PartError` where it fails."""

    name: str
    reduce: Callable[[Sequence[float]], float]
    scale: Scale

    def __call__(self, probabilities: Sequence[float]) -> float:
        """The number, which is one."""
        shown = ", ".join(f"{probability:g}" for probability in probabilities[:8])
        try:
            number = self.reduce(list(probabilities))
        except Exception as error:
            raise PartError(f"{self.name} raised {raised(error)} for [{shown}]") from error
        if not isinstance(number, Real) or isinstance(number, bool) or math.isnan(number):
            raise PartError(f"{self.name} gave {number!r} for [{shown}]", "it must give a number")
        if self.scale is Scale.PROBABILITY and not 0.0 <= number <= 1.0:
            hint = "it must be from 0 to 1; log-odds are Aggregation(function, Scale.LOGIT)"
            raise PartError(f"{self.name} gave {number} for [{shown}]", hint)
        return float(number)


PROBES = ((0.5,), (0.0, 1.0), (0.9, 0.2, 0.7))
"""What a custom aggregation is tried on when it is loaded: it must take one step, and many."""


def custom_aggregation(name: str, part: Any) -> Aggregation:
    """An aggregation of one's own: a function to a probability, or an `Aggregation`."""
    known = part if isinstance(part, Aggregation) else Aggregation(part)
    if not callable(known.reduce) or isinstance(known.reduce, type):
        problem = f"{name} is a {type(part).__name__}, not an aggregation"
        raise PartError(problem, "give a function from step probabilities to a number")
    checked = CheckedAggregation(name, known.reduce, known.scale)
    for probe in PROBES:
        checked(probe)
    return Aggregation(checked, known.scale)


AGGREGATIONS: Parts[Aggregation] = Parts(
    {
        "min": Aggregation(minimum),
        "product": Aggregation(product),
        "last": Aggregation(last),
        "max": Aggregation(maximum),
        "mean": Aggregation(mean),
        "geometric_mean": Aggregation(geometric_mean),
        "sum_logit": Aggregation(sum_logit, Scale.LOGIT),
    },
    custom_aggregation,
)


@dataclass(frozen=True, slots=True)
class Aggregator:
    """An aggregation together with its input; spelled `min` (over the steps) or `history.min`.

    It holds the name only, so it pickles and compares whatever the function is.
    """

    name: str
    over: Over = Over.STEPS

    @classmethod
    def parse(cls, spelled: str) -> Aggregator:
        """Read `min`, `steps.min`, `history.min` or `history.my_module:my_function`.

        Raises ValueError naming the choices, and `PartError` for a custom part that cannot be used.
        """
        head, dot, tail = spelled.partition(".")
        named = dot and head in list(Over)
        name, over = (tail, Over(head)) if named else (spelled, Over.STEPS)
        if name not in AGGREGATIONS and not is_import_path(name):
            raise ValueError(f"unknown aggregation {spelled!r}; {_hint(name.rpartition('.')[2])}")
        AGGREGATIONS[name]  # loads it, if it is a custom part
        return cls(name, over)

    def __str__(self) -> str:
        return self.name if self.over is Over.STEPS else f"{self.over}.{self.name}"

    @property
    def scale(self) -> Scale:
        """What the scores are."""
        return AGGREGATIONS[self.name].scale

    def score(self, candidate: Candidate, rule: MissingRule) -> Score:
        """The candidate's number, or why it has none.

        `rule` is about steps without a verdict and earlier prefixes without a probability. Where
        the last judgement itself came to nothing there is no score: the parent's would be better
        than that of most children that were judged, and a search would go where it sees nothing.
        """
        if candidate.judgement is None:
            return Missing("never judged")
        prefix, verdicts = candidate.judgement.prefix, candidate.judgement.verdicts
        if isinstance(prefix, Missing) and (self.over is Over.HISTORY or not verdicts):
            return prefix
        values = fill(self._input(candidate), rule)
        return values if isinstance(values, Missing) else AGGREGATIONS[self.name].reduce(values)

    def _input(self, candidate: Candidate) -> list[float | None]:
        if self.over is Over.HISTORY:
            return [None if isinstance(score, Missing) else score for score in candidate.history]
        assert candidate.judgement is not None
        return [verdict.probability for verdict in candidate.judgement.verdicts]


def fill(probabilities: Sequence[float | None], rule: MissingRule) -> list[float] | Missing:
    """Apply the rule for missing steps.

    Nothing read is Missing under every rule, never a number.
    """
    read = [probability for probability in probabilities if probability is not None]
    if not read:
        return Missing("no verdict was read")
    if len(read) == len(probabilities) or rule is MissingRule.SKIP:
        return read
    if rule is MissingRule.FAIL:
        return Missing(
            f"{len(probabilities) - len(read)} of {len(probabilities)} verdicts are missing"
        )
    worst = min(read)
    return [worst if probability is None else probability for probability in probabilities]


def _log_sum(probabilities: Sequence[float]) -> float:
    if min(probabilities) == 0.0:
        return -math.inf
    return math.fsum(math.log(probability) for probability in probabilities)


def _logit(probability: float) -> float:
    clipped = min(max(probability, LOGIT_CLIP), 1.0 - LOGIT_CLIP)
    return math.log(clipped) - math.log1p(-clipped)


def _hint(name: str) -> str:
    close = get_close_matches(name, AGGREGATIONS, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}choose from {', '.join(AGGREGATIONS)}, each also as history.NAME"
