"""Two arms over the same problems, and a verdict that holds for the whole family compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from benchmarks.estimators.holm import holm
from benchmarks.estimators.paired import paired_difference
from benchmarks.estimators.sample_size import needed_problems
from benchmarks.estimators.significance import sign_flip
from treewright.comparing.marks import Marks
from treewright.metrics import mean

ALPHA = 0.05
"""The chance that a family without any difference has one verdict or more."""


class Verdict(StrEnum):
    """What may be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "no difference shown"
    NOTHING = "nothing to compare"
    """No problem was decided by both arms."""


@dataclass(frozen=True, slots=True)
class Side:
    """One arm of a comparison.

    `accuracy` in [0, 1] over the problems that both arms decided, None without one. `n`: candidates
    looked at. `policy_tokens`, `verifier_tokens`: means over the problems that have a result in
    both runs, None where nobody counted them.
    """

    run: str
    arm: str
    n: int
    accuracy: float | None
    policy_tokens: float | None
    verifier_tokens: float | None

    @property
    def tokens(self) -> float | None:
        """Mean tokens per problem of both models, None where unknown."""
        if self.policy_tokens is None or self.verifier_tokens is None:
            return None
        return self.policy_tokens + self.verifier_tokens


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ours` minus `theirs`, over the `problems` that both decided.

    `undecided` have a result in both runs, but for one of the arms no score to choose by or no
    grade.
    `difference` and `ci95` are in [-1, 1]; the interval is of this difference alone, and None where
    all problems differ by the same: there is nothing to resample. `won` and `lost` count problems
    where ours or theirs is more often right. `p` is this comparison's own, `p_holm` within the
    family; the verdict goes by it. `problems_needed` would show this difference with a chance of
    80 % within the family; None where it is shown, or none is seen. `cost_ratio` is ours over
    theirs, None where either is unknown, or theirs cost nothing.
    """

    ours: Side
    theirs: Side
    problems: int
    undecided: int
    difference: float | None
    ci95: tuple[float, float] | None
    won: int
    lost: int
    p: float | None
    p_holm: float | None
    verdict: Verdict
    problems_needed: int | None
    cost_ratio: float | None

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE)

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return asdict(self)


@dataclass(frozen=True)
class Pair:
    """Two arms: the problems with a result in both runs, and how both fare on the decided ones."""

    ours: Marks
    theirs: Marks
    ids: list[str]
    right: list[float]
    other: list[float]

    @classmethod
    def of(cls, ours: Marks, theirs: Marks) -> Pair:
        """By problem id."""
        ids = sorted(ours.policy.keys() & theirs.policy.keys())
        both = [id for id in ids if id in ours.right and id in theirs.right]
        right, other = ([each.right[id] for id in both] for each in (ours, theirs))
        return cls(ours, theirs, ids, right, other)

    @property
    def gaps(self) -> list[float]:
        """Ours minus theirs."""
        return [our - their for our, their in zip(self.right, self.other, strict=True)]


def compare(pairs: Sequence[tuple[Marks, Marks]]) -> list[Comparison]:
    """A family of comparisons, (ours, theirs) each, aligned with `pairs`.

    The interval is the paired bootstrap's, p McNemar's exact test over right and wrong answers and
    the paired randomisation test over chances; p is then adjusted after Holm.
    """
    made = [Pair.of(ours, theirs) for ours, theirs in pairs]
    some = [pair for pair in made if pair.right]
    alone = [sign_flip(pair.right, pair.other) for pair in some]
    adjusted = zip(alone, holm(alone), strict=True)
    return [
        _compared(pair, *next(adjusted), len(some)) if pair.right else _nothing(pair)
        for pair in made
    ]


def _compared(pair: Pair, p: float, p_holm: float, family: int) -> Comparison:
    ours, theirs = _sides(pair)
    gaps = pair.gaps
    found = paired_difference(pair.right, pair.other)
    verdict = Verdict.NOT_SHOWN
    if p_holm < ALPHA:
        verdict = Verdict.BETTER if found.mean > 0 else Verdict.WORSE
    return Comparison(
        ours=ours,
        theirs=theirs,
        problems=found.problems,
        undecided=len(pair.ids) - found.problems,
        difference=found.mean,
        ci95=(found.low, found.high) if min(gaps) < max(gaps) else None,
        won=sum(gap > 0 for gap in gaps),
        lost=sum(gap < 0 for gap in gaps),
        p=p,
        p_holm=p_holm,
        verdict=verdict,
        problems_needed=_needed(pair, family) if verdict is Verdict.NOT_SHOWN else None,
        cost_ratio=_ratio(ours, theirs),
    )


def _nothing(pair: Pair) -> Comparison:
    ours, theirs = _sides(pair)
    return Comparison(
        ours=ours,
        theirs=theirs,
        problems=0,
        undecided=len(pair.ids),
        difference=None,
        ci95=None,
        won=0,
        lost=0,
        p=None,
        p_holm=None,
        verdict=Verdict.NOTHING,
        problems_needed=None,
        cost_ratio=_ratio(ours, theirs),
    )


def _needed(pair: Pair, family: int) -> int | None:
    """More than there are: where few problems differ, the approximation asks for too few."""
    needed = needed_problems(pair.right, pair.other, alpha=ALPHA / family)
    return None if needed is None else max(needed, len(pair.right) + 1)


def _sides(pair: Pair) -> tuple[Side, Side]:
    return _side(pair.ours, pair.right, pair.ids), _side(pair.theirs, pair.other, pair.ids)


def _side(marks: Marks, right: Sequence[float], ids: Sequence[str]) -> Side:
    return Side(
        run=marks.run,
        arm=str(marks.name),
        n=marks.n,
        accuracy=fmean(right) if right else None,
        policy_tokens=mean(marks.policy[id] for id in ids),
        verifier_tokens=mean(marks.verifier[id] for id in ids),
    )


def _ratio(ours: Side, theirs: Side) -> float | None:
    return ours.tokens / theirs.tokens if ours.tokens is not None and theirs.tokens else None
