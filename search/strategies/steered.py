"""What strategies share whose search a verifier's score steers, within a budget."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from search.aggregation import MissingRule
from search.budget import Bounded
from search.candidates import Steering


class Steered(Bounded):
    """The base of a frozen dataclass that has at least these three fields."""

    aggregate: str
    """How the verdicts on a path become the score that steers (`treewright ls aggregations`)."""
    missing: MissingRule
    """What a step without a verdict does to that score: it is skipped (`skip`), takes the lowest
    probability that was read along the path (`worst`), or leaves the path without a score
    (`fail`)."""
    widths: ClassVar[tuple[str, ...]] = ()
    """Its fields that say how many children a path has."""

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
        """Whether it draws several children of one path, all equal at temperature 0.

        One that names no `widths` and draws more than once does: a score has to choose of several.
        """
        if not self.widths:
            return self.draws > 1
        return any(getattr(self, name) > 1 for name in self.widths)

    @property
    @abstractmethod
    def draws(self) -> int:
        """How often a search asks the policy at most."""

    @property
    def steered_by(self) -> str | None:
        """The aggregation whose score decides what is drawn; None where none does."""
        return self.aggregate

    @property
    def steering(self) -> Steering:
        """The score that steers. Raises ValueError where `aggregate` names none."""
        return Steering.of(self.aggregate, self.missing)
