"""When one side gets replicas of the other: the arithmetic of elastic roles.

Pure. A window of time is measured, then decided upon by the arithmetic of the advice (`advice`):
the work of both sides, in replicas that never rest, says how fast each split would be. What keeps
it from swinging to and fro:

* what is measured has settled: at first, and after each change, as many calls as were running have
  been answered before a window begins, and as many again before it ends;
* the busier side is full (`FULL`), and the other split `WORTH` so many times as fast;
* a change goes half of the way;
* where one takes back the one before, the next window is twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Seen:
    """A side at one moment: its replicas that are awake, and how much of them is at work.

    `answered`: calls so far. `running`: calls that are computed now, not those that wait.
    """

    load: SideLoad
    answered: int
    running: int


class Balancer:
    """Measures and decides. `window_s`: the length of the first window, in seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._last = ""
        self.restart()

    def restart(self) -> None:
        """Forget what was measured: it was of another split."""
        self._settled = False
        self._begin(())

    def _begin(self, sides: Sequence[Seen]) -> None:
        """A window, or the time before it, begins."""
        self._due = [side.answered + side.running for side in sides]
        self._seconds, self._busy = 0.0, [0.0, 0.0]

    def hear(self, seconds: float, policy: Seen, scorer: Seen) -> Change | None:
        """Take in what both sides did for so long; at least one replica of each is awake.

        At the end of a window: what is to change, None where nothing is.
        """
        sides = policy, scorer
        if not self._due:
            self._begin(sides)
        ended = all(side.answered >= due for side, due in zip(sides, self._due, strict=True))
        if not self._settled:
            if ended:
                self._settled = True
                self._begin(sides)
            return None
        self._seconds += seconds
        for index, side in enumerate(sides):
            self._busy[index] += seconds * side.load.busy
        if not ended or self._seconds < self._window_s:
            return None
        measured = [
            replace(side.load, busy=busy / self._seconds)
            for side, busy in zip(sides, self._busy, strict=True)
        ]
        self._begin(sides)
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
