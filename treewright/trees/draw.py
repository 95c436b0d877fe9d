"""A search tree as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from benchmarks.grading import Outcome
from search.tree import ROOT, Fate, Graph
from search.wording import DASH, amount, number, whole
from treewright.arms.tables import console
from treewright.ledger import from_a_cache
from treewright.terminal import line

LEGEND = "probability of the whole prefix · of the step (if another) · text; ★ leads to the chosen"
LONGEST_ID = 6
"""Numbers of an id that are shown; of a longer one half as many."""
GOOD, FAIR = 0.7, 0.4
"""From here on a probability is green, yellow; below it is red."""

Node = Mapping[str, Any]


def draw(graph: Graph) -> None:
    """Print the tree on stdout, a line per path, as wide as the terminal."""
    page = console()
    for drawn in lines(graph, page.width // 2):
        drawn.truncate(page.width, overflow="ellipsis")
        page.print(drawn)
    for told in footer(graph):
        page.print(Text(told, style="dim"))


def lines(graph: Graph, room: int) -> Iterator[Text]:
    """Nodes below their parents; the steps of a whole solution below its node.

    Guides take `room` columns at most: of deep ones the left is cut, so that there is always place
    for what they lead to.
    """
    title = f"{line(graph.graph['problem'])}  {line(graph.graph['question'])}"
    yield styled((title, "bold"))
    open_ = children(graph, ROOT, "")
    while open_:
        id, guide, last = open_.pop()
        node = graph.nodes[id]
        yield styled(branch(guide, room, last=last), *headline(id, node))
        guide += "    " if last else "│   "
        below = children(graph, id, guide)
        steps = node["steps"] if len(node["steps"]) > 1 else []
        for at, step in enumerate(steps, start=1):
            last = at == len(steps) and not below
            kept = ("  kept", "dim") if at <= node["kept"] else ""
            words = f"  {line(step['text'])}"
            yield styled(branch(guide, room, last=last), odds(step["probability"]), kept, words)
        open_ += below


def children(graph: Graph, id: str, guide: str) -> list[tuple[str, str, bool]]:
    """A node's children with their guide, and whether they are the last; the first comes last."""
    ids = list(graph.successors(id))
    return [(child, guide, child == ids[-1]) for child in reversed(ids)]


def branch(guide: str, room: int, *, last: bool) -> tuple[str, str]:
    """The lines that lead to a node."""
    drawn = guide + ("└── " if last else "├── ")
    over = max(0, len(drawn) - room // 4 * 4)
    return (f"…   {drawn[over + 4 :]}" if over else drawn, "dim")


def headline(id: str, node: Node) -> list[str | tuple[str, str]]:
    """`★ 0/1  0.88 · 0.91  [candidate 1, correct]  Step 2: …`."""
    steps, told = node["steps"], ", ".join(marks(node))
    star = "★ " if node.get("chosen") else ""
    parts: list[str | tuple[str, str]] = [(f"{star}{short(id)}  ", "bold"), odds(node["prefix"])]
    if len(steps) == 1 and shown(steps[0]["probability"]) not in (shown(node["prefix"]), DASH):
        parts += [(" · ", "dim"), odds(steps[0]["probability"])]
    if told:
        parts.append((f"  [{told}]", "dim" if node["rank"] is None else "cyan"))
    words = line(steps[0]["text"]) if len(steps) == 1 else f"{len(steps)} steps"
    parts.append((f"  {words}", "dim" if node["fate"] == Fate.PRUNED else ""))
    return parts


def short(id: str) -> str:
    """The id, or its end where it is long: the guides tell the rest."""
    numbers = id.split("/")
    return id if len(numbers) <= LONGEST_ID else f"…/{'/'.join(numbers[-LONGEST_ID // 2 :])}"


def styled(*parts: str | tuple[str, str]) -> Text:
    """Styled text on one line."""
    return Text.assemble(*parts, no_wrap=True)


def marks(node: Node) -> Iterator[str]:
    """What became of a path, in words."""
    if node["rank"] is not None:
        yield f"candidate {node['rank'] + 1}"
    if node.get("outcome", Outcome.UNKNOWN) != Outcome.UNKNOWN:
        yield node["outcome"]
    if node["fate"] == Fate.PRUNED:
        yield f"pruned: {line(node['reason'])}" if node["reason"] else "pruned"
    if node["kept"]:
        yield f"keeps {node['kept']} step{'s' if node['kept'] > 1 else ''}"
    if node["in_view"] is not None:
        yield f"sees {node['in_view']}"
    if node["stop"] not in ("step_end", "eos"):
        yield f"stopped by {node['stop']}"
    if node["unjudged"] and node["unjudged"] != "not judged":
        yield f"no judgement: {line(node['unjudged'])}"


def odds(probability: float | None) -> tuple[str, str]:
    """The number and its colour."""
    if probability is None:
        return DASH, "dim"
    style = "green" if probability >= GOOD else "yellow" if probability >= FAIR else "red"
    return shown(probability), style


def shown(probability: float | None) -> str:
    """Two decimals; a dash where there is no number."""
    return number(probability, 2)


def footer(graph: Graph) -> Iterator[str]:
    """How to read it, and what it cost."""
    yield LEGEND if "chosen_by" not in graph.graph else f"{LEGEND} ({graph.graph['chosen_by']})"
    if steers := graph.graph.get("steered_by"):
        yield f"the search was steered by {line(steers)}"
    nodes = [node for id, node in graph.nodes(data=True) if id != ROOT]
    for side in ("policy", "verifier"):
        spent = [node[side] for node in nodes if node[side]]
        calls, counts = sum(each["calls"] for each in spent), list(map(computed, spent))
        told = [count for count in counts if count is not None]
        tokens = amount(sum(told) if len(told) == len(counts) else None)
        had = sum(each.get("recalled", 0) for each in spent)
        saved = sum(each.get("saved", 0) for each in spent)
        beside = f"; {from_a_cache(side, had, saved)}" if had else ""
        yield f"{side}: {whole(calls)} calls, {tokens} tokens computed{beside}"
    if graph.graph["exhausted"]:
        yield f"ended by a limit: {line(graph.graph['exhausted'])}"


def computed(spent: Mapping[str, int]) -> int | None:
    """Prompt tokens that were not cached, and generated ones; None where nobody counted."""
    if spent.get("untold") or (spent["calls"] and not spent["prompt"]):
        return None
    return spent["prompt"] - spent["cached"] + spent["generated"]
