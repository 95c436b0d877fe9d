"""A problem whose search ended, and what an arm chooses of it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.grading import Grades, Outcome
from search.aggregation import Aggregator, MissingRule
from search.core import Missing
from search.driver import Searched
from search.selection import SELECTIONS, Choice, Option
from treewright.arms.arm import Arm

UNDECIDED = (Outcome.TIMEOUT, Outcome.FAILED)
"""The grader could not tell: neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A problem whose search ended.

    What the search left, and `grades` aligned with its candidates.
    """

    problem_id: str
    search: Searched
    grades: Grades


def choose(solved: Solved, arm: Arm, missing: MissingRule) -> Choice:
    """The arm's choice among the first n candidates."""
    aggregator = Aggregator.parse(arm.aggregation) if arm.aggregation else None
    options = [
        Option(group, aggregator.score(candidate, missing) if aggregator else Missing("none"))
        for group, candidate in zip(
            solved.grades.groups[: arm.n], solved.search.result.candidates[: arm.n], strict=True
        )
    ]
    return SELECTIONS[arm.selection].choose(options, arm.scale)
