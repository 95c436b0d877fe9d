"""A solution that was labelled and judged, and what the verifier says is wrong in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmarks.datasets.labelled import LabelledSolution
from benchmarks.datasets.questions import normalised
from benchmarks.estimators.chances import Bools, Floats, Ints
from benchmarks.estimators.clusters import Clusters
from benchmarks.estimators.first_errors import NO_ERROR, UNREAD
from scorers.inheriting import EVEN
from search.core import Judgement, Missing, Spent, VerdictStatus
from treewright.ledger import cost


@dataclass(frozen=True, slots=True)
class JudgedSolution:
    """What a scorer said of a labelled solution, and what that cost."""

    solution: LabelledSolution
    judgement: Judgement
    spent: Spent

    @property
    def label(self) -> int:
        """The first wrong step, from 0; `NO_ERROR` where there is none."""
        error = self.solution.labels.first_error
        return NO_ERROR if error is None else error

    @property
    def problem(self) -> str:
        """What it solves: the same for all solutions of one problem."""
        return normalised(self.solution.labels.problem.question)

    def first_below(self, threshold: float = EVEN) -> int:
        """The first step whose P(correct) is lower; `UNREAD` where one before it has none.

        `NO_ERROR` where none is lower and all have one.
        """
        for number, verdict in enumerate(self.judgement.verdicts):
            if verdict.probability is None:
                return UNREAD
            if verdict.probability < threshold:
                return number
        return NO_ERROR if self.judgement.verdicts else UNREAD

    @property
    def matches(self) -> bool:
        """Whether the verifier's first incorrect step is the labelled one."""
        return self.first_below() == self.label

    @property
    def labelled_steps(self) -> list[tuple[float, bool]]:
        """(P(correct), is correct) of the steps that have a label and a verdict of their own.

        Labels end at the first wrong step. A step after the first that the verifier calls incorrect
        has no verdict of its own where the verifier stopped there.
        """
        ends = len(self.judgement.verdicts) if self.label == NO_ERROR else self.label + 1
        return [
            (verdict.probability, number != self.label)
            for number, verdict in enumerate(self.judgement.verdicts[:ends])
            if verdict.status is VerdictStatus.READ and verdict.probability is not None
        ]

    @property
    def labels(self) -> int:
        """How many of its steps have a label."""
        return len(self.solution.labels.steps) if self.label == NO_ERROR else self.label + 1

    @property
    def tokens(self) -> float:
        """Prompt tokens that were not cached, and generated ones; NaN where nobody counted.

        Of a judgement that a cache over runs had, what it cost when it was made.
        """
        told = cost(self.spent)
        return float("nan") if told is None else float(told)


@dataclass(frozen=True, eq=False)
class JudgedTable:
    """Judged solutions as columns: of each its label and prediction, and of its labelled steps.

    `row` says of which solution a step is; `subsets[i]` is the number of solution i's subset in
    `names`. `prefixes` are those of `judged_whole`, whose whole solution has a probability.
    """

    names: tuple[str, ...]
    subsets: Ints
    labels: Ints
    predictions: Ints
    tokens: Floats
    row: Ints
    probabilities: Floats
    correct: Bools
    judged_whole: Ints
    prefixes: Floats

    @classmethod
    def of(cls, solutions: Sequence[JudgedSolution], thresholds: Sequence[float] = ()) -> Self:
        """By a threshold for each solution where they are given, else by one half."""
        names = tuple(dict.fromkeys(each.solution.subset for each in solutions))
        steps = [
            (number, *step) for number, each in enumerate(solutions) for step in each.labelled_steps
        ]
        lines = thresholds or [EVEN] * len(solutions)
        whole = [
            (number, float(each.judgement.prefix))
            for number, each in enumerate(solutions)
            if not isinstance(each.judgement.prefix, Missing)
        ]
        return cls(
            names,
            np.array([names.index(each.solution.subset) for each in solutions], int),
            np.array([each.label for each in solutions], int),
            np.array(
                [each.first_below(line) for each, line in zip(solutions, lines, strict=True)], int
            ),
            np.array([each.tokens for each in solutions], float),
            np.array([number for number, _, _ in steps], int),
            np.array([value for _, value, _ in steps], float),
            np.array([right for _, _, right in steps], bool),
            np.array([number for number, _ in whole], int),
            np.array([value for _, value in whole], float),
        )

    def __add__(self, other: JudgedTable) -> JudgedTable:
        """Both, one below the other; of the same subsets."""
        shift = len(self.labels)
        return JudgedTable(
            self.names,
            np.concatenate([self.subsets, other.subsets]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.predictions, other.predictions]),
            np.concatenate([self.tokens, other.tokens]),
            np.concatenate([self.row, other.row + shift]),
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.correct, other.correct]),
            np.concatenate([self.judged_whole, other.judged_whole + shift]),
            np.concatenate([self.prefixes, other.prefixes]),
        )


def clusters_of(solutions: Sequence[JudgedSolution]) -> Clusters:
    """Solutions of one problem depend on each other; subsets are as large as they were made.

    Subsets that have a problem in common are resampled as one.
    """
    problems = [each.problem for each in solutions]
    return Clusters.of(problems, joined([each.solution.subset for each in solutions], problems))


def joined(subsets: Sequence[str], problems: Sequence[str]) -> list[str]:
    """For each solution one name for its subset and all that it shares problems with."""
    name = {subset: subset for subset in subsets}
    first: dict[str, str] = {}
    for subset, problem in zip(subsets, problems, strict=True):
        one, other = name[first.setdefault(problem, subset)], name[subset]
        if one != other:
            name = {each: one if of == other else of for each, of in name.items()}
    return [name[subset] for subset in subsets]
