"""Selection: scored candidates become one answer.

Adding one is one function and one line in `SELECTIONS`; one's own is named by import path,
`my_module:my_function`.

Candidates that gave no answer abstain: they are dropped and counted. A Missing score never wins
over a number and never counts as one. The earliest candidate, or the group whose first member is
earliest, wins a tie.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.aggregation import Scale
from search.core import Missing, Score
from search.custom import PartError, Parts, raised


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate as selection sees it.

    The group of equal answers it belongs to (None: abstained), and its score.
    """

    group: int | None
    score: Score


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen candidate's index, or None with the reason.

    `tied` says that another answer was just as good. `unscored` says that answers were there but no
    score to choose by: such a choice is no answer and no wrong answer either.
    """

    index: int | None
    tied: bool = False
    unscored: bool = False


ABSTAINED = Choice(None)
UNSCORED = Choice(None, unscored=True)


def first(options: Sequence[Option], scale: Scale) -> Choice:
    """The first candidate, whatever the others say: over problems its accuracy is pass@1."""
    del scale
    return Choice(0) if options and options[0].group is not None else ABSTAINED


def majority(options: Sequence[Option], scale: Scale) -> Choice:
    """The answer given most often (self-consistency, Wang et al. 2023)."""
    del scale
    return _heaviest(
        [
            (index, option.group, 1.0)
            for index, option in enumerate(options)
            if option.group is not None
        ]
    )


def best(options: Sequence[Option], scale: Scale) -> Choice:
    """The answer of the candidate with the highest score."""
    del scale
    scored = _scored(options)
    if not scored:
        return _nothing(options)
    top = max(score for _, _, score in scored)
    winners = [(index, group) for index, group, score in scored if score == top]
    return Choice(winners[0][0], tied=len({group for _, group in winners}) > 1)


def weighted(options: Sequence[Option], scale: Scale) -> Choice:
    """The answer with the largest sum of scores (best-of-N weighted, Snell et al. 2024).

    Log-odds are turned into probabilities before they are summed.
    """
    scored = _scored(options)
    if not scored:
        return _nothing(options)
    weigh = _sigmoid if scale is Scale.LOGIT else float
    return _heaviest([(index, group, weigh(score)) for index, group, score in scored])


@dataclass(frozen=True, slots=True)
class Selection:
    """A named way from options to a choice.

    Without `needs_score` it is the same for every aggregation. `reads`: how many candidates it
    looks at, None for all; the others need not be paid for.
    """

    choose: Callable[[Sequence[Option], Scale], Choice]
    needs_score: bool
    reads: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedSelection:
    """A custom selection's function. Raises `PartError` where it fails or chooses nothing there."""

    name: str
    choose: Callable[[Sequence[Option], Scale], Choice]

    def __call__(self, options: Sequence[Option], scale: Scale) -> Choice:
        """The choice, which is one of the options or none."""
        try:
            choice = self.choose(tuple(options), scale)
        except Exception as error:
            raise PartError(f"{self.name} raised {raised(error)} for {len(options)} options") from (
                error
            )
        if not isinstance(choice, Choice):
            raise PartError(f"{self.name} gave {choice!r}", "it must give a Choice")
        if choice.index is not None and choice.index not in range(len(options)):
            problem = f"{self.name} chose {choice.index!r} of {len(options)} options"
            raise PartError(problem, "the index is None or counts from 0")
        return choice


PROBES = (
    (),
    (Option(None, 0.5),),
    (Option(0, Missing("not judged")),),
    (Option(0, 0.4), Option(1, 0.9), Option(None, 0.7), Option(0, Missing("not judged"))),
)
"""What a custom selection is tried on when it is loaded: all of it happens in a run."""


def custom_selection(name: str, part: Any) -> Selection:
    """A selection of one's own: a function, which is taken to need scores, or a `Selection`."""
    known = part if isinstance(part, Selection) else Selection(part, needs_score=True)
    if not callable(known.choose) or isinstance(known.choose, type):
        problem = f"{name} is a {type(part).__name__}, not a selection"
        raise PartError(problem, "give a function from options and their scale to a Choice")
    checked = CheckedSelection(name, known.choose)
    for probe in PROBES:
        checked(probe, Scale.PROBABILITY)
    return replace(known, choose=checked)


SELECTIONS: Parts[Selection] = Parts(
    {
        "first": Selection(first, needs_score=False, reads=1),
        "best": Selection(best, needs_score=True),
        "weighted": Selection(weighted, needs_score=True),
        "majority": Selection(majority, needs_score=False),
    },
    custom_selection,
)


def _scored(options: Sequence[Option]) -> list[tuple[int, int, float]]:
    return [
        (index, option.group, option.score)
        for index, option in enumerate(options)
        if option.group is not None and not isinstance(option.score, Missing)
    ]


def _nothing(options: Sequence[Option]) -> Choice:
    return UNSCORED if any(option.group is not None for option in options) else ABSTAINED


def _heaviest(votes: Sequence[tuple[int, int, float]]) -> Choice:
    """Sum the weights per group. Each vote is (candidate, group, weight), in candidate order."""
    if not votes:
        return ABSTAINED
    ballots: dict[int, list[float]] = {}
    earliest: dict[int, int] = {}
    for index, group, weight in votes:
        ballots.setdefault(group, []).append(weight)
        earliest.setdefault(group, index)
    sums = {group: math.fsum(weights) for group, weights in ballots.items()}
    top = max(sums.values())
    winners = [group for group in sums if sums[group] == top]
    return Choice(earliest[winners[0]], tied=len(winners) > 1)


def _sigmoid(logit: float) -> float:
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)
