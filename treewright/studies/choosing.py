"""Every way to choose from one set of candidates: measured, priced and compared as one family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from benchmarks.estimators.calibration import calibration
from scorers.log_odds import probability
from search.aggregation import AGGREGATIONS, Scale
from search.selection import SELECTIONS
from treewright.arms.arm import Arm, arms_of
from treewright.arms.comparison import Comparison, compare
from treewright.arms.graded_run import Curve, GradedRun
from treewright.arms.marks import Marks
from treewright.comparing.finished_run import FinishedRun
from treewright.report.differences import is_reference
from treewright.report.verifier import graded, separation

AGGREGATES = (*AGGREGATIONS, "history.last")
"""All that ship, over steps and over the history. Whole solutions are judged once, so a history has
one entry, and every other aggregation over it orders candidates as `history.last` does."""

SMALLER = (8, 16)
"""Numbers of candidates at which arms are compared, beside all there are."""


class Against(StrEnum):
    """What an arm is compared with."""

    LAST = "last"
    """The same selection by `last`, over as many candidates."""
    MAJORITY = "majority"
    """The vote without a verifier, over as many candidates."""
    FEWER = "fewer"
    """Itself over the fewest candidates compared: do more of them harm?"""
    ONE_CHAIN = "one chain"
    """Itself by a verifier that writes one chain for each candidate."""


@dataclass(frozen=True, slots=True)
class HeldArm:
    """A comparison within the family: an arm over `n` candidates held against its reference."""

    against: Against
    arm: Arm
    n: int
    found: Comparison


@dataclass(frozen=True, slots=True)
class ScoreQuality:
    """A score against the grades: AUROC within a problem and over all, and ECE; each in [0, 1]."""

    within: float | None
    pooled: float | None
    ece: float | None


@dataclass(frozen=True)
class Choosing:
    """Every arm over a finished run of independent draws.

    `run`: its problems; `curves`: its arms at n = 1, 2, 4, … N; `failures`: problems without a
    result.
    """

    run: GradedRun
    curves: tuple[Curve, ...]
    failures: int

    @classmethod
    def of(cls, found: FinishedRun) -> Choosing:
        """Measure all that ships, whatever the run's own config reports."""
        free = [name for name in SELECTIONS if not SELECTIONS[name].needs_score]
        scored = [name for name in SELECTIONS if SELECTIONS[name].needs_score]
        arms = [arm for name in (*free, *scored) for arm in arms_of(AGGREGATES, [name])]
        run = found.graded(arms, found.source.config.missing)
        return cls(run, tuple(run.curves(arms)), found.failures)

    @property
    def compared(self) -> list[int]:
        """The sizes at which arms are compared; N is the last."""
        return [n for n in self.run.sizes if n in SMALLER or n == self.run.largest]

    def marks(self, curve: Curve, n: int) -> Marks:
        """An arm over n candidates, as `treewright compare` has it.

        What looks at one candidate only is taken at n = 1: over every one of them.
        """
        return curve.points[self.run.sizes.index(curve.arm.paid(n))]

    @cached_property
    def judged(self) -> dict[str, ScoreQuality]:
        """By aggregation how well its scores tell right from wrong."""
        cases = self.run.problems
        made = {}
        for name in AGGREGATES:
            apart = separation([case.scores[name] for case in cases], cases)
            pairs = [pair for case in cases for pair in graded(case.scores[name], case)]
            chances = [chance(score, Arm("best", name).scale) for score, _ in pairs]
            ece = calibration(chances, [right for _, right in pairs]).ece
            made[name] = ScoreQuality(apart.within, apart.pooled, ece)
        return made

    def family(self, chains: Sequence[tuple[Marks, Marks]] = ()) -> list[HeldArm]:
        """The whole family: one set of p values, adjusted together.

        `chains`: arms by several verification chains and by one, which belong to it.
        """
        asked = list(self._asked())
        pairs = [(self.marks(ours, n), self.marks(theirs, m)) for _, ours, n, theirs, m in asked]
        named = [
            *((against, ours.arm, n) for against, ours, n, _, _ in asked),
            *((Against.ONE_CHAIN, ours.arm, ours.n) for ours, _ in chains),
        ]
        found = compare([*pairs, *chains])
        return [HeldArm(*name, each) for name, each in zip(named, found, strict=True)]

    def _asked(self) -> Iterator[tuple[Against, Curve, int, Curve, int]]:
        """What is compared: an arm at n with a reference at m."""
        last = {curve.arm.selection: curve for curve in self.curves if is_reference(curve)}
        (majority,) = (curve for curve in self.curves if curve.arm.selection == "majority")
        fewest, most = self.compared[0], self.compared[-1]
        for curve in self.curves:
            if curve is majority:
                continue
            selection = curve.arm.selection
            for n in self.compared:
                yield Against.MAJORITY, curve, n, majority, n
                if curve.arm.aggregation and not is_reference(curve):
                    yield Against.LAST, curve, n, last[selection], n
            if selection == "best" and fewest < most:
                yield Against.FEWER, curve, most, curve, fewest


def chance(score: float, scale: Scale) -> float:
    """The score itself, or the probability that log-odds stand for."""
    return score if scale is Scale.PROBABILITY else probability(score)
