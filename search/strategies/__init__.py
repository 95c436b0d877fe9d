"""Search strategies, one file each. Adding one is one file and one line in `STRATEGIES`."""

from __future__ import annotations

from search.strategies.best_of_n import BestOfN
from search.strategies.greedy import Greedy
from search.strategies.majority import Majority

STRATEGIES: dict[str, type[BestOfN] | type[Majority] | type[Greedy]] = {
    "best_of_n": BestOfN,
    "majority": Majority,
    "greedy": Greedy,
}
