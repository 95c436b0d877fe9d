"""Treewright: best-of-N and tree-search reasoning, from a config or from Python.

    import treewright as tw

    with tw.open("quickstart") as lab:
        found = lab.search("What is (14 / 2 + 17) * 4 + 3 - 8 + 8?", tw.Beam(paths=8, children=4))
    print(found.answer, found.score, found.spent)

`docs/python.md` shows more. A name is imported when it is first used, so that `import treewright`
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.aggregation import AGGREGATIONS as AGGREGATIONS
    from search.budget import Budget as Budget
    from search.calls import SearchFailed as SearchFailed
    from search.core import Missing as Missing
    from search.core import Problem as Problem
    from search.fault import Fault as Fault
    from search.selection import SELECTIONS as SELECTIONS
    from search.strategies.backtrack import Backtrack as Backtrack
    from search.strategies.beam import Beam as Beam
    from search.strategies.best_first import BestFirst as BestFirst
    from search.strategies.best_of_n import BestOfN as BestOfN
    from search.strategies.dvts import Dvts as Dvts
    from search.strategies.greedy import Greedy as Greedy
    from search.strategies.majority import Majority as Majority
    from search.strategies.mcts import Mcts as Mcts
    from search.strategies.particles import Particles as Particles
    from search.strategies.rebase import Rebase as Rebase
    from search.strategies.sequential import Sequential as Sequential
    from treewright.lab.found import Found as Found
    from treewright.lab.lab import AsyncLab as AsyncLab
    from treewright.lab.lab import Lab as Lab
    from treewright.lab.lab import open as open
    from treewright.lab.run import AsyncRun as AsyncRun
    from treewright.lab.run import Run as Run

HOMES = {
    "AGGREGATIONS": "search.aggregation",
    "AsyncLab": "treewright.lab.lab",
    "AsyncRun": "treewright.lab.run",
    "Backtrack": "search.strategies.backtrack",
    "Beam": "search.strategies.beam",
    "BestFirst": "search.strategies.best_first",
    "BestOfN": "search.strategies.best_of_n",
    "Budget": "search.budget",
    "Dvts": "search.strategies.dvts",
    "Fault": "search.fault",
    "Found": "treewright.lab.found",
    "Greedy": "search.strategies.greedy",
    "Lab": "treewright.lab.lab",
    "Majority": "search.strategies.majority",
    "Mcts": "search.strategies.mcts",
    "Missing": "search.core",
    "Particles": "search.strategies.particles",
    "Problem": "search.core",
    "Rebase": "search.strategies.rebase",
    "Run": "treewright.lab.run",
    "SELECTIONS": "search.selection",
    "SearchFailed": "search.calls",
    "Sequential": "search.strategies.sequential",
    "open": "treewright.lab.lab",
}
"""Where each public name lives."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module treewright has no {name}; it has {', '.join(sorted(HOMES))}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(HOMES)
