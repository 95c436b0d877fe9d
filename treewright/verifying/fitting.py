"""What is fitted to labels, temperature and threshold, and never on the solutions it is tried on.

Where a subset is named for it, both are fitted on that. Else problems are cut into two halves, and
each half is tried with what was fitted on the other (cross-fitting), so all of them count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

import numpy as np

from benchmarks.estimators.chances import Floats, Ints
from benchmarks.estimators.first_errors import NO_ERROR, UNREAD, matched
from benchmarks.estimators.temperature import fit_temperature, odds
from benchmarks.estimators.weighing import Statistic, average_of, over
from treewright.verifying.judged import JudgedSolution, JudgedTable

Fit: TypeAlias = Callable[[Sequence[JudgedSolution]], float | None]
MOST_TRIED = 200
"""Thresholds that are tried at most."""
HALVES = 2
SEED = 0


@dataclass(frozen=True)
class Fitted:
    """A number for each solution that is measured, fitted on others.

    `found`: the numbers that were fitted, one, or one for each half; empty where there is none:
    then `values` is empty too.
    """

    found: tuple[float, ...] = ()
    values: tuple[float, ...] = ()


def fitted(
    fit: Fit, measured: Sequence[JudgedSolution], fit_on: Sequence[JudgedSolution] | None = None
) -> Fitted:
    """Fit on `fit_on`, None: on the two halves of `measured` in turn; nothing where no fit is had.

    Of what is fitted on all judgements may have failed: then none is had.
    """
    if fit_on is not None:
        value = fit(fit_on)
        return Fitted() if value is None else Fitted((value,), (value,) * len(measured))
    halves = halves_of(measured)
    found = [fit([measured[i] for i in np.flatnonzero(halves != half)]) for half in range(HALVES)]
    values = [value for value in found if value is not None]
    if len(values) < HALVES:
        return Fitted()
    return Fitted(tuple(values), tuple(values[half] for half in halves))


def halves_of(solutions: Sequence[JudgedSolution]) -> np.typing.NDArray[np.int_]:
    """The half, 0 or 1, that each solution is in: by problem, half of each subset's.

    It depends on nothing but the problems. One that is in several subsets is in one half.
    """
    half: dict[str, int] = {}
    for subset in sorted({each.solution.subset for each in solutions}):
        own = {each.problem for each in solutions if each.solution.subset == subset}
        problems = sorted(own - half.keys())
        Random(SEED).shuffle(problems)
        half |= {problem: place % HALVES for place, problem in enumerate(problems)}
    return np.array([half[each.problem] for each in solutions], int)


def temperature(solutions: Sequence[JudgedSolution]) -> float | None:
    """What the log-odds of steps should be divided by: at which their likelihood is the highest."""
    steps = [step for each in solutions for step in each.labelled_steps]
    if not steps:
        return None
    return fit_temperature([odds(value) for value, _ in steps], [right for _, right in steps])


def threshold(solutions: Sequence[JudgedSolution]) -> float | None:
    """The P(correct) below which a step should be called incorrect: the best by ProcessBench's F1.

    So its authors fit one for a model that gives scores. Of equally good ones that nearest to one
    half. None where no solution has both kinds of labels beside it.
    """
    table = JudgedTable.of(solutions)
    values = np.unique(table.probabilities)
    if len(values) < 2:
        return None
    middles = (values[1:] + values[:-1]) / 2
    if len(middles) > MOST_TRIED:
        middles = np.unique(np.quantile(middles, np.linspace(0, 1, MOST_TRIED)))
    ones = np.ones(len(solutions))
    tried = [0.5, *map(float, middles)]
    scores = []
    said = said_of_steps(solutions)
    for line in tried:
        moved = replace(table, predictions=first_below(said, line))
        scores.append(average_f1(moved)(ones))
    best = max(scores)
    if np.isnan(best):
        return None
    good = [line for line, score in zip(tried, scores, strict=True) if score == best]
    return min(good, key=lambda line: abs(line - 0.5))


def said_of_steps(solutions: Sequence[JudgedSolution]) -> Floats:
    """P(correct) by solution and step: NaN where it could not be read, infinite behind the last."""
    longest = max(len(each.judgement.verdicts) for each in solutions)
    said = np.full((len(solutions), max(1, longest)), np.inf)
    for row, each in zip(said, solutions, strict=True):
        values = [verdict.probability for verdict in each.judgement.verdicts]
        known = [np.nan if value is None else value for value in values] or [np.nan]
        row[: len(known)] = known
    return said


def first_below(said: Floats, threshold: float) -> Ints:
    """`JudgedSolution.first_below` of all at once."""
    stops = (said < threshold) | np.isnan(said)
    first = stops.argmax(axis=1)
    unread = np.isnan(said[np.arange(len(said)), first])
    return np.where(stops.any(axis=1), np.where(unread, UNREAD, first), NO_ERROR)


def average_f1(table: JudgedTable) -> Statistic:
    """ProcessBench's F1 of each subset that has one, averaged over them.

    A resample in which one of these has none has no average: that of the others is another figure.
    """
    ones = np.ones(len(table.labels))
    found = [subset["f1"] for subset in by_subset(table).values()]
    return average_of([f1 for f1 in found if not np.isnan(f1(ones))])


def by_subset(table: JudgedTable) -> dict[str, dict[str, Statistic]]:
    """ProcessBench's figures of each subset."""
    found = {}
    for number, name in enumerate(table.names):
        rows = np.flatnonzero(table.subsets == number)
        part = matched(table.labels[rows], table.predictions[rows])
        found[name] = {key: over(statistic, rows) for key, statistic in part.items()}
    return found
