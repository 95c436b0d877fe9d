"""What the candidates and the steps of a search hold, beside an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.grading import Outcome
from treewright.studies.seen import Seen


@dataclass(frozen=True, slots=True)
class Variety:
    """Means over problems.

    `pass_at_n`: share of problems with a right candidate. `candidates`: how many there are.
    `answers`: how many different answers they give, equal by grading. `steps`: how many different
    steps were drawn, pruned ones too; steps at the same depth with the same text, white space
    aside, are one.
    """

    pass_at_n: float
    candidates: float
    answers: float
    steps: float


def variety(seen: Sequence[Seen], draws: int | None = None) -> Variety:
    """Over one problem or more, each as if only its first `draws` candidates had been drawn."""
    return Variety(
        pass_at_n=fmean(Outcome.CORRECT in each.graded.outcomes[:draws] for each in seen),
        candidates=fmean(len(each.graded.outcomes[:draws]) for each in seen),
        answers=fmean(len({*each.graded.groups[:draws]} - {None}) for each in seen),
        steps=fmean(each.drawn if draws is None else each.steps[: draws + 1][-1] for each in seen),
    )
