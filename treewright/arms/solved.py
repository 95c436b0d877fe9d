"""A problem whose search ended."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.grading import Grades, Outcome
from search.driver import Searched
from search.ports import Failure

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

    @property
    def unjudged(self) -> Failure | None:
        """Why a path of this problem was not judged, None where all were.

        Of several failures one that resume asks again, and then the first by path.
        """
        failures = self.search.failures.items()
        told = min(failures, key=lambda pair: (pair[1].kind.final, pair[0]), default=None)
        return told[1] if told else None
