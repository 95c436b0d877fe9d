"""Search strategies, one file each. Adding one is one file and one line in `STRATEGIES`."""

from __future__ import annotations

from search.core import Strategy
from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from search.strategies.majority import Majority
from search.strategies.mcts import Mcts

STRATEGIES: dict[str, type[Strategy]] = {
    "best_of_n": BestOfN,
    "majority": Majority,
    "greedy": Greedy,
    "mcts": Mcts,
}
