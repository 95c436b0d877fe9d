"""The tree of a Monte Carlo tree search: judged prefixes, and the children that are being drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from search.core import Candidate, Score


@dataclass
class TreeNode:
    """A judged prefix and what was learned below it.

    `value` is its own; `visits` counts the values backed up through it, its own included, `total`
    sums them, `pending` counts simulations in flight through it, `expanding` those of them that
    draw a child here. `rollouts` are its candidates that were drawn to the end.
    """

    candidate: Candidate
    value: Score
    parent: TreeNode | None = None
    children: list[TreeNode] = field(default_factory=list)
    rollouts: tuple[Candidate, ...] = ()
    visits: int = 0
    total: float = 0.0
    best: float = -math.inf
    pending: int = 0
    expanding: int = 0

    def line(self) -> Iterator[TreeNode]:
        """This node and all above it."""
        node: TreeNode | None = self
        while node is not None:
            yield node
            node = node.parent

    def expansion(self) -> Expansion:
        """The next child to be drawn here, in flight from now on."""
        drawn = Expansion(self, len(self.children) + self.expanding)
        self.expanding += 1
        for above in self.line():
            above.pending += 1
        return drawn


@dataclass(frozen=True, slots=True)
class Expansion:
    """Where a child is drawn: its parent and its number."""

    parent: TreeNode
    number: int

    def add(self, child: Candidate, value: Score, rollouts: Sequence[Candidate]) -> TreeNode:
        """The child in its place, drawn and valued; it is in flight no longer."""
        self.parent.expanding -= 1
        for above in self.parent.line():
            above.pending -= 1
        node = TreeNode(child, value, self.parent, rollouts=tuple(rollouts))
        self.parent.children.append(node)
        return node
