"""Elastic roles: replicas that change sides as the load does (`cluster.elastic`).

Each pair has a policy and a verifier on one GPU, of which one is awake (see `turns`). Every second
it is looked at how busy both sides are, and `balance` says when pairs change. One change is under
way at a time: who leaves gets no new calls, ends those it has, and sleeps; then the other wakes, or
is loaded where it was not needed before. The last replica of a side that serves never leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from treewright.cluster.advice import SideLoad
from treewright.cluster.balance import Balancer, Change, Seen
from treewright.cluster.pool import Pool
from treewright.cluster.pool_stats import State
from treewright.cluster.slot import Slot
from treewright.cluster.turns import Pair

EVERY_S = 1.0
"""How often the load is looked at."""
PATIENCE_S = 30.0
"""For so long a side may be without a replica that is awake while one waits for its place."""
OTHER = {"policy": "scorer", "scorer": "policy"}
NAMES = {"policy": "policy", "scorer": "verifier"}


@dataclass(frozen=True, slots=True)
class Seat:
    """A pair, and the slots of its two replicas by side."""

    pair: Pair
    slots: Mapping[str, Slot]

    @property
    def settled(self) -> bool:
        """Whether no change is under way: who is to be awake is, or nobody knows when it will."""
        slot = self.slots[self.pair.side]
        return slot.serves or slot.given_up or slot.state is State.PLACED


class Elastic:
    """Gives pairs to the side that needs them. `tell` hears of every change, in a line."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        policies: Pool,
        scorers: Pool,
        tell: Callable[[str], None] = lambda line: None,
        balancer: Balancer | None = None,
    ) -> None:
        self._pools = {"policy": policies, "scorer": scorers}
        self._seats = [
            Seat(pair, {"policy": policy, "scorer": scorer})
            for pair, policy, scorer in zip(pairs, policies.slots, scorers.slots, strict=True)
        ]
        self._tell = tell
        self._balancer = balancer or Balancer()
        self._without_s = dict.fromkeys(NAMES, 0.0)
        self.changes = 0
        """How many pairs were given to another side."""

    def awake(self, side: str) -> int:
        """How many replicas of a side serve."""
        return sum(slot.serves for slot in self._pools[side].slots)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the load while the block lasts."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self.look(EVERY_S)

    def look(self, seconds: float) -> None:
        """Look at the load, `seconds` after the last time, and change what is to be changed."""
        if any(pool.extinct for pool in self._pools.values()):
            return
        self._use_what_is_idle()
        if not all(seat.settled for seat in self._seats):
            self._balancer.restart()
            return
        change = self._lacking(seconds)
        if change is None and all(map(self.awake, NAMES)):
            change = self._balancer.hear(seconds, *map(self._seen, NAMES))
        if change is not None:
            self._change(change)

    def _use_what_is_idle(self) -> None:
        """Where a replica was given up, its GPU goes to the other side."""
        for seat in self._seats:
            side = seat.pair.side
            other = OTHER[side]
            if seat.slots[side].given_up and not seat.slots[other].given_up:
                name = f"{side} replica {seat.slots[side].index + 1}"
                self._give([seat], other, f"{name} was given up")

    def _lacking(self, seconds: float) -> Change | None:
        """A replica for a side that has none any more, or none that finds a place."""
        for side in NAMES:
            self._without_s[side] = 0.0 if self.awake(side) else self._without_s[side] + seconds
            to_come = any(seat.pair.side == side for seat in self._seats)
            if self._without_s[side] > (PATIENCE_S if to_come else 0.0):
                return Change(side, 1, f"no {NAMES[side]} is awake")
        return None

    def _seen(self, side: str) -> Seen:
        pool = self._pools[side]
        load = SideLoad(NAMES[side], self.awake(side), pool.busy())
        return Seen(load, pool.answered, sum(slot.running for slot in pool.slots))

    def _change(self, change: Change) -> None:
        """Those that are ready to wake change first, then those with the fewest calls to end."""
        giving = OTHER[change.side]
        able = [
            seat
            for seat in self._seats
            if seat.slots[giving].serves and not seat.slots[change.side].given_up
        ]
        able.sort(key=lambda seat: (not seat.slots[change.side].asleep, seat.slots[giving].load))
        most = min(change.count, self.awake(giving) - 1)
        if able and most > 0:
            self._give(able[:most], change.side, change.why)

    def _give(self, seats: Sequence[Seat], side: str, why: str) -> None:
        before = self._split()
        for seat in seats:
            seat.pair.give(side)
        self._balancer.restart()
        self.changes += len(seats)
        self._tell(f"elastic: {why}: from {before} to {self._split()} awake")

    def _split(self) -> str:
        """Policies + verifiers that are to be awake."""
        sides = [seat.pair.side for seat in self._seats]
        return " + ".join(str(sides.count(side)) for side in NAMES)
