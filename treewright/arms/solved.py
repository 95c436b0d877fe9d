"""A problem whose search ended."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.grading import Grades, Outcome
from search.driver import Searched

UNDECIDED = (Outcome.TIMEOUT, Outcome.FAILED, Outcome.UNKNOWN)
"""The grader could not tell, or nobody knows: neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A problem whose search ended.

    What the search left, and `grades` aligned with its candidates.
    """

    problem_id: str
    search: Searched
    grades: Grades
