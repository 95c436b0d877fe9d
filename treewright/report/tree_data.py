"""A search tree as the page carries it: each text once, unpacked when looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from search.core import Judgement, Spent
from search.driver import Searched
from search.tree import ROOT, Graph
from treewright.journal.codec import Json
from treewright.ledger import cost
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


@dataclass
class Texts:
    """Each text once; who has it refers to it by its number."""

    all: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str | None) -> int | None:
        """The number of a text, safe to be shown from now on; None of none."""
        if not text:
            return None
        if text not in self.numbers:
            self.numbers[text] = len(self.all)
            self.all.append(visible(text))
        return self.numbers[text]


def compact(graph: Graph, searched: Searched, answers: Sequence[str | None]) -> Json:
    """The tree as plain data.

    `nodes` stand in an order in which parents come first; a `parent` is a place among them, the
    root's children have none. Words are numbers into `texts`. `policy` and `verifier` are tokens.

    Args:
        graph: of `search.tree`, with the marks of `treewright.trees.trees`.
        searched: the same search, for the critiques.
        answers: of the candidates, aligned with them.
    """
    texts = Texts()
    places = {id: place for place, id in enumerate(id for id in graph if id != ROOT)}
    nodes = []
    for id in places:
        node, (parent,) = graph.nodes[id], graph.predecessors(id)
        nodes.append(
            stated(
                id=id,
                parent=places.get(parent),
                fate=texts.number(node["fate"].value),
                rank=node["rank"],
                chosen=node.get("chosen") or None,
                outcome=texts.number(node.get("outcome")),
                prefix=rounded(node["prefix"]),
                unjudged=texts.number(node["unjudged"]),
                stop=texts.number(node["stop"]),
                reason=texts.number(node["reason"]),
                policy=computed(node["policy"]),
                verifier=computed(node["verifier"]),
                answer=texts.number(None if node["rank"] is None else answers[node["rank"]]),
                steps=steps(node["steps"], searched.judgements.get(id), texts),
            )
        )
    return {
        "by": visible(graph.graph.get("chosen_by", "")),
        "steered": visible(graph.graph.get("steered_by") or ""),
        "limit": visible(graph.graph["exhausted"] or ""),
        "question": visible(graph.graph["question"]),
        "texts": texts.all,
        "nodes": nodes,
    }


def stated(**fields: object) -> Json:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def steps(drawn: Sequence[Json], judgement: Judgement | None, texts: Texts) -> list[Json]:
    """The steps of a node; critiques are those of its last steps."""
    verdicts = judgement.verdicts if judgement else ()
    critiques = [verdict.critique for verdict in verdicts[len(verdicts) - len(drawn) :]]
    return [
        stated(
            text=texts.number(step["text"]),
            probability=rounded(step["probability"]),
            status=texts.number(step["status"]),
            critique=texts.number(critique),
        )
        for step, critique in zip(drawn, critiques or [""] * len(drawn), strict=True)
    ]


def rounded(probability: float | None) -> float | None:
    """As many digits as the page can show."""
    return None if probability is None else round(probability, DIGITS)


def computed(spent: Mapping[str, int] | None) -> int | None:
    """Prompt tokens not cached, and generated ones; None where nothing was asked, or counted."""
    return None if spent is None else cost(Spent(**spent))


def fitted(trees: Collection[str], most: int) -> tuple[list[str], int | None]:
    """Packed trees whose sizes sum to `most` characters at most, and how many solutions are whole.

    That is None where all texts of all trees are. Even without texts the rows of very many trees
    may be too large: then the last trees are empty.
    """
    if sum(map(len, trees)) <= most:
        return list(trees), None
    some = list(islice(trees, 0, None, max(1, len(trees) // SAMPLED)))
    for whole in WHOLE:
        # A few trees tell what all would take; packing all of them at every size takes minutes.
        if sum(len(cut(tree, whole)) for tree in some) * len(trees) <= most * len(some):
            made = leading((cut(tree, whole) for tree in trees), most)
            if len(made) == len(trees):
                return made, whole
    made = leading((cut(tree, 0) for tree in trees), most)
    return made + [""] * (len(trees) - len(made)), 0


def leading(trees: Iterable[str], most: int) -> list[str]:
    """The first trees as far as they fit; those after them are not looked at."""
    made, size = list[str](), 0
    for tree in trees:
        size += len(tree)
        if size > most:
            break
        made.append(tree)
    return made


def cut(tree: str, whole: int) -> str:
    """A packed tree in which only the chosen and the highest-scored solutions have whole texts."""
    data = unpacked(tree)
    nodes, texts = data["nodes"], data["texts"]
    kept = {number for node in leading_nodes(nodes, whole) for number in said(node)}
    for step in (step for node in nodes for step in node["steps"]):
        words, critique = step.get("text"), step.get("critique")
        if words is not None and words not in kept:
            texts[words] = shortened(texts[words], SHORT)
        if critique is not None and critique not in kept:
            texts[critique] = CUT
    return packed(data)


def leading_nodes(nodes: Sequence[Json], whole: int) -> list[Json]:
    """The nodes on the way to the chosen solution and to as many others, by their probability."""
    ends = [node for node in nodes if "rank" in node]
    ends.sort(key=lambda node: (not node.get("chosen"), -node.get("prefix", 0.0)))
    leading = {}
    for node in ends[: whole + 1]:
        leading[node["id"]] = node
        while (parent := node.get("parent")) is not None:
            node = nodes[parent]
            leading[node["id"]] = node
    return list(leading.values())


def said(node: Json) -> set[int | None]:
    """The numbers of a node's texts: steps and critiques."""
    return {number for step in node["steps"] for number in (step.get("text"), step.get("critique"))}


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit + len(CUT):
        return text
    head = 2 * limit // 3
    return f"{text[:head]}{CUT}{text[len(text) - (limit - head) :]}"
