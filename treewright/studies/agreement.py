"""Whether two judgements of one path say the same, step by step and of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from search.core import Judgement, Missing, VerdictStatus

EVEN = 0.5
"""What is below is called incorrect."""
Calls: TypeAlias = tuple[tuple[float | None, ...], float | None, int]
"""The probabilities of the steps and of the prefix, None where none could be read; and how many
steps there are before it stopped: those after an incorrect one take its probability."""


def calls_of(judgement: Judgement) -> Calls:
    """What a judgement says, in numbers."""
    prefix = None if isinstance(judgement.prefix, Missing) else float(judgement.prefix)
    said = judgement.verdicts
    own = [at for at, each in enumerate(said, 1) if each.status is not VerdictStatus.AFTER_ERROR]
    return tuple(verdict.probability for verdict in said), prefix, max(own, default=0)


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
    """Count. A verdict that one of the two lacks is unread, and neither agrees nor differs.

    Steps that neither reached, for it had stopped at an incorrect one before, are not counted.
    """
    counts = dict.fromkeys(Agreement.__dataclass_fields__, 0)
    for (ours, our_prefix, our_reach), (theirs, their_prefix, their_reach) in pairs:
        counts["pairs"] += 1
        reach = max(our_reach, their_reach)
        known = read(ours[:reach], theirs[:reach])
        counts["unread"] += reach - len(known)
        counts["steps"] += alike(known)
        counts["all_steps"] += len(known)
        end = read(ours[-1:], theirs[-1:]) if len(ours) == len(theirs) == reach else []
        counts["last"] += alike(end)
        counts["all_last"] += len(end)
        if our_prefix is not None and their_prefix is not None:
            counts["prefixes"] += alike([(our_prefix, their_prefix)])
            counts["all_prefixes"] += 1
    return Agreement(**counts)


def alike(pairs: Sequence[tuple[float, float]]) -> int:
    """How many are called the same."""
    return sum((one < EVEN) == (other < EVEN) for one, other in pairs)


def read(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[tuple[float, float]]:
    """What both have."""
    both = zip(ours, theirs, strict=False)
    return [(one, other) for one, other in both if one is not None and other is not None]
