"""What a Monte Carlo tree search returns: finished solutions judged, the others given up."""

from __future__ import annotations

from collections.abc import Sequence

from search.candidates import Steering
from search.core import (
    Missing,
    Prefix,
    Pruned,
    Result,
)
from search.limit import LimitReached
from search.strategies.mcts_tree import TreeNode


def most_visited(node: TreeNode) -> TreeNode:
    """The leaf that lies down the most visited children, the earliest on ties (Silver et al.)."""
    while going := [
        each for each in node.children if each.visits and not each.candidate.path.stopped
    ]:
        node = max(going, key=lambda each: each.visits)
    return node


def ending(nodes: Sequence[TreeNode], steering: Steering, depth: int, simulations: int) -> Result:
    """All finished solutions, best first, the earliest drawn first on ties.

    Without any, the best unfinished path, and the limit that left it so. `nodes` stand in the order
    in which they were drawn, the root first.
    """
    drawn = [each for node in nodes for each in (node.candidate, *node.rollouts)][1:]
    finished = steering.rank([each for each in drawn if each.path.finished])
    whole = [each for each in drawn if not each.path.stopped]  # a path that was cut is none
    candidates = finished or steering.rank(whole or drawn)[:1]
    kept = {place for each in candidates for place in each.path.line}
    reasons = [(path, why) for node in nodes for path, why in _reasons(node, depth)]
    pruned = tuple(
        Pruned(path.id, why) for path, why in reasons if path.place and path.place not in kept
    )
    return Result(
        tuple(candidates), pruned, None if finished else _limit(nodes, depth, simulations)
    )


def _limit(nodes: Sequence[TreeNode], depth: int, simulations: int) -> LimitReached | None:
    """What kept a search without a solution from going on; None where every path was cut."""
    drawn = [node.candidate.path for node in nodes[1:]]
    if len(drawn) >= simulations:
        return LimitReached("simulations", simulations, simulations)
    if any(len(path.place) >= depth for path in drawn):
        return LimitReached("depth", depth, depth)
    if all(path.stopped for path in drawn):
        return None
    return LimitReached("missing", note="no open path has a value")


def _reasons(node: TreeNode, depth: int) -> list[tuple[Prefix, str]]:
    """For the node and each of its rollouts: why it would be given up."""
    ends = [end.path for end in node.rollouts]
    cut = [(end, f"rollout cut: {end.steps[-1].stop}") for end in ends]
    return [(node.candidate.path, _reason(node, depth)), *cut]


def _reason(node: TreeNode, depth: int) -> str:
    path = node.candidate.path
    if path.stopped and not path.finished:
        return f"cut: {path.steps[-1].stop}"
    if isinstance(node.value, Missing):
        return f"no value: {node.value.reason}"
    if len(path.place) >= depth:
        return f"depth limit of {depth}"
    return "no solution below it" if node.children else "not visited again"
