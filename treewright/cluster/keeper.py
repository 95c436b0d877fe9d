"""Keeps the replica of one slot alive: starts it, hears it, replaces it, and tries again later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from search.ports import one_line
from treewright.cluster.limits import PoolLimits
from treewright.cluster.liveness import in_time, poll_in_time
from treewright.cluster.pool_stats import State
from treewright.cluster.replica import (
    Outcome,
    Replica,
    ReplicaDied,
    ReplicaHung,
    Spot,
    StartRefused,
)
from treewright.cluster.slot import Slot
from treewright.cluster.start_locks import StartLocks
from treewright.cluster.watchdog import PortBlocked

CLOSE_S = 10.0
"""How long a replica may take to free what it holds; an actor is killed before."""
POLL_S = 1.0
"""The longest wait for news of a replica before it is asked whether it moves."""
LONGEST_AGAIN_S = 600.0
"""The longest wait before a slot that was given up is tried again."""


class Home(Protocol):
    """The pool that a slot belongs to, as its keeper sees it."""

    def ready(self, slot: Slot) -> None:
        """Its replica answers calls from now on."""
        ...

    def accept(self, slot: Slot, ended: list[tuple[int, Outcome]]) -> None:
        """Some calls have ended."""
        ...

    def bury(self, slot: Slot, death: ReplicaDied) -> str:
        """Take back what was in flight; what becomes of it, to be told. It counts the death."""
        ...

    def refused(self, line: str) -> None:
        """A replica cannot be built: to be told, unless that is the end of all."""
        ...

    def given_up(self, slot: Slot) -> None:
        """The slot was given up: that is the end of all when it was the last."""
        ...

    def over(self) -> bool:
        """Whether all has ended, so that no slot is to be tried again."""
        ...


@dataclass(slots=True)
class Keeper:
    """One slot's. `named`: what the replica is called. `tell` hears of deaths, in a line each."""

    slot: Slot
    home: Home
    make: Callable[[], Replica]
    limits: PoolLimits
    locks: StartLocks
    named: str
    tell: Callable[[str], None]
    told: str = ""
    """Why the slot was given up, as it was told last."""

    async def keep(self) -> None:
        """Keep a replica alive, and when it is given up try again later, until cancelled.

        It ends when the slot was the last of its pool, or replicas are not to be replaced.
        """
        again_s = self.limits.again_s
        while True:
            if await self._live():
                again_s = self.limits.again_s
            self.slot.given_up, self.told = True, self.slot.cause
            self.home.given_up(self.slot)
            if not self.limits.max_restarts:
                return
            await asyncio.sleep(again_s)
            if self.home.over():
                return
            again_s = min(2 * again_s, max(LONGEST_AGAIN_S, again_s))
            self.slot.given_up, self.slot.deaths = False, self.limits.max_restarts

    async def _live(self) -> bool:
        """Replace the replica as often as it may be; whether any of them was ready."""
        ready = False
        while self.slot.deaths <= self.limits.max_restarts:
            await asyncio.sleep(self.limits.backoff(self.slot.deaths))
            await self._turn()
            replica = self.make()
            try:
                await self._begin(replica)
                ready = True
                await self._serve(replica)
            except StartRefused as refusal:
                self._refuse(refusal)
                return ready
            except ReplicaDied as death:
                self._died(death)
            except Exception as bug:  # noqa: BLE001 - whatever it is, its calls are asked elsewhere
                self._died(ReplicaDied(one_line(bug)))
            finally:
                self.slot.replica, self.slot.state = None, State.REPLACED
                self.slot.asleep = False
                await self._stop(replica)
                self.slot.turn.end()
        return ready

    async def _turn(self) -> None:
        """Wait for its turn; a replica that is not to be awake yet is not loaded either."""
        if not self.slot.turn.mine:
            self.slot.state, self.slot.spot = State.ASLEEP, Spot()
        await self.slot.turn.begin()

    def _refuse(self, refusal: StartRefused) -> None:
        self.slot.cause, self.slot.refused = str(refusal), True
        if self.slot.cause != self.told:
            self.home.refused(f"{self.named} cannot be started: {refusal}")

    def _died(self, death: ReplicaDied) -> None:
        """Tell it, but not again and again of a slot that was given up for this already."""
        aftermath = self.home.bury(self.slot, death)
        if self.slot.cause != self.told:
            self.tell(f"{self.named} died: {death}; {aftermath}")

    async def _begin(self, replica: Replica) -> None:
        limit, slot = self.limits.start_timeout_s, self.slot
        slot.state, slot.spot = State.PLACED, Spot()
        shared = await replica.prepare()  # it may wait for its place, which is no hang
        # The wait for its turn does not count.
        async with self.locks.compiling(replica.compiles()), self.locks.turn(shared):
            slot.state, slot.spot = State.STARTS, replica.spot()
            try:
                async with in_time(limit, "it was not ready"):
                    slot.info = await replica.start()
            except BaseException:
                await self._stop(replica)  # what it holds is free before the next one looks
                raise
        slot.replica, slot.steps, slot.quiet, slot.came = replica, replica.steps(), 0.0, True
        slot.state = State.SERVES
        slot.activity.renewed()
        if self.told:
            self.tell(f"{self.named} is back")
            self.told = ""
        self.home.ready(slot)

    async def _stop(self, replica: Replica) -> None:
        """Free what a replica holds, however its port takes it: a slot outlives a session."""
        try:
            async with in_time(CLOSE_S, "it did not end"):
                await replica.stop()
        except (Exception, PortBlocked, SystemExit) as error:  # noqa: BLE001 - it ends all the same
            why = error if isinstance(error, ReplicaHung) else one_line(error)
            self.tell(f"{self.named} could not be closed: {why}")

    async def _serve(self, replica: Replica) -> None:
        """Hand out outcomes until the replica dies. Raises `ReplicaDied`."""
        limit = self.limits.call_timeout_s
        loop = asyncio.get_running_loop()
        wait_s = min(POLL_S, limit / 4)
        while True:
            began = loop.time()
            ended = await self._poll(replica, wait_s)
            # Where this process was too busy or was stopped, the replica is not to blame.
            seconds = min(loop.time() - began, 2 * wait_s)
            self.slot.activity.heard(seconds, self.slot.load, replica.stats())
            self.home.accept(self.slot, ended)
            quiet = self.slot.heard(reply=bool(ended), steps=replica.steps(), seconds=seconds)
            if quiet >= limit:
                calls = f"{self.slot.load} {'call' if self.slot.load == 1 else 'calls'} in flight"
                raise ReplicaHung(f"no reply and no step within {limit:g} s, with {calls}")
            if not self.slot.turn.mine and not self.slot.load:
                await self._rest(replica, wait_s)

    async def _rest(self, replica: Replica, wait_s: float) -> None:
        """Let it sleep until it is its turn again. Raises `ReplicaDied`: it may die meanwhile."""
        slot, limits = self.slot, self.limits
        slot.flush()  # what it was told to give up
        slot.replica = None
        async with in_time(limits.start_timeout_s, "it did not fall asleep"):
            await replica.sleep()
        slot.state, slot.asleep = State.ASLEEP, True
        slot.turn.end()
        while not slot.turn.mine:
            await self._poll(replica, wait_s)
        await slot.turn.begin()
        slot.state = State.WAKES
        async with in_time(limits.start_timeout_s, "it did not wake"):
            await replica.wake()
        slot.replica, slot.quiet, slot.asleep = replica, 0.0, False
        slot.state = State.SERVES
        self.home.ready(slot)

    async def _poll(self, replica: Replica, wait_s: float) -> list[tuple[int, Outcome]]:
        limits = self.limits
        return await poll_in_time(
            replica, wait_s, limits.call_timeout_s, limits.silent_s, self._tell_silence
        )

    def _tell_silence(self) -> None:
        self.tell(
            f"{self.named} gives no sign for {self.limits.silent_s:g} s: it is busy, or its node "
            f"is gone; unless it answers it is replaced after {self.limits.call_timeout_s:g} s"
        )
