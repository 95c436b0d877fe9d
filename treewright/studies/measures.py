"""What is measured of a searched problem: its answer, its cost, its candidates, its variety."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from benchmarks.grading import Grades, Outcome
from search.aggregation import Aggregator, MissingRule
from search.driver import total
from search.fault import Fault
from treewright.metrics import UNDECIDED, Solved, choose, outcome_of


class StudyError(Fault):
    """A comparison that cannot be made or written. One line."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """How candidates become an answer: a selection, and the aggregation that scores for it.

    `aggregation` is None where the selection needs no score.
    """

    selection: str
    aggregation: str | None = None

    def __str__(self) -> str:
        return f"{self.selection} of {self.aggregation}" if self.aggregation else self.selection

    def right(self, item: Solved) -> bool | None:
        """Whether the answer is right; None where there was no score or no grade to tell."""
        aggregator = Aggregator.parse(self.aggregation) if self.aggregation else None
        n = len(item.search.result.candidates)
        choice = choose(item, aggregator, self.selection, n, MissingRule.WORST)
        outcome = outcome_of(item, choice)
        return None if choice.unscored or outcome in UNDECIDED else outcome is Outcome.CORRECT


@dataclass(frozen=True, slots=True)
class Marks:
    """An arm over problems: `right` by problem id, those left out that could not be decided.

    `policy` and `verifier` are mean tokens per problem: prompt tokens not cached, and generated.
    """

    right: dict[str, bool]
    policy: float
    verifier: float

    @property
    def tokens(self) -> float:
        """Mean tokens per problem of both models."""
        return self.policy + self.verifier


def mark(solved: Sequence[Solved], rule: Rule) -> Marks:
    """The arm that answers by `rule` from all candidates, over one problem or more."""
    right = {item.problem_id: found for item in solved if (found := rule.right(item)) is not None}
    costs = [item.search.costs for item in solved]
    return Marks(
        right,
        fmean(total(cost.policy.values()).computed for cost in costs),
        fmean(total(cost.verifier.values()).computed for cost in costs),
    )


def first(item: Solved, n: int) -> Solved:
    """As if only the first `n` candidates had been drawn, each of them independently."""
    candidates = item.search.result.candidates[:n]
    kept = {candidate.path.id for candidate in candidates}
    costs = item.search.costs
    search = replace(
        item.search,
        result=replace(item.search.result, candidates=candidates),
        costs=replace(
            costs,
            policy={path: spent for path, spent in costs.policy.items() if path in kept},
            verifier={path: spent for path, spent in costs.verifier.items() if path in kept},
        ),
        paths={id: path for id, path in item.search.paths.items() if id in kept},
    )
    return Solved(item.problem_id, search, Grades(item.grades.groups[:n], item.grades.outcomes[:n]))


@dataclass(frozen=True, slots=True)
class Variety:
    """What the candidates and the steps of a search hold, as means over problems.

    `pass_at_n`: share of problems with a right candidate. `candidates`: how many there are.
    `answers`: how many different answers they give, equal by grading. `steps`: how many different
    steps were drawn, pruned ones too; steps at the same depth with the same text, white space
    aside, are one.
    """

    pass_at_n: float
    candidates: float
    answers: float
    steps: float


def variety(solved: Sequence[Solved]) -> Variety:
    """Over one problem or more."""
    return Variety(
        pass_at_n=fmean(Outcome.CORRECT in item.grades.outcomes for item in solved),
        candidates=fmean(len(item.search.result.candidates) for item in solved),
        answers=fmean(len({*item.grades.groups} - {None}) for item in solved),
        steps=fmean(len(different_steps(item)) for item in solved),
    )


def different_steps(item: Solved) -> set[tuple[int, str]]:
    """Depth and text of the steps of all paths that were drawn."""
    paths = item.search.paths.values()
    return {
        (depth, " ".join(step.text.split()))
        for path in paths
        for depth, step in enumerate(path.steps)
    }
