"""The selection of a Monte Carlo tree search: down the tree to where the next child is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from search.core import Missing
from search.strategies.mcts_backup import Backup
from search.strategies.mcts_tree import Expansion, TreeNode

Bound = Literal["uct", "puct"]


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


@dataclass(frozen=True, slots=True)
class TreePolicy:
    """How a simulation goes down the tree. Fields as in `Mcts`."""

    selection: Bound
    exploration: float
    virtual_loss: float
    backup: Backup
    children: int
    widen: Widening | None
    depth: int

    def select(self, root: TreeNode, most: int) -> list[Expansion]:
        """Where the next round expands, at `most` or fewer; each is in flight from then on."""
        selected: list[Expansion] = []
        while len(selected) < most and self.is_open(root):
            node = root
            while not self.can_expand(node):
                # The first of equals: ties go to the child that was drawn earliest.
                node = max(filter(self.is_open, node.children), key=self.bound)
            selected.append(node.expansion())
        return selected

    def is_open(self, node: TreeNode) -> bool:
        """Whether a child can be drawn at the node or below it now."""
        if node.candidate.path.stopped or isinstance(node.value, Missing):
            return False
        return self.can_expand(node) or any(map(self.is_open, node.children))

    def can_expand(self, node: TreeNode) -> bool:
        """Whether the node itself may have another child: then it gets it before any descent."""
        if len(node.candidate.path.place) >= self.depth:
            return False
        allowed = self.children
        if self.widen is not None:
            allowed = min(allowed, self.widen.children(node.visits + node.pending))
        return len(node.children) + node.expanding < allowed

    def bound(self, node: TreeNode) -> float:
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

    def quality(self, node: TreeNode) -> float:
        """Q: the node's value, each simulation in flight counted as `virtual_loss` values of 0."""
        mean = node.total / node.visits
        value = mean if self.backup == "mean" else node.best
        return value * node.visits / (node.visits + self.virtual_loss * node.pending)
