"""Search strategies, one file each. Adding one is one file and one line in `STRATEGIES`."""

from __future__ import annotations

from importlib import import_module

from search.questions import Strategy

STRATEGIES = {
    "best_of_n": "search.strategies.best_of_n:BestOfN",
    "majority": "search.strategies.majority:Majority",
    "greedy": "search.strategies.greedy:Greedy",
    "beam": "search.strategies.beam:Beam",
    "dvts": "search.strategies.dvts:Dvts",
    "mcts": "search.strategies.mcts:Mcts",
    "rebase": "search.strategies.rebase:Rebase",
    "particles": "search.strategies.particles:Particles",
    "best_first": "search.strategies.best_first:BestFirst",
    "backtrack": "search.strategies.backtrack:Backtrack",
    "sequential": "search.strategies.sequential:Sequential",
}


def strategy_class(kind: str) -> type[Strategy]:
    """The class of a listed strategy; only its module is imported."""
    module, _, name = STRATEGIES[kind].partition(":")
    found: type[Strategy] = getattr(import_module(module), name)
    return found
