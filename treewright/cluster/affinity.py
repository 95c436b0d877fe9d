"""Where a problem's calls go: to the replica that knows it, as long as that is not too busy."""

from __future__ import annotations

from collections.abc import Sequence

from treewright.cluster.slot import Slot

REMEMBERED = 10_000
"""How many problems are remembered with the replica that served them last."""


class Affinity:
    """The slot that each problem's last call went to; its prefix cache holds what they share.

    `slack`: a problem stays there until that slot has this many calls more than the least loaded.
    """

    def __init__(self, slack: int) -> None:
        self._slack = slack
        self._last: dict[str, Slot] = {}

    def choose(self, problem: str, free: Sequence[Slot]) -> Slot:
        """The problem's own slot, unless it is not free or another is far less busy."""
        best = min(free, key=lambda slot: slot.load)
        home = self._last.get(problem)
        if home is not None and home in free and home.load - best.load <= self._slack:
            return home
        self._last.pop(problem, None)
        self._last[problem] = best
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]
        return best
