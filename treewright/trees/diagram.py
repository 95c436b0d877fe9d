"""A search tree for other programs to draw: DOT (Graphviz) and Mermaid."""

from __future__ import annotations

from search.tree import ROOT, Fate, Graph
from treewright.errors import shorten
from treewright.terminal import line
from treewright.trees.draw import marks, shown

LONGEST_TEXT = 60
"""Characters of a node's text that are shown."""
PLAIN = frozenset(" .,:=+-*/()")
"""Signs that mean nothing to Mermaid inside a quoted label."""


def to_dot(graph: Graph) -> str:
    """A Graphviz digraph: the way to the chosen solution bold, what was pruned dashed."""
    names = numbered(graph)
    lines = ["digraph search {", "  node [shape=box];"]
    for id, name in names.items():
        text = "\\n".join(map(dot_escaped, label(graph, id)))
        lines.append(f'  {name} [label="{text}", style={look(graph, id)}];')
    lines += [f"  {names[above]} -> {names[below]};" for above, below in graph.edges]
    return "\n".join([*lines, "}"])


def to_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart: the way to the chosen solution bold, what was pruned dashed."""
    names = numbered(graph)
    lines = ["flowchart TD"]
    for id, name in names.items():
        text = "<br/>".join(map(mermaid_escaped, label(graph, id)))
        lines.append(f'  {name}["{text}"]:::{look(graph, id)}')
    lines += [f"  {names[above]} --> {names[below]}" for above, below in graph.edges]
    styles = {
        "bold": "stroke-width:3px",
        "dashed": "stroke-dasharray:4",
        "solid": "stroke-width:1px",
    }
    return "\n".join([*lines, *(f"  classDef {name} {style}" for name, style in styles.items())])


def numbered(graph: Graph) -> dict[str, str]:
    """A plain name for each node, whatever its id holds."""
    return {id: f"n{number}" for number, id in enumerate(graph.nodes)}


def label(graph: Graph, id: str) -> list[str]:
    """The lines of a node."""
    if id == ROOT:
        return [shorten(line(graph.graph["question"]), LONGEST_TEXT)]
    node = graph.nodes[id]
    head = f"{id}: {shown(node['prefix'])}"
    words = line(" ".join(step["text"] for step in node["steps"]))
    told = ", ".join(marks(node))
    return [head, shorten(words, LONGEST_TEXT), *([shorten(told, LONGEST_TEXT)] if told else [])]


def look(graph: Graph, id: str) -> str:
    """The style of a node."""
    node = graph.nodes[id]
    if node.get("chosen"):
        return "bold"
    return "dashed" if node.get("fate") == Fate.PRUNED else "solid"


def dot_escaped(text: str) -> str:
    r"""Backslashes and quotes as Graphviz reads them in a quoted string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def mermaid_escaped(text: str) -> str:
    """Every sign that could end a label, or be markup in it, as its character code."""
    return "".join(sign if sign.isalnum() or sign in PLAIN else f"#{ord(sign)};" for sign in text)
