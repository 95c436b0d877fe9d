"""Where a problem's calls go: to the replica that knows it, as long as that is not too busy."""

from __future__ import annotations

from collections.abc import Sequence

from treewright.cluster.slot import Slot

REMEMBERED = 10_000
"""How many problems are remembered with the replica that served them last."""


class Homes:
    """The slot that each problem's last call went to; its prefix cache holds what they share.

    `slack`: a problem stays there until that slot has this many calls more than the least loaded.
    """

    def __init__(self, slack: int) -> None:
        self._slack = slack
        self._homes: dict[str, Slot] = {}

    def choose(self, problem: str, free: Sequence[Slot]) -> Slot:
        """The problem's own slot, unless it is not free or another is far less busy."""
        best = min(free, key=lambda slot: slot.load)
        home = self._homes.get(problem)
        if home is not None and home in free and home.load - best.load <= self._slack:
            return home
        self._homes.pop(problem, None)
        self._homes[problem] = best
        if len(self._homes) > REMEMBERED:
            del self._homes[next(iter(self._homes))]
        return best
