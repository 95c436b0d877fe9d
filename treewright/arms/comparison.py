"""Two arms over the same problems, and a verdict that holds for the whole family compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from statistics import fmean

from benchmarks.estimators.holm import holm
from benchmarks.estimators.paired import Difference, paired_difference
from benchmarks.estimators.sample_size import needed_problems
from benchmarks.estimators.significance import sign_flip
from search.wording import DASH, UNKNOWN, times
from treewright.arms.columns import Place
from treewright.arms.marks import Marks
from treewright.arms.measured import Measured

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
    """One arm of a comparison, of the run with this letter.

    `figures`: its accuracy, in [0, 1], is over the problems that both arms decided, None without
    one; its tokens are means over the problems that have a result in both runs. `billed`: its run
    has tokens with a price.
    """

    run: str
    figures: Measured
    billed: bool = False

    @property
    def arm(self) -> str:
        """Its name."""
        return str(self.figures.arm)

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        told = {"run": self.run, "arm": self.arm, **Place.SIDE.to_json(self.figures)}
        return told | (Place.PRICED.to_json(self.figures) if self.billed else {})


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

    def to_json(self) -> dict[str, object]:
        """A plain object."""
        sides = {"ours": self.ours.to_json(), "theirs": self.theirs.to_json()}
        return {**asdict(self), **sides}

    @property
    def cost(self) -> str:
        """`× 1.90`; a dash where the reference cost nothing."""
        if self.cost_ratio is not None:
            return times(self.cost_ratio)
        free = self.ours.figures.tokens is not None and self.theirs.figures.tokens == 0
        return DASH if free else UNKNOWN


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
        ids = sorted(ours.prices.keys() & theirs.prices.keys())
        mine, their = ours.right, theirs.right
        both = [id for id in ids if id in mine and id in their]
        return cls(ours, theirs, ids, [mine[id] for id in both], [their[id] for id in both])

    @property
    def gaps(self) -> list[float]:
        """Ours minus theirs."""
        return [our - their for our, their in zip(self.right, self.other, strict=True)]

    def difference(self, resamples: int = 10_000) -> Difference | None:
        """By paired bootstrap over the decided problems; None without one."""
        return (
            paired_difference(self.right, self.other, resamples=resamples) if self.right else None
        )

    def interval(self, found: Difference | None) -> tuple[float, float] | None:
        """Of a difference; None where all problems differ by the same."""
        varied = found is not None and len(set(self.gaps)) > 1
        return (found.low, found.high) if found is not None and varied else None

    @property
    def sides(self) -> tuple[Side, Side]:
        """Ours and theirs."""
        return _side(self.ours, self.right, self.ids), _side(self.theirs, self.other, self.ids)


def compare(pairs: Sequence[tuple[Marks, Marks]]) -> list[Comparison]:
    """A family of comparisons, (ours, theirs) each, aligned with `pairs`.

    The interval is the paired bootstrap's, p McNemar's exact test over right and wrong answers and
    the paired randomisation test over chances; p is then adjusted after Holm.
    """
    made = [Pair.of(ours, theirs) for ours, theirs in pairs]
    alone = [sign_flip(pair.right, pair.other) for pair in made if pair.right]
    adjusted = zip(alone, holm(alone), strict=True)
    return [
        _compared(pair, next(adjusted) if pair.right else (None, None), len(alone)) for pair in made
    ]


def _compared(pair: Pair, tested: tuple[float | None, float | None], family: int) -> Comparison:
    (ours, theirs), (p, p_holm) = pair.sides, tested
    gaps, found = pair.gaps, pair.difference()
    verdict = Verdict.NOTHING if p_holm is None else Verdict.NOT_SHOWN
    if found is not None and p_holm is not None and p_holm < ALPHA:
        verdict = Verdict.BETTER if found.mean > 0 else Verdict.WORSE
    spent, reference = ours.figures.tokens, theirs.figures.tokens
    return Comparison(
        ours=ours,
        theirs=theirs,
        problems=len(gaps),
        undecided=len(pair.ids) - len(gaps),
        difference=None if found is None else found.mean,
        ci95=pair.interval(found),
        won=sum(gap > 0 for gap in gaps),
        lost=sum(gap < 0 for gap in gaps),
        p=p,
        p_holm=p_holm,
        verdict=verdict,
        problems_needed=_needed(pair, family) if verdict is Verdict.NOT_SHOWN else None,
        cost_ratio=spent / reference if spent is not None and reference else None,
    )


def _needed(pair: Pair, family: int) -> int | None:
    """More than there are: where few problems differ, the approximation asks for too few."""
    needed = needed_problems(pair.right, pair.other, alpha=ALPHA / family)
    return None if needed is None else max(needed, len(pair.right) + 1)


def _side(marks: Marks, right: Sequence[float], ids: Sequence[str]) -> Side:
    found = marks.over(ids).figures
    known = replace(found, accuracy=fmean(right) if right else None)
    return Side(marks.run, known, bool(marks.bills))
