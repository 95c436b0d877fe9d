"""The figures of one scorer over labelled solutions, each with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.estimators.calibration import Calibration, calibration
from benchmarks.estimators.chances import Bools, Floats, Ints
from benchmarks.estimators.clusters import Estimate, estimates
from benchmarks.estimators.first_errors import NO_ERROR, UNREAD, called
from benchmarks.estimators.temperature import losses, odds
from benchmarks.estimators.weighing import Statistic, auroc_of, ece_of, mean_of, over
from scorers.log_odds import probability
from search.core import Missing, Spent, total
from treewright.ledger import known
from treewright.verifying.fitting import Fitted, average_f1, by_subset, fitted, temperature
from treewright.verifying.fitting import threshold as best_threshold
from treewright.verifying.judged import JudgedSolution, JudgedTable, clusters_of

BY_SUBSET = "subset "
"""Begins the names of the figures of a subset, which end in ` error_accuracy` and the like."""


@dataclass(frozen=True)
class Counts:
    """What there was to measure, and what of it could be.

    `unread`: solutions whose first incorrect step cannot be told. `reasons`: why nothing at all was
    read, with how often. `labelled_steps`: steps that have a label; `judged_steps`: those that have
    a verdict of their own too.
    """

    solutions: int
    problems: int
    wrong: int
    unread: int
    reasons: Mapping[str, int]
    labelled_steps: int
    judged_steps: int


@dataclass(frozen=True)
class Tokens:
    """Tokens of a judgement in the mean, None where nobody counted, or a cache had one.

    `failed` is part of `generated`.
    """

    prompt: float | None
    cached: float | None
    generated: float | None
    failed: float | None


@dataclass(frozen=True)
class Figures:
    """All of one scorer.

    `estimates`: by name, `f1` being ProcessBench's average and `incorrect_f1` that of steps.
    `temperature` and `threshold` were fitted on other solutions than each is tried on; what is
    called `tempered_…` and `fitted_f1` is with them. `curve`, `tempered`: of the steps'
    probabilities, before and after; None where no temperature fits. `whole`: of those of whole
    solutions.
    """

    counts: Counts
    tokens: Tokens
    estimates: Mapping[str, Estimate]
    subsets: tuple[str, ...]
    temperature: Fitted
    threshold: Fitted
    curve: Calibration
    tempered: Calibration | None
    whole: Calibration


def measure(
    measured: Sequence[JudgedSolution], fit_on: Sequence[JudgedSolution] | None = None
) -> Figures:
    """The figures over `measured`; what is fitted is fitted on `fit_on`, None: crosswise."""
    table = JudgedTable.of(measured)
    cooled = fitted(temperature, measured, fit_on)
    line = fitted(best_threshold, measured, fit_on)
    named = statistics(table)
    for subset, figures in by_subset(table).items():
        named |= {f"{BY_SUBSET}{subset} {key}": figure for key, figure in figures.items()}
    after = None
    if cooled.values and len(table.row):
        after = tempered(table.probabilities, np.array(cooled.values)[table.row])
        named |= {
            f"tempered_{name}": each
            for name, each in sureness(after, table.correct, table.row).items()
        }
    if line.values:
        named["fitted_f1"] = average_f1(JudgedTable.of(measured, line.values))
    return Figures(
        counts(measured, table),
        tokens(measured),
        estimates(named, clusters_of(measured)),
        table.names,
        cooled,
        line,
        curve(table.probabilities, table.correct),
        None if after is None else curve(after, table.correct),
        curve(table.prefixes, table.labels[table.judged_whole] == NO_ERROR),
    )


def statistics(table: JudgedTable) -> dict[str, Statistic]:
    """The figures in which scorers are compared."""
    whole = table.labels[table.judged_whole] == NO_ERROR
    steps = called(table.labels, table.predictions)
    return {
        "f1": average_f1(table),
        **{f"incorrect_{name}": each for name, each in steps.items()},
        "auroc": over(auroc_of(table.probabilities, table.correct), table.row),
        **sureness(table.probabilities, table.correct, table.row),
        "solution_auroc": over(auroc_of(table.prefixes, whole), table.judged_whole),
        "tokens": mean_of(table.tokens),
    }


def sureness(probabilities: Floats, correct: Bools, row: Ints) -> dict[str, Statistic]:
    """How well the probabilities of steps fit: in nats, the square, and by bins."""
    log_odds = [odds(value) for value in probabilities]
    nll = np.array(losses(log_odds, list(correct)) if log_odds else [])
    return {
        "nll": over(mean_of(nll), row),
        "brier": over(mean_of((probabilities - correct) ** 2), row),
        "ece": over(ece_of(probabilities, correct), row),
    }


def tempered(probabilities: Floats, temperatures: Floats) -> Floats:
    """The probabilities with their log-odds divided."""
    pairs = zip(probabilities, temperatures, strict=True)
    return np.array([probability(odds(value) / divisor) for value, divisor in pairs])


def curve(probabilities: Floats, correct: Bools) -> Calibration:
    """Over ten bins."""
    return calibration(list(map(float, probabilities)), list(map(bool, correct)))


def counts(solutions: Sequence[JudgedSolution], table: JudgedTable) -> Counts:
    """See `Counts`."""
    reasons = Counter(
        each.judgement.prefix.reason
        for each in solutions
        if isinstance(each.judgement.prefix, Missing)
    )
    return Counts(
        len(solutions),
        len({each.problem for each in solutions}),
        int((table.labels != NO_ERROR).sum()),
        int((table.predictions == UNREAD).sum()),
        dict(reasons.most_common()),
        sum(each.labels for each in solutions),
        len(table.row),
    )


def tokens(solutions: Sequence[JudgedSolution]) -> Tokens:
    """The means over all judgements."""
    spent = [each.spent for each in solutions]
    if not spent or not all(known(each) and not each.recalled for each in spent):
        return Tokens(None, None, None, None)
    every: Spent = total(spent)
    each = (every.prompt, every.cached, every.generated, every.failed)
    means = Tokens(*(amount / len(spent) for amount in each))
    return replace(means, cached=None) if every.untold else means
