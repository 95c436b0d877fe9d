"""Where a call goes: to the replica that knows its path or its problem, unless that is too busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from search.core import Place
from search.ports import PolicyCall
from treewright.cluster.replica import Call
from treewright.cluster.slot import Slot

REMEMBERED = 10_000
"""How many problems, and how many paths, are remembered with the replica that served them last."""

T = TypeVar("T")


class Affinity:
    """The slot that the last call on each problem, and on the children of each path, went to.

    Its prefix cache holds what they share. `slack`: a problem stays there until that slot has this
    many calls more than the least loaded. `siblings`: children of one path stay together for so
    many more: those of a step do, and the many that best-of-n draws are spread.
    """

    def __init__(self, slack: int, siblings: int) -> None:
        self._slack, self._siblings = slack, siblings
        self._last: dict[str, Slot] = {}
        self._families: dict[tuple[str, Place], Slot] = {}

    def choose(self, call: Call, free: Sequence[Slot]) -> Slot:
        """Where its siblings are, or its problem; where neither is free enough, the least busy."""
        best = min(free, key=lambda slot: slot.load)
        problem, path = call.path.problem.id, call.path.place
        family = problem, path if isinstance(call, PolicyCall) else path[:-1]
        homes = (
            (self._families.get(family), self._slack + self._siblings),
            (self._last.get(problem), self._slack),
        )
        chosen = best
        for home, slack in homes:
            if home is not None and home in free and home.load - best.load <= slack:
                chosen = home
                break
        remember(self._families, family, chosen)
        remember(self._last, problem, chosen)
        return chosen


def remember(last: dict[T, Slot], what: T, slot: Slot) -> None:
    """Note where it was last; the oldest is forgotten."""
    last.pop(what, None)
    last[what] = slot
    if len(last) > REMEMBERED:
        del last[next(iter(last))]
