"""Whether two judgements of one path say the same, step by step and of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from search.core import Judgement, Missing

EVEN = 0.5
"""What is below is called incorrect."""
Calls: TypeAlias = tuple[tuple[float | None, ...], float | None]
"""The probabilities of the steps and of the prefix; None where none could be read."""


def calls_of(judgement: Judgement) -> Calls:
    """What a judgement says, in numbers."""
    prefix = None if isinstance(judgement.prefix, Missing) else float(judgement.prefix)
    return tuple(verdict.probability for verdict in judgement.verdicts), prefix


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over pairs of judgements, each pair of one path.

    `steps` of `all_steps` verdicts agree, `last` of `all_last` on the last step of the path,
    `prefixes` of `all_prefixes` on the whole. `unread`: verdicts that one of the two lacks.
    """

    pairs: int = 0
    steps: int = 0
    all_steps: int = 0
    last: int = 0
    all_last: int = 0
    prefixes: int = 0
    all_prefixes: int = 0
    unread: int = 0

    @property
    def rate(self) -> float | None:
        """Of the step verdicts; None over none."""
        return self.steps / self.all_steps if self.all_steps else None

    @property
    def last_rate(self) -> float | None:
        """Of the verdicts on last steps."""
        return self.last / self.all_last if self.all_last else None

    @property
    def prefix_rate(self) -> float | None:
        """Of what is said of the whole."""
        return self.prefixes / self.all_prefixes if self.all_prefixes else None


def agreement(pairs: Iterable[tuple[Calls, Calls]]) -> Agreement:
    """Count. A verdict that one of the two lacks is unread, and neither agrees nor differs."""
    counts = dict.fromkeys(Agreement.__dataclass_fields__, 0)
    for (ours, our_prefix), (theirs, their_prefix) in pairs:
        counts["pairs"] += 1
        both = list(zip(ours, theirs, strict=False))
        known = [(one, other) for one, other in both if one is not None and other is not None]
        counts["unread"] += max(len(ours), len(theirs)) - len(known)
        counts["steps"] += alike(known)
        counts["all_steps"] += len(known)
        end = [] if len(ours) != len(theirs) or not both else both[-1:]
        read = [(one, other) for one, other in end if one is not None and other is not None]
        counts["last"] += alike(read)
        counts["all_last"] += len(read)
        if our_prefix is not None and their_prefix is not None:
            counts["prefixes"] += alike([(our_prefix, their_prefix)])
            counts["all_prefixes"] += 1
    return Agreement(**counts)


def alike(pairs: Sequence[tuple[float, float]]) -> int:
    """How many are called the same."""
    return sum((one < EVEN) == (other < EVEN) for one, other in pairs)
