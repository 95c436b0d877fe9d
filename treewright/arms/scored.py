"""A searched problem as the table of a run needs it: no texts, no tokens, no tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.aggregation import MissingRule
from search.core import Spending
from search.limit import LimitReached
from search.ports import Failure
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Scored:
    """What is kept of a search that ended, so that memory hardly grows with those that did.

    `unjudged`: why a path of it was not judged, None where all were. `spent`: what its own
    questions spent, as it is booked.
    """

    graded: Graded
    ledger: Ledger
    exhausted: LimitReached | None
    unjudged: Failure | None
    spent: Spending

    @property
    def problem_id(self) -> str:
        """Of the problem."""
        return self.graded.id

    @classmethod
    def of(cls, solved: Solved, aggregations: Sequence[str | None], missing: MissingRule) -> Scored:
        """Score its candidates. Raises `PartError` for a custom aggregation that fails."""
        search = solved.search
        return cls(
            Graded.of(solved, aggregations, missing),
            Ledger.of([search]),
            search.result.exhausted,
            solved.unjudged,
            search.costs.spent,
        )
