"""The tree of a Monte Carlo tree search: where the next child is drawn, and what it teaches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from search.core import Candidate, Missing, Score

Bound = Literal["uct", "puct"]
Backup = Literal["mean", "max"]


@dataclass(frozen=True)
class Widening:
    """Progressive widening (Chaslot et al. 2008; Couëtoux et al. 2011).

    A node visited `n` times may have ceil(c · n^alpha) children, and never fewer than 1.
    """

    c: float = 1.0
    """The factor, above 0; with 1 the children grow as n^alpha."""
    alpha: float = 0.5
    """The exponent, above 0 and at most 1; the smaller, the deeper the tree."""

    def __post_init__(self) -> None:
        if self.c <= 0:
            raise ValueError(f"c: {self.c} must be above 0; 1 lets the children grow as n^alpha")
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha: {self.alpha} must be above 0 and at most 1; 0.5 is usual")

    def children(self, visits: int) -> int:
        """How many children a node with so many visits may have."""
        return max(1, math.ceil(self.c * math.pow(visits, self.alpha)))


@dataclass
class Node:
    """A judged prefix and what was learned below it.

    `value` is its own; `visits` counts the values backed up through it, its own included, `total`
    sums them, `pending` counts simulations in flight through it, `growing` those of them that draw
    a child here. `rollouts` are its candidates that were drawn to the end.
    """

    candidate: Candidate
    value: Score
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    rollouts: tuple[Candidate, ...] = ()
    visits: int = 0
    total: float = 0.0
    best: float = -math.inf
    pending: int = 0
    growing: int = 0

    def line(self) -> Iterator[Node]:
        """This node and all above it."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a child is drawn: its parent and its number."""

    parent: Node
    number: int


@dataclass(frozen=True, slots=True)
class TreePolicy:
    """How a simulation goes down the tree, and how its value goes up. Fields as in `Mcts`."""

    selection: Bound
    exploration: float
    virtual_loss: float
    backup: Backup
    children: int
    widen: Widening | None
    depth: int

    def openings(self, root: Node, most: int) -> list[Opening]:
        """Where the next round draws, at `most` or fewer; each is in flight from then on."""
        openings: list[Opening] = []
        while len(openings) < most and self.is_open(root):
            node = root
            while not self.can_grow(node):
                # The first of equals: ties go to the child that was drawn earliest.
                node = max(filter(self.is_open, node.children), key=self.bound)
            openings.append(Opening(node, len(node.children) + node.growing))
            node.growing += 1
            for above in node.line():
                above.pending += 1
        return openings

    def is_open(self, node: Node) -> bool:
        """Whether a child can be drawn at the node or below it now."""
        if node.candidate.path.stopped or isinstance(node.value, Missing):
            return False
        return self.can_grow(node) or any(map(self.is_open, node.children))

    def can_grow(self, node: Node) -> bool:
        """Whether the node itself may have another child: then it gets it before any descent."""
        if len(node.candidate.path.place) >= self.depth:
            return False
        allowed = self.children
        if self.widen is not None:
            allowed = min(allowed, self.widen.children(node.visits + node.pending))
        return len(node.children) + node.growing < allowed

    def bound(self, node: Node) -> float:
        """How promising it is to go down to this node.

        With N the visits of its parent and n its own, each with its simulations in flight:

            uct:  Q + exploration · √(ln N / n)         (Kocsis & Szepesvári 2006)
            puct: Q + exploration · prior · √N / (1+n)  (Silver et al. 2017)

        The prior is 1 / number of siblings: children are samples of the policy, so its empirical
        distribution over them is uniform (Hubert et al. 2021).
        """
        assert node.parent is not None
        above, here = node.parent.visits + node.parent.pending, node.visits + node.pending
        if self.selection == "uct":
            bonus = math.sqrt(math.log(above) / here)
        else:
            bonus = math.sqrt(above) / (1 + here) / len(node.parent.children)
        return self.quality(node) + self.exploration * bonus

    def quality(self, node: Node) -> float:
        """Q: the node's value, each simulation in flight counted as `virtual_loss` values of 0."""
        mean = node.total / node.visits
        value = mean if self.backup == "mean" else node.best
        return value * node.visits / (node.visits + self.virtual_loss * node.pending)


def add(
    opening: Opening, child: Candidate, value: Score, rollouts: Sequence[Candidate] = ()
) -> Node:
    """Put a drawn child in its place and back its value up; a missing one backs up nothing."""
    opening.parent.growing -= 1
    for above in opening.parent.line():
        above.pending -= 1
    node = Node(child, value, opening.parent, rollouts=tuple(rollouts))
    opening.parent.children.append(node)
    if not isinstance(value, Missing):
        for above in node.line():
            above.visits += 1
            above.total += value
            above.best = max((each.best for each in above.children), default=value)
    return node
