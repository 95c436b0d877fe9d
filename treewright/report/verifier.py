"""Is the verifier to be believed? Its probabilities held against how the solutions were graded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.estimators.calibration import Calibration, auroc, calibration
from benchmarks.grading import Outcome
from search.core import Missing, Score
from search.questions import judges_prefixes
from treewright.arms.graded import Graded
from treewright.report.problem_summary import Chains, ProblemSummary
from treewright.report.reported_run import ReportedRun

GRADED = (Outcome.CORRECT, Outcome.INCORRECT, Outcome.ABSTAINED)
"""What is right or wrong; a solution without an answer is wrong."""

FEWEST = 10
"""Solutions at a depth, of either grade, below which its AUROC would be noise."""


@dataclass(frozen=True)
class Separation:
    """How well numbers tell right solutions from wrong ones; 0.5 is chance, 1 is always.

    `pooled`: over all pairs of solutions. `within`: over pairs of one problem, which is what
    choosing an answer needs; the mean over the `problems` that have such a pair. None without one.
    """

    solutions: int
    pooled: float | None
    within: float | None
    problems: int


@dataclass(frozen=True)
class Depth:
    """The verifier's probability of a solution when `depth` of its steps had been judged."""

    depth: int
    solutions: int
    auroc: float | None
    ece: float | None


@dataclass(frozen=True)
class Verifier:
    """The verifier over one run.

    `calibrated`: the probability of the whole solution, over `solutions`, against its grade.
    `separations`: by aggregation, and `prefix`, that probability. `depths`: `by_history` says that
    each prefix was judged for itself; else a depth's number is the lowest step so far.
    """

    chains: Chains
    solutions: int
    calibrated: Calibration
    separations: dict[str, Separation]
    depths: list[Depth]
    by_history: bool


def verifier(reading: ReportedRun) -> Verifier:
    """Over all candidates that were judged and graded; defined over none."""
    chains = Chains()
    for case in reading.cases:
        chains.add(case.chains)
    pairs = [pair for case in reading.cases for pair in graded(case.prefixes, case)]
    prefixes = [case.prefixes for case in reading.cases]
    separations = {"prefix": separation(prefixes, reading.cases)}
    for name in reading.aggregations:
        separations[name] = separation([case.scores[name] for case in reading.cases], reading.cases)
    return Verifier(
        chains=chains,
        solutions=len(pairs),
        calibrated=calibration([odds for odds, _ in pairs], [right for _, right in pairs]),
        separations=separations,
        depths=depths(reading.cases),
        by_history=judges_prefixes(reading.source.config.strategy),
    )


def graded(scores: Sequence[Score | None], case: Graded) -> list[tuple[float, bool]]:
    """(score, right) of the candidates that have both."""
    return [
        (float(score), outcome is Outcome.CORRECT)
        for score, outcome in zip(scores, case.outcomes, strict=True)
        if score is not None and not isinstance(score, Missing) and outcome in GRADED
    ]


def separation(scores: Iterable[Sequence[Score]], cases: Sequence[Graded]) -> Separation:
    """Of one kind of numbers, a list per case."""
    by_case = [graded(each, case) for each, case in zip(scores, cases, strict=True)]
    pairs = [pair for each in by_case for pair in each]
    own = [value for each in by_case if (value := area(each)) is not None]
    return Separation(len(pairs), area(pairs), fmean(own) if own else None, len(own))


def depths(cases: Sequence[ProblemSummary]) -> list[Depth]:
    """From depth 1 on, as long as there are enough solutions."""
    deepest = max((case.deepening.deepest for case in cases), default=0)
    made = []
    for depth in range(1, deepest + 1):
        pairs = [pair for case in cases for pair in graded(case.deepening.at(depth), case)]
        right = sum(mark for _, mark in pairs)
        if min(right, len(pairs) - right) >= FEWEST:
            curve = calibration([odds for odds, _ in pairs], [mark for _, mark in pairs])
            made.append(Depth(depth, len(pairs), area(pairs), curve.ece))
    return made


def area(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """AUROC, None where all are right or all wrong."""
    return auroc([odds for odds, _ in pairs], [right for _, right in pairs])
