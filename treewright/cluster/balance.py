"""When one side gets replicas of the other: the arithmetic of elastic roles.

Pure. A window of time is measured, then decided upon by the same arithmetic as the advice
(`treewright.cluster.advice`): the work of both sides, in replicas that never rest, says how fast
each split would be. Three things keep it from swinging to and fro. Another split must be `WORTH` so
many times as fast, and the busier side full. A change goes half of the way. And where one takes
back the one before, the next window is twice as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from treewright.cluster.advice import FULL, WORTH, SideLoad, Split, share, speed

WINDOW_S = 10.0
"""For so long the work is measured before it is decided upon."""
LONGEST_S = 16 * WINDOW_S


@dataclass(frozen=True, slots=True)
class Change:
    """So many replicas of the other side are to be of this one: `policy` or `scorer`."""

    side: str
    count: int
    why: str
    """In words: how busy the sides are."""


class Balancer:
    """Measures and decides. `window_s`: the length of the first window, in seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._last = ""
        self.restart()

    def restart(self) -> None:
        """Forget what was measured: it was of another split."""
        self._seconds = self._policy = self._scorer = 0.0

    def hear(self, seconds: float, policy: SideLoad, scorer: SideLoad) -> Change | None:
        """Take in how busy the replicas that are awake were for so long; at least one of each is.

        At the end of a window: what is to change, None where nothing is.
        """
        self._seconds += seconds
        self._policy += seconds * policy.busy
        self._scorer += seconds * scorer.busy
        if self._seconds < self._window_s:
            return None
        measured = (
            SideLoad(policy.name, policy.replicas, self._policy / self._seconds),
            SideLoad(scorer.name, scorer.replicas, self._scorer / self._seconds),
        )
        self.restart()
        return self._decide(*measured)

    def _decide(self, policy: SideLoad, scorer: SideLoad) -> Change | None:
        if max(policy.busy, scorer.busy) < FULL:
            return None
        found = fastest(policy, scorer)
        if found.speed < WORTH:
            return None
        more = found.policies - policy.replicas
        side = "policy" if more > 0 else "scorer"
        if self._last not in ("", side):
            self._window_s = min(2 * self._window_s, LONGEST_S)
        self._last = side
        why = f"the {policy.name} is busy {share(policy)}, the {scorer.name} {share(scorer)}"
        return Change(side, math.ceil(abs(more) / 2), why)


def fastest(policy: SideLoad, scorer: SideLoad) -> Split:
    """The fastest split of as many replicas, one of each side at least; of equals the nearest.

    One side at least is at work.
    """
    total = policy.replicas + scorer.replicas
    splits = [
        Split(count, total - count, speed(count, total - count, policy, scorer))
        for count in range(1, total)
    ]
    return max(splits, key=lambda split: (split.speed, -abs(split.policies - policy.replicas)))
