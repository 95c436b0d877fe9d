"""The ends of a Monte Carlo tree search: finished solutions judged, the others given up."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from search.core import Candidate, Judge, Judged, Missing, Path, Pruned, Result, judge
from search.frontier import Steering
from search.strategies.mcts_tree import Node


def judged(candidates: Sequence[Candidate]) -> Generator[Judge, Judged, tuple[Candidate, ...]]:
    """The candidates, those that finished with their judgement."""
    finished = [each.path for each in candidates if each.path.finished]
    judgements = dict(zip(finished, (yield from judge(finished)), strict=True)) if finished else {}
    return tuple(
        each.child(each.path, judgements[each.path]) if each.path in judgements else each
        for each in candidates
    )


def ending(nodes: Sequence[Node], steering: Steering, depth: int) -> Result:
    """All finished solutions, best first, the earliest drawn first on ties.

    Without any, the best unfinished path. `nodes` stand in the order in which they were drawn.
    """
    drawn = [each for node in nodes for each in (node.candidate, *node.rollouts)]
    finished = steering.rank([each for each in drawn if each.path.finished])
    whole = [each for each in drawn if not each.path.stopped]  # a path that was cut is none
    candidates = finished or steering.rank(whole or drawn)[:1]
    kept = {each.path.place[:end] for each in candidates for end in range(len(each.path.place) + 1)}
    reasons = [(path, why) for node in nodes for path, why in _reasons(node, depth)]
    pruned = tuple(Pruned(path.id, why) for path, why in reasons if path.place not in kept)
    return Result(tuple(candidates), pruned)


def _reasons(node: Node, depth: int) -> list[tuple[Path, str]]:
    """For the node and each of its rollouts: why it would be given up."""
    ends = [end.path for end in node.rollouts]
    cut = [(end, f"rollout cut: {end.steps[-1].stop}") for end in ends]
    return [(node.candidate.path, _reason(node, depth)), *cut]


def _reason(node: Node, depth: int) -> str:
    path = node.candidate.path
    if path.stopped and not path.finished:
        return f"cut: {path.steps[-1].stop}"
    if isinstance(node.value, Missing):
        return f"no value: {node.value.reason}"
    if len(path.place) >= depth:
        return f"depth limit of {depth}"
    return "no solution below it" if node.children else "not visited again"
