"""A search tree as the page carries it: short rows, each text once, unpacked when looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from search.core import Judgement, Spent
from search.driver import Searched
from search.tree import ROOT, Graph
from treewright.ledger import known
from treewright.report.escaping import packed, unpacked, visible

DIGITS = 4
"""Of a probability that the page can show."""
WHOLE = (32, 16, 8, 4, 2, 1, 0)
"""Solutions per problem with whole texts that are tried in turn, where all would be too large."""
SHORT = 40
"""Characters that are left of the steps of the others; of their critiques nothing is."""
CUT = "… [cut] …"
SAMPLED = 16
"""Trees by which the number of whole solutions is chosen, at least."""
PARENT, RANK, CHOSEN, PREFIX, STEPS = 1, 3, 4, 6, 13
"""Places in a row."""


@dataclass
class Texts:
    """Each text once; a row refers to it by its number, and by -1 to none."""

    all: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str | None) -> int:
        """The number of a text, safe to be shown from now on."""
        if not text:
            return -1
        if text not in self.numbers:
            self.numbers[text] = len(self.all)
            self.all.append(visible(text))
        return self.numbers[text]


def compact(graph: Graph, searched: Searched, answers: Sequence[str | None]) -> dict[str, Any]:
    """The tree as plain data.

    `nodes` are rows `[id, parent, fate, rank, chosen, outcome, prefix, unjudged, stop, reason,
    policy tokens, verifier tokens, answer, steps]` in an order in which parents come first; a step
    is `[text, probability, status, critique]`. Texts are numbers into `texts`; parent -1 is the
    root.

    Args:
        graph: of `search.tree`, with the marks of `treewright.trees.trees`.
        searched: the same search, for the critiques.
        answers: of the candidates, aligned with them.
    """
    texts, place = Texts(), {ROOT: -1}
    rows: list[list[Any]] = []
    for id, node in graph.nodes(data=True):
        if id == ROOT:
            continue
        (parent,) = graph.predecessors(id)
        place[id] = len(rows)
        judgement = searched.judgements.get(id)
        answer = None if node["rank"] is None else answers[node["rank"]]
        rows.append(
            [
                id,
                place[parent],
                texts.number(node["fate"].value),
                -1 if node["rank"] is None else node["rank"],
                int(node.get("chosen", False)),
                texts.number(node.get("outcome")),
                rounded(node["prefix"]),
                texts.number(node["unjudged"]),
                texts.number(node["stop"]),
                texts.number(node["reason"]),
                computed(node["policy"]),
                computed(node["verifier"]),
                texts.number(answer),
                steps(node["steps"], judgement, texts),
            ]
        )
    return {
        "by": visible(graph.graph.get("chosen_by", "")),
        "steered": visible(graph.graph.get("steered_by") or ""),
        "limit": visible(graph.graph["exhausted"] or ""),
        "question": visible(graph.graph["question"]),
        "texts": texts.all,
        "nodes": rows,
    }


def steps(
    drawn: Sequence[Mapping[str, Any]], judgement: Judgement | None, texts: Texts
) -> list[list[Any]]:
    """A row per step; critiques are those of the node's last steps."""
    verdicts = judgement.verdicts if judgement else ()
    critiques = [verdict.critique for verdict in verdicts[len(verdicts) - len(drawn) :]]
    told = critiques or [""] * len(drawn)
    return [
        [
            texts.number(step["text"]),
            rounded(step["probability"]),
            texts.number(step["status"]),
            texts.number(critique),
        ]
        for step, critique in zip(drawn, told, strict=True)
    ]


def rounded(probability: float | None) -> float | None:
    """As many digits as the page can show."""
    return None if probability is None else round(probability, DIGITS)


def computed(spent: Mapping[str, int] | None) -> int | None:
    """Prompt tokens not cached, and generated ones; None where nothing was asked, or counted."""
    cost = None if spent is None else Spent(**spent)
    return None if cost is None or not known(cost) else cost.computed


def fitted(trees: Sequence[str], most: int) -> tuple[list[str], int | None]:
    """Packed trees whose sizes sum to `most` characters at most, and how many solutions are whole.

    That is None where all texts of all trees are. Even without texts the rows of very many trees
    may be too large: then the last trees are empty.
    """
    if sum(map(len, trees)) <= most:
        return list(trees), None
    some = trees[:: max(1, len(trees) // SAMPLED)]
    for whole in WHOLE:
        # A few trees tell what all would take; packing all of them at every size takes minutes.
        if sum(len(cut(tree, whole)) for tree in some) * len(trees) <= most * len(some):
            made = [cut(tree, whole) for tree in trees]
            if sum(map(len, made)) <= most:
                return made, whole
    return leading([cut(tree, 0) for tree in trees], most), 0


def leading(trees: Sequence[str], most: int) -> list[str]:
    """The first trees as far as they fit, empty texts in place of the others."""
    sums = accumulate(map(len, trees))
    return [tree if size <= most else "" for tree, size in zip(trees, sums, strict=True)]


def cut(tree: str, whole: int) -> str:
    """A packed tree in which only the chosen and the highest-scored solutions have whole texts."""
    data = unpacked(tree)
    rows, texts = data["nodes"], data["texts"]
    kept = {number for row in leading_rows(rows, whole) for number in said(row)}
    for row in rows:
        for words, _, _, critique in row[STEPS]:
            if words >= 0 and words not in kept:
                texts[words] = shortened(texts[words], SHORT)
            if critique >= 0 and critique not in kept:
                texts[critique] = CUT
    return packed(data)


def leading_rows(rows: Sequence[list[Any]], whole: int) -> list[list[Any]]:
    """The rows on the way to the chosen solution and to as many others, by their probability."""
    ends = [number for number, row in enumerate(rows) if row[RANK] >= 0]
    ends.sort(key=lambda number: (-rows[number][CHOSEN], -(rows[number][PREFIX] or 0.0)))
    numbers = set()
    for end in ends[: whole + 1]:
        number = end
        while number >= 0:
            numbers.add(number)
            number = rows[number][PARENT]
    return [rows[number] for number in numbers]


def said(row: Sequence[Any]) -> set[int]:
    """The numbers of a row's texts: steps and critiques."""
    return {number for words, _, _, critique in row[STEPS] for number in (words, critique)}


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit + len(CUT):
        return text
    head = 2 * limit // 3
    return f"{text[:head]}{CUT}{text[len(text) - (limit - head) :]}"
