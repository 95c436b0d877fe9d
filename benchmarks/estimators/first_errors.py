"""Was the first wrong step of a solution found? As ProcessBench asks it, and as a class of steps.

A solution has at most one first wrong step, and a verifier calls at most one step the first that is
incorrect. Both are numbers from 0; `NO_ERROR` where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.estimators.chances import Bools, Ints
from benchmarks.estimators.weighing import Statistic, harmonic_of, ratio_of

NO_ERROR = -1
UNREAD = -2
"""A prediction that could not be read: it equals no label, and calls no step incorrect."""


def matched(labels: Ints, predictions: Ints) -> Mapping[str, Statistic]:
    """ProcessBench's figures, as its authors compute them (arXiv 2412.06559, their repository).

    `error_accuracy`: of the solutions with an error, the share in which just its first wrong step
    is named. `correct_accuracy`: of those without, the share in which no step is. `f1`: the
    harmonic mean of both, 0 where both are 0 (theirs is no number then). What could not be read is
    no match.
    """
    wrong = labels != NO_ERROR
    match = labels == predictions
    error, correct = ratio_of(match & wrong, wrong), ratio_of(match & ~wrong, ~wrong)
    return {
        "error_accuracy": error,
        "correct_accuracy": correct,
        "f1": harmonic_of(error, correct),
    }


def called(labels: Ints, predictions: Ints) -> Mapping[str, Statistic]:
    """Precision, recall and F1 of the class `incorrect` over steps, by first error.

    A hit is the same step. A step called incorrect elsewhere is a false alarm, before the first
    wrong step and after it; where the solution has an error it is a miss too.
    """
    hits, predicted, actual = (each.astype(np.float64) for each in marks(labels, predictions))
    return {
        "precision": ratio_of(hits, predicted),
        "recall": ratio_of(hits, actual),
        "f1": ratio_of(2 * hits, predicted + actual),
    }


def counts(wrong: Sequence[int | None], named: Sequence[int | None]) -> tuple[int, int, int]:
    """How many first wrong steps were hit, how many were named, and how many there are."""
    numbers = [
        np.array([NO_ERROR if each is None else each for each in side], int)
        for side in (wrong, named)
    ]
    hits, predicted, actual = (int(each.sum()) for each in marks(*numbers))
    return hits, predicted, actual


def marks(labels: Ints, predictions: Ints) -> tuple[Bools, Bools, Bools]:
    """For each solution whether its first wrong step was hit, was named, and is there."""
    actual = labels != NO_ERROR
    predicted = predictions >= 0
    return (labels == predictions) & actual, predicted, actual
