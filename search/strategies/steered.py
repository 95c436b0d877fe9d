"""What strategies share whose search a verifier's score steers, within a budget."""

from __future__ import annotations

from abc import ABC, abstractmethod

from search.aggregation import MissingRule
from search.budget import Budget, bounded
from search.candidates import Steering
from search.core import Problem
from search.questions import Flow

WIDTHS = ("n", "paths", "children", "width", "particles", "rollouts")
"""Fields that say how many children a path has."""


class Steered(ABC):
    """The base of a frozen dataclass that has at least these three fields.

    `aggregate`: the aggregation whose score steers. `missing`: what a step without a verdict does
    to it. `budget`: the most that a search may spend.
    """

    aggregate: str
    missing: MissingRule
    budget: Budget

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        return True

    @property
    def judges_prefixes(self) -> bool:
        """Whether it asks about unfinished paths, which an outcome reward model cannot judge."""
        return True

    @property
    def draws_alike(self) -> bool:
        """Whether it draws several children of one path, all equal at temperature 0."""
        return any(getattr(self, name, 1) > 1 for name in WIDTHS)

    @property
    def steered_by(self) -> str | None:
        """The aggregation whose score decides what is drawn; None where none does."""
        return self.aggregate

    @property
    def steering(self) -> Steering:
        """The score that steers. Raises ValueError where `aggregate` names none."""
        return Steering.of(self.aggregate, self.missing)

    def __call__(self, problem: Problem) -> Flow:
        """The search of `problem` within its budget."""
        return bounded(self.search(problem), self.budget, problem.id)

    @abstractmethod
    def search(self, problem: Problem) -> Flow:
        """The search itself; where `Exhausted` is thrown in, it returns its result so far."""
