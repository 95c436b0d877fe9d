"""What a study needs of a search: grades, scores and prices by candidate; no texts, no tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from search.aggregation import MissingRule
from search.core import Prefix
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved


@dataclass(frozen=True)
class Seen:
    """A search that ended.

    `steps[n]`: how many different steps its first n candidates hold; `drawn`: how many were drawn
    in all, pruned ones too. Steps at the same depth with the same text, white space aside, are one.
    `ended_by`: the limit of its budget that ended it, empty where none did.
    """

    graded: Graded
    steps: tuple[int, ...]
    drawn: int
    ended_by: str = ""

    @property
    def id(self) -> str:
        """Of the problem."""
        return self.graded.id

    @classmethod
    def of(cls, solved: Solved, aggregations: Collection[str | None]) -> Seen:
        """With the scores of these aggregations. Raises `PartError` for a custom one that fails."""
        search = solved.search
        known, steps = set[tuple[int, str]](), [0]
        for candidate in search.result.candidates:
            known |= different_steps([candidate.path])
            steps.append(len(known))
        limit = search.result.exhausted
        return cls(
            Graded.of(solved, aggregations, MissingRule.WORST),
            tuple(steps),
            len(different_steps(list(search.paths.values()))),
            limit.limit if limit else "",
        )


def different_steps(paths: Sequence[Prefix]) -> set[tuple[int, str]]:
    """Depth and text of their steps."""
    return {
        (depth, " ".join(step.text.split()))
        for path in paths
        for depth, step in enumerate(path.steps)
    }
