"""What steers a search, named wherever its result is shown: beside what is reported."""

from __future__ import annotations

from search.questions import steered_by
from treewright.config.config import Config
from treewright.config.kinds import kind_of


def strategy_told(config: Config) -> str:
    """`best_of_n`, `beam steered by history.last`."""
    kind, steers = kind_of("strategy", config.strategy), steered_by(config.strategy)
    return kind if steers is None else f"{kind} steered by {steers}"
