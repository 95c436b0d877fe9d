"""What one search found, as a person looks at it in a terminal or a notebook."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from rich.console import Console

from search.core import Candidate, Missing, Problem, Score, Spending, total
from search.driver import Searched
from search.tree import Graph, tree_of
from search.wording import amount, number
from treewright.ledger import cost, sum_known
from treewright.terminal import line
from treewright.trees.draw import footer, lines
from treewright.trees.trees import choose_on

LONGEST_TREE = 40
"""Lines of a tree that are shown; `print(found.drawing())` shows all of them."""


@dataclass(frozen=True)
class Found:
    """The outcome of a search.

    `answer` is the chosen candidate's, as it would be graded; None where none of them has one.
    `score` is that candidate's under `aggregate`, None where nothing is scored. `chosen` is its
    place among the candidates, None where there is none to choose.
    """

    problem: Problem
    searched: Searched = field(repr=False)
    answer: str | None
    score: Score | None
    chosen: int | None
    aggregate: str | None
    select: str

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All that the search returned, in its order."""
        return self.searched.result.candidates

    @property
    def solution(self) -> str | None:
        """The text of the chosen candidate."""
        return None if self.chosen is None else self.candidates[self.chosen].path.text

    @property
    def spent(self) -> Spending:
        """What the whole search cost at each of the two models."""
        costs = self.searched.costs
        return Spending(total(costs.policy.values()), total(costs.verifier.values()))

    @property
    def tree(self) -> Graph:
        """The search as a `networkx.DiGraph`; the chosen path is marked."""
        graph = tree_of(self.problem, self.searched)
        if self.chosen is not None:
            choose_on(graph, self.candidates[self.chosen].path.id)
        return graph

    def drawing(self, width: int = 100) -> str:
        """The tree as text, a line per path."""
        console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
        graph = self.tree
        for drawn in [*lines(graph, width // 2), *footer(graph)]:
            console.print(drawn, overflow="ellipsis", no_wrap=True, markup=False)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def told(self, whole: str) -> str:
        """What was found and the tree, of a long one the beginning; `whole` says how to see all."""
        shown = self.drawing().splitlines()
        more = [f"… {len(shown) - LONGEST_TREE} more lines: {whole}"]
        tree = shown if len(shown) <= LONGEST_TREE else [*shown[:LONGEST_TREE], *more]
        return "\n".join([*self._summary(), *tree])

    def __repr__(self) -> str:
        return self.told("print(found.drawing())")

    def _repr_html_(self) -> str:
        """As a notebook shows it; what a model wrote is text there, never markup."""
        summary = "<br>".join(map(escape, self._summary()))
        return f"<p>{summary}</p><pre style='line-height:1.2'>{escape(self.drawing())}</pre>"

    def _summary(self) -> Iterator[str]:
        by = f"{self.aggregate} {self.select}" if self.aggregate else self.select
        score = "" if self.score is None else f", score {_number(self.score)}"
        of = f"{len(self.candidates)} candidate{'' if len(self.candidates) == 1 else 's'}"
        answer = line(self.answer) if self.answer is not None else "none"
        yield f"answer {answer}{score} ({by} of {of})"
        costs = self.searched.costs
        policy, verifier = (
            sum_known(map(cost, each.values())) for each in (costs.policy, costs.verifier)
        )
        yield f"{amount(policy)} tokens of the policy, {amount(verifier)} of the verifier"
        if self.searched.result.exhausted:
            yield line(f"ended by a limit: {self.searched.result.exhausted}")


def _number(score: Score) -> str:
    return line(f"missing ({score.reason})") if isinstance(score, Missing) else number(score)
