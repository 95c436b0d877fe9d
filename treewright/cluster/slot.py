"""A slot: the place in a pool where one replica lives, dies and is replaced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from treewright.cluster.activity import Activity
from treewright.cluster.pool_stats import ReplicaStats, State
from treewright.cluster.replica import Call, Info, Outcome, Replica, Spot
from treewright.cluster.turns import Turn


@dataclass(eq=False, slots=True)
class Ticket:
    """One call of a pool, from the question to its only answer.

    It keeps its id over all attempts. `losses`: at how many deaths of a replica it was in flight;
    `deaths`: of these, those that it may be the cause of; `alone`: of these, those at which nothing
    else was in flight.
    """

    id: int
    call: Call
    answer: asyncio.Future[Outcome]
    losses: int = 0
    deaths: int = 0
    alone: int = 0


@dataclass(eq=False, slots=True)
class Slot:
    """What is in flight at one replica. Calls taken and calls dropped travel at the next flush."""

    index: int
    replica: Replica | None = None
    info: Info = field(default_factory=dict)
    deaths: int = 0
    """How often it died in a row, without a reply in between."""
    cause: str = ""
    """Why it died last."""
    given_up: bool = False
    came: bool = False
    """Whether a replica was ever ready here."""
    refused: bool = False
    """Whether a replica could not be built here at all."""
    in_flight: dict[int, Ticket] = field(default_factory=dict)
    quiet: float = 0.0
    """Seconds without a reply or a step while calls were in flight."""
    steps: int = 0
    """What the replica said of its engine's steps last."""
    turn: Turn = field(default_factory=Turn)
    asleep: bool = False
    """Whether it has a replica that sleeps."""
    state: State = State.PLACED
    spot: Spot = field(default_factory=Spot)
    activity: Activity = field(default_factory=Activity)
    _taken: list[Ticket] = field(default_factory=list)
    _dropped: list[int] = field(default_factory=list)

    @property
    def load(self) -> int:
        """How many calls are in flight."""
        return len(self.in_flight)

    @property
    def serves(self) -> bool:
        """Whether calls may be sent to it: its replica is awake, and is to stay so."""
        return self.replica is not None and self.turn.mine

    @property
    def busy(self) -> float:
        """The share of its replica that is at work now, from 0 to 1."""
        return self.activity.share(self.load, self.activity.last)

    @property
    def running(self) -> int:
        """Of its calls, as many as its replica computes side by side, as far as that is known."""
        room = self.activity.room
        return self.load if room is None else min(self.load, room)

    def take(self, ticket: Ticket) -> None:
        """Put a call in flight."""
        if not self.in_flight:
            self.quiet = 0.0
        self.in_flight[ticket.id] = ticket
        self._taken.append(ticket)

    def drop(self, ticket: Ticket) -> bool:
        """Give up a call that nobody waits for; whether it was in flight here."""
        if self.in_flight.pop(ticket.id, None) is None:
            return False
        if ticket in self._taken:
            self._taken.remove(ticket)
        else:
            self._dropped.append(ticket.id)
        return True

    def flush(self) -> None:
        """Send what was taken as one submit, and what was dropped as one abort."""
        if self.replica is None:
            return
        if self._taken:
            self.replica.submit([(ticket.id, ticket.call) for ticket in self._taken])
            self._taken = []
        if self._dropped:
            self.replica.abort(self._dropped)
            self._dropped = []

    def stats(self) -> ReplicaStats:
        """What its replica is doing."""
        activity = self.activity
        spot, on_cpu = self.spot, self.info.get("device") == "cpu"
        cores = f"the cores of {spot.node}" if spot.node and on_cpu else ""
        up_s = activity.up_s or 1.0
        return ReplicaStats(
            number=self.index + 1,
            state=self._told(),
            node=spot.node,
            gpu=spot.gpu,
            gpus=0.0 if self.asleep else spot.gpus,
            computes_on=f"GPU {spot.gpu} of {spot.node}" if spot.gpu else cores,
            calls=self.load,
            engine=activity.engine,
            tokens=activity.tokens,
            up_s=activity.up_s,
            busy_s=activity.busy_s,
            mean_running=activity.running_s / up_s,
            mean_waiting=activity.waiting_s / up_s,
            kv_most=activity.kv_most,
        )

    def _told(self) -> State:
        if self.given_up:
            return State.GIVEN_UP
        leaves = self.state is State.SERVES and not self.turn.mine
        return State.LEAVES if leaves else self.state

    def empty(self) -> list[Ticket]:
        """The replica is gone: take out all that was in flight."""
        tickets = list(self.in_flight.values())
        self.replica = None
        self.in_flight, self._taken, self._dropped = {}, [], []
        return tickets

    def heard(self, *, reply: bool, steps: int, seconds: float) -> float:
        """Take in one poll that took so long; how long nothing has moved, 0 with nothing to do."""
        moved = reply or steps != self.steps or not self.in_flight
        self.steps, self.quiet = steps, 0.0 if moved else self.quiet + seconds
        return self.quiet
