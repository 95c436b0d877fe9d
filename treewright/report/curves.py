"""Accuracy over the number of candidates: an estimate, its interval and its cost at every n."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.estimators.bank import DRAWS
from benchmarks.estimators.chances import Chances
from benchmarks.estimators.expected import Expected, Share, expected
from benchmarks.estimators.pass_at_k import pass_at_k
from benchmarks.estimators.subsets import subset_chances
from benchmarks.grading import Outcome
from search.aggregation import Scale
from search.core import Missing
from search.seeds import call_seed
from search.selection import SELECTIONS, Option
from treewright.comparing.arm_name import ArmName
from treewright.comparing.marks import Marks, decided
from treewright.ledger import sum_known
from treewright.metrics import powers_of_two
from treewright.report.problem_summary import ProblemSummary
from treewright.report.reported_run import ReportedRun

ORACLE = "oracle"
"""A verifier without error: right where any candidate is."""
MANY = 200
"""Problems beyond which half the subsets do: over so many their error is below 0.3 points."""


@dataclass(frozen=True)
class Point:
    """An arm at n.

    `shares`: aligned with the cases. `policy`, `verifier`: mean tokens per problem, None where
    nobody counted them. `confidence`: the mean score of what `best` chooses, None where scores are
    no probabilities, and for others.
    """

    n: int
    found: Expected
    shares: tuple[Share, ...]
    policy: float | None
    verifier: float | None
    confidence: float | None

    @property
    def tokens(self) -> float | None:
        """Of both models."""
        if self.policy is None or self.verifier is None:
            return None
        return self.policy + self.verifier


@dataclass(frozen=True)
class Curve:
    """An arm over n; one point only where candidates are no independent draws."""

    arm: ArmName
    points: tuple[Point, ...]

    @property
    def top(self) -> Point:
        """Over all candidates."""
        return self.points[-1]


def curves(reading: ReportedRun) -> list[Curve]:
    """Every arm of the run's config, and those that others are held against.

    Empty over no problem, or where no search returned a candidate.
    """
    sizes = sizes_of(reading)
    return [curve(reading, arm, sizes) for arm in arms(reading)] if sizes else []


def sizes_of(reading: ReportedRun) -> list[int]:
    """1, 2, 4, … N for independent draws; N alone for a tree search: a part of it is no search."""
    largest = reading.largest
    if reading.source.draws_independently or largest == 0:
        return powers_of_two(largest)
    return [largest]


def arms(reading: ReportedRun) -> list[ArmName]:
    """Those that need no score first; then by selection, one per aggregation."""
    known = dict.fromkeys(("first", "majority", *reading.source.config.select))
    free = [ArmName(name) for name in known if not SELECTIONS[name].needs_score]
    names = [name for name in known if SELECTIONS[name].needs_score]
    return free + [ArmName(name, each) for name in names for each in reading.aggregations]


def curve(reading: ReportedRun, arm: ArmName, sizes: Sequence[int]) -> Curve:
    """One arm at all sizes."""
    flat = reading.source.draws_independently
    draws = DRAWS if len(reading.cases) <= MANY else DRAWS // 2
    by_case = [chances(case, arm, sizes, draws) for case in reading.cases]
    return Curve(arm, tuple(
        point(reading.cases, arm, n, [each[at] for each in by_case], flat=flat)
        for at, n in enumerate(sizes)
    ))  # fmt: skip


def chances(case: ProblemSummary, arm: ArmName, sizes: Sequence[int], draws: int) -> list[Chances]:
    """What the arm chooses from the case's n-subsets; from all where there are fewer than n."""
    total = len(case.outcomes)
    scores = case.scores[arm.aggregation] if arm.aggregation else (Missing("none"),) * total
    options = [Option(group, score) for group, score in zip(case.groups, scores, strict=True)]
    aggregator = arm.aggregator
    return subset_chances(
        arm.selection,
        options,
        aggregator.scale if aggregator else Scale.PROBABILITY,
        [min(n, total) for n in sizes],
        seed=call_seed(0, case.id),
        draws=draws,
    )


def point(
    cases: Sequence[ProblemSummary], arm: ArmName, n: int, found: Sequence[Chances], *, flat: bool
) -> Point:
    """One arm at one size, over all cases.

    It costs what the first n candidates do, as in the run's table. Judging independent draws
    (`flat`) costs nothing if no score is asked for; a tree search costs what it costs.
    """
    shares = tuple(
        Share.of(each, case.right, case.undecided) for case, each in zip(cases, found, strict=True)
    )
    paid = min(n, SELECTIONS[arm.selection].reads or n)
    prices = [case.prices[min(paid, len(case.outcomes))] for case in cases]
    return Point(
        n=n,
        found=expected(shares),
        shares=shares,
        policy=mean_known([policy for policy, _ in prices]),
        verifier=mean_known([verifier for _, verifier in prices])
        if arm.aggregation or not flat
        else 0.0,
        confidence=confidence(cases, arm, found),
    )


def mean_known(tokens: Sequence[int | None]) -> float | None:
    """The mean over the cases; None where one is unknown."""
    found = sum_known(tokens)
    return None if found is None else found / len(tokens)


def confidence(
    cases: Sequence[ProblemSummary], arm: ArmName, found: Sequence[Chances]
) -> float | None:
    """The mean score of what `best` chooses, which always has one; None for other selections."""
    aggregator = arm.aggregator
    if arm.selection != "best" or aggregator is None or aggregator.scale is not Scale.PROBABILITY:
        return None
    total = weight = 0.0
    for case, each in zip(cases, found, strict=True):
        scores = case.scores[str(aggregator)]
        values = [0.0 if isinstance(score, Missing) else float(score) for score in scores]
        total += float(each.chosen @ np.asarray(values))
        weight += float(each.chosen.sum())
    return total / weight if weight else None


def oracle(reading: ReportedRun, sizes: Sequence[int]) -> list[tuple[int, float, float, float]]:
    """(n, pass@n, and its 95 % interval) over the problems with a graded candidate."""
    made = []
    for n in sizes:
        shares = [
            Share(pass_at_k(len(case.outcomes), sum(case.right), min(n, len(case.outcomes))),
                  1.0, 0.0, 0.0, 0.0)
            for case in reading.cases
            if not all(case.undecided)
        ]  # fmt: skip
        found = expected(shares)
        if found.accuracy is not None and found.ci95 is not None:
            made.append((n, found.accuracy, *found.ci95))
    return made


def marks(reading: ReportedRun, curve: Curve, at: int = -1) -> Marks:
    """An arm at one size, as `treewright compare` marks it; at the cost of all candidates."""
    there, cases = curve.points[at], reading.cases
    return Marks(
        run=reading.source.label,
        name=curve.arm,
        n=there.n,
        right=decided({case.id: each for case, each in zip(cases, there.shares, strict=True)}),
        policy={case.id: case.policy for case in cases},
        verifier={case.id: 0 if there.verifier == 0 else case.verifier for case in cases},
    )


def abstained(case: ProblemSummary) -> bool:
    """Whether no candidate of the problem answered."""
    return all(outcome is Outcome.ABSTAINED for outcome in case.outcomes)
