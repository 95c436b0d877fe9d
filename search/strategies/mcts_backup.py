"""The backup of a Monte Carlo tree search: what a new node is worth, to it and to all above it."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Literal

from search.candidates import Steering
from search.core import Candidate, Missing, Score
from search.strategies.mcts_tree import TreeNode

Backup = Literal["mean", "max"]


def value_of(child: Candidate, ends: Sequence[Candidate], steering: Steering) -> Score:
    """The value of a new node: the mean over its finished, judged ends; without ends its score."""
    if child.path.stopped and not child.path.finished:
        return Missing(f"cut: {child.path.steps[-1].stop}")
    if not ends:
        return steering.score(child)
    scores = [steering.score(end) for end in ends if end.path.finished]
    known = [score for score in scores if not isinstance(score, Missing)]
    return fsum(known) / len(known) if known else Missing("no finished rollout was judged")


def back_up(node: TreeNode) -> None:
    """Back the value of a new node up; a missing one backs up nothing."""
    if isinstance(node.value, Missing):
        return
    for above in node.line():
        above.visits += 1
        above.total += node.value
        above.best = max((each.best for each in above.children), default=node.value)
