"""What the candidates and the steps of a search hold, beside an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.grading import Outcome
from search.core import Prefix
from treewright.arms.solved import Solved


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


def variety(solved: Sequence[Solved], draws: int | None = None) -> Variety:
    """Over one problem or more, each as if only its first `draws` candidates had been drawn."""
    return Variety(
        pass_at_n=fmean(Outcome.CORRECT in item.grades.outcomes[:draws] for item in solved),
        candidates=fmean(len(item.search.result.candidates[:draws]) for item in solved),
        answers=fmean(len({*item.grades.groups[:draws]} - {None}) for item in solved),
        steps=fmean(len(different_steps(paths_of(item, draws))) for item in solved),
    )


def paths_of(item: Solved, draws: int | None) -> list[Prefix]:
    """All that were drawn, or those of the first candidates alone."""
    if draws is None:
        return list(item.search.paths.values())
    return [candidate.path for candidate in item.search.result.candidates[:draws]]


def different_steps(paths: Sequence[Prefix]) -> set[tuple[int, str]]:
    """Depth and text of their steps."""
    return {
        (depth, " ".join(step.text.split()))
        for path in paths
        for depth, step in enumerate(path.steps)
    }
