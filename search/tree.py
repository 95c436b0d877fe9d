"""The tree of a search as a graph: one node per drawn path, below the path that it continues.

    graph = tree_of(problem, searched)        # a networkx DiGraph, the root is the node ""
    json.dumps(to_json(graph))                # node-link JSON, as trees/<problem>.json keeps it

A node's id is its path's id. Its attributes are those of `Drawn`; the root has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict

import networkx as nx

from search.core import (
    Judgement,
    Missing,
    Prefix,
    Problem,
    Spent,
    place_id,
)
from search.driver import Searched

Graph: TypeAlias = Any
"""A `networkx.DiGraph`; networkx ships no types."""
ROOT = ""
SELDOM = ("recalled", "spared", "saved", "untold")


class Fate(StrEnum):
    """What became of a path."""

    CANDIDATE = "candidate"
    """The search returned it."""
    CONTINUED = "continued"
    """A candidate continues it."""
    PRUNED = "pruned"
    """No candidate continues it."""


class DrawnStep(TypedDict):
    """A step that a node adds. `probability` of *correct* and its `status`: None if not judged."""

    text: str
    probability: float | None
    status: str | None


class Drawn(TypedDict):
    """A drawn path.

    `steps` are those beyond its parent's: one, or all of a whole solution. The first `kept` of them
    were not drawn for it but are an earlier attempt's, which it continues. `in_view` is the id of
    the attempt that the policy was shown as it drew, None without feedback. `prefix` is the judged
    probability of the whole prefix; without one, `unjudged` says why. `stop` is why the last step
    ended. `rank` is a candidate's place among the candidates, from 0. `reason` says why a path was
    pruned. `policy` and `verifier` are what drawing and judging it cost, None if not asked.
    """

    steps: list[DrawnStep]
    kept: int
    in_view: str | None
    prefix: float | None
    unjudged: str | None
    stop: str
    fate: Fate
    rank: int | None
    reason: str | None
    policy: dict[str, int] | None
    verifier: dict[str, int] | None


def tree_of(problem: Problem, searched: Searched) -> Graph:
    """The graph of a search. Siblings stand in the order of their numbers."""
    result = searched.result
    limit = None if result.exhausted is None else str(result.exhausted)
    graph = nx.DiGraph(problem=problem.id, question=problem.question, exhausted=limit)
    graph.add_node(ROOT)
    candidates = [candidate.path for candidate in result.candidates]
    ranks = {path.id: rank for rank, path in enumerate(candidates)}
    continued = {place for path in candidates for place in path.line[1:]}
    reasons = {pruned.path_id: pruned.reason for pruned in result.pruned}
    for path in sorted(searched.paths.values(), key=lambda path: path.place):
        id, parent = path.id, _parent(path, searched.paths)
        if id in ranks:
            fate = Fate.CANDIDATE
        else:
            fate = Fate.CONTINUED if path.place in continued else Fate.PRUNED
        judgement, asked = searched.judgements.get(id), searched.asked.get(id)
        known = len(parent.steps) if parent else 0
        drawn = Drawn(
            steps=_steps(path, known, judgement),
            kept=len(asked.path.steps) - known if asked else 0,
            in_view=asked.feedback.attempt.id if asked and asked.feedback else None,
            prefix=_prefix(judgement),
            unjudged=_unjudged(judgement),
            stop=path.steps[-1].stop.value,
            fate=fate,
            rank=ranks.get(id),
            reason=reasons.get(id) if fate is Fate.PRUNED else None,
            policy=_cost(searched.costs.policy.get(id)),
            verifier=_cost(searched.costs.verifier.get(id)),
        )
        graph.add_node(id, **drawn)
        graph.add_edge(parent.id if parent else ROOT, id)
    return graph


def lineage(graph: Graph, id: str) -> list[str]:
    """The ids from the root's child down to the node."""
    line: list[str] = []
    while id != ROOT:
        line.insert(0, id)
        (id,) = graph.predecessors(id)
    return line


def to_json(graph: Graph) -> dict[str, object]:
    """Node-link data: `graph`, `nodes` and `edges`."""
    data: dict[str, object] = nx.node_link_data(graph, edges="edges")
    return data


def _parent(path: Prefix, drawn: Mapping[str, Prefix]) -> Prefix | None:
    """The nearest drawn path that this one continues, None for the root."""
    for place in path.line[1:]:
        above = drawn.get(place_id(place))
        if above is not None and path.steps[: len(above.steps)] == above.steps:
            return above
    return None


def _steps(path: Prefix, known: int, judgement: Judgement | None) -> list[DrawnStep]:
    """The steps from number `known` on; a judgement has a verdict for each step, or none at all."""
    steps = path.steps[known:]
    if judgement is None or not judgement.verdicts:
        return [DrawnStep(text=step.text, probability=None, status=None) for step in steps]
    return [
        DrawnStep(text=step.text, probability=verdict.probability, status=verdict.status.value)
        for step, verdict in zip(steps, judgement.verdicts[known:], strict=True)
    ]


def _prefix(judgement: Judgement | None) -> float | None:
    if judgement is None or isinstance(judgement.prefix, Missing):
        return None
    return judgement.prefix


def _unjudged(judgement: Judgement | None) -> str | None:
    if judgement is None:
        return "not judged"
    return judgement.prefix.reason if isinstance(judgement.prefix, Missing) else None


def _cost(spent: Spent | None) -> dict[str, int] | None:
    """What a cache over runs saved, and what nobody tells, is told only where there is some."""
    if spent is None:
        return None
    counts = {name: getattr(spent, name) for name in Spent.__slots__}
    return {name: n for name, n in counts.items() if n or name not in SELDOM}
