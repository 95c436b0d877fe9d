"""Many replicas behind one port.

A call goes to the replica that knows its problem, or to the least loaded; all calls of one tick of
the event loop that go to one replica travel together; each is answered alone. A dead replica is
replaced and its calls are asked again, the same calls with the same seeds. A call that kills twice
is answered `POISON`. When no replica is left, every call is answered `UNAVAILABLE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from search.ports import Failure, FailureKind, one_line
from treewright.cluster.affinity import Affinity
from treewright.cluster.liveness import in_time, poll_in_time
from treewright.cluster.pool_stats import PoolStats
from treewright.cluster.quarantine import Quarantine
from treewright.cluster.replica import (
    Call,
    Outcome,
    Replica,
    ReplicaDied,
    ReplicaHung,
    StartRefused,
)
from treewright.cluster.slot import Slot, Ticket
from treewright.cluster.start_locks import StartLocks
from treewright.cluster.waiting import Waiting
from treewright.cluster.watchdog import PortBlocked

CLOSE_S = 10.0
"""How long a replica may take to free what it holds; an actor is killed before."""
POLL_S = 1.0
"""The longest wait for news of a replica before it is asked whether it moves."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """`max_restarts`: of one replica, in a row, without a reply in between.

    `call_timeout_s`: without a reply and without a step of its engine, while calls are in flight.
    `slack`: a problem stays at its replica until that has this many calls more than the least
    loaded. The wait before a restart doubles from `backoff_s`; the first restart is at once.
    """

    calls_in_flight: int = 64
    max_restarts: int = 3
    call_timeout_s: float = 600.0
    start_timeout_s: float = 300.0
    slack: int = 8
    backoff_s: float = 0.5


class Pool:
    """Routes calls to replicas that `make` makes. It answers every call, and raises nothing.

    `tell` hears of every death at once, in a line that begins with `name`. `start_locks` are shared
    by pools whose replicas may share a GPU.
    """

    def __init__(
        self,
        make: Callable[[], Replica],
        size: int,
        limits: PoolLimits,
        *,
        name: str = "port",
        tell: Callable[[str], None] = lambda line: None,
        start_locks: StartLocks | None = None,
    ) -> None:
        self.limits = limits
        self.refused = False
        """Whether a replica could not be built at all."""
        self.extinct: str | None = None
        """Why no replica is left; None while there is one, or one to come."""
        self._make = make
        self._name, self._tell, self._start_locks = name, tell, start_locks or StartLocks()
        self._slots = [Slot(index) for index in range(size)]
        self._keepers: list[asyncio.Task[None]] = []
        self._started = asyncio.Event()
        self._waiting = Waiting()
        self._quarantine = Quarantine()
        self._affinity = Affinity(limits.slack)
        self._ids = count()
        self._scheduled = False
        self._replies = self._retries = self._deaths = self._duplicates = self._lost = 0

    async def start(self) -> None:
        """Start all replicas; returns when the first is ready, or when none will ever be."""
        for slot in self._slots:
            keeper = asyncio.create_task(self._keep(slot))
            keeper.add_done_callback(partial(self._give_up, slot))
            self._keepers.append(keeper)
        await self._started.wait()

    async def close(self) -> None:
        """Answer every call `UNAVAILABLE` and stop all replicas."""
        self._end("the pool is closed")
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def ask(self, batch: Sequence[Call]) -> list[Outcome]:
        """`outcomes[i]` answers `batch[i]`. Cancelling aborts what is in flight."""
        tickets = [self._admit(call) for call in batch]
        try:
            return [await ticket.answer for ticket in tickets]
        finally:
            for ticket in tickets:
                if ticket.answer.cancel() or ticket.answer.cancelled():
                    self._drop(ticket)

    def stats(self) -> PoolStats:
        """The figures now."""
        return PoolStats(
            replies=self._replies,
            retries=self._retries,
            deaths=self._deaths,
            duplicates=self._duplicates,
            lost_calls=self._lost,
            waiting=len(self._waiting) + len(self._quarantine),
            in_flight=sum(slot.load for slot in self._slots),
            alive=sum(slot.replica is not None for slot in self._slots),
            load=tuple(slot.load for slot in self._slots),
            infos=tuple(slot.info for slot in self._slots),
        )

    # --- a call ---------------------------------------------------------------------------------

    def _admit(self, call: Call) -> Ticket:
        ticket = Ticket(next(self._ids), call, asyncio.get_running_loop().create_future())
        if self.extinct is not None:
            self._fail(ticket, FailureKind.UNAVAILABLE, f"no replica is left: {self.extinct}")
        else:
            self._waiting.add(ticket)
            self._wake()
        return ticket

    def _drop(self, ticket: Ticket) -> None:
        self._lost += any(slot.drop(ticket) for slot in self._slots)
        self._wake()

    def _accept(self, slot: Slot, call_id: int, outcome: Outcome) -> None:
        ticket = slot.in_flight.pop(call_id, None)
        if ticket is None:
            self._duplicates += 1
            return
        slot.deaths = 0
        self._answer(ticket, outcome)

    def _answer(self, ticket: Ticket, outcome: Outcome) -> None:
        if not ticket.answer.done():
            self._replies += 1
            ticket.answer.set_result(outcome)

    def _fail(self, ticket: Ticket, kind: FailureKind, cause: str) -> None:
        path = ticket.call.path
        where = f"problem {path.problem.id}, path {path.id or 'root'}"
        self._answer(ticket, Failure(kind, f"{where}: {cause}"))

    # --- routing --------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Dispatch at the end of this tick, once for all that happens in it."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        ready = [slot for slot in self._slots if slot.replica is not None]
        for suspect in self._quarantine.next_trial(ready):
            assert self._quarantine.ward is not None
            self._quarantine.ward.take(suspect)
        while (ticket := self._waiting.first()) and (slot := self._route(ticket, ready)):
            slot.take(self._waiting.take())
        for slot in ready:
            slot.flush()

    def _route(self, ticket: Ticket, ready: Sequence[Slot]) -> Slot | None:
        """Where the call goes now; None when all are full."""
        limit, ward = self.limits.calls_in_flight, self._quarantine.ward
        free = [slot for slot in ready if slot.load < limit and slot is not ward]
        if not free:
            return None
        return self._affinity.choose(ticket.call.path.problem.id, free)

    # --- replicas -------------------------------------------------------------------------------

    async def _keep(self, slot: Slot) -> None:
        """Keep a replica alive in a slot until it is to be given up."""
        while slot.deaths <= self.limits.max_restarts:
            await asyncio.sleep(self._backoff(slot.deaths))
            replica = self._make()
            try:
                await self._begin(slot, replica)
                await self._serve(slot, replica)
            except StartRefused as refusal:
                slot.cause, self.refused = str(refusal), True
                if self._started.is_set():  # otherwise whoever started the pool tells it
                    self._tell(f"{self._named(slot)} cannot be started: {refusal}")
                return
            except ReplicaDied as death:
                self._bury(slot, death)
            except Exception as bug:  # noqa: BLE001 - whatever it is, its calls are asked elsewhere
                self._bury(slot, ReplicaDied(one_line(bug)))
            finally:
                slot.replica = None
                await self._stop(slot, replica)

    async def _begin(self, slot: Slot, replica: Replica) -> None:
        limit = self.limits.start_timeout_s
        shared = await replica.prepare()  # it may wait for its place, which is no hang
        async with self._start_locks.turn(shared):  # the wait for its turn does not count
            try:
                async with in_time(limit, "it was not ready"):
                    slot.info = await replica.start()
            except BaseException:
                await self._stop(slot, replica)  # what it holds is free before the next one looks
                raise
        slot.replica, slot.steps, slot.quiet = replica, replica.steps(), 0.0
        self._started.set()
        self._wake()

    async def _stop(self, slot: Slot, replica: Replica) -> None:
        """Free what a replica holds, however its port takes it: a slot outlives a session."""
        try:
            async with in_time(CLOSE_S, "it did not end"):
                await replica.stop()
        except (Exception, PortBlocked, SystemExit) as error:  # noqa: BLE001 - it ends all the same
            why = error if isinstance(error, ReplicaHung) else one_line(error)
            self._tell(f"{self._named(slot)} could not be closed: {why}")

    async def _serve(self, slot: Slot, replica: Replica) -> None:
        """Hand out outcomes until the replica dies. Raises `ReplicaDied`."""
        limit = self.limits.call_timeout_s
        loop = asyncio.get_running_loop()
        wait_s = min(POLL_S, limit / 4)
        while True:
            began = loop.time()
            ended = await poll_in_time(replica, wait_s, limit)
            for call_id, outcome in ended:
                self._accept(slot, call_id, outcome)
            if ended:
                self._wake()
            # Where this process was too busy or was stopped, the replica is not to blame.
            seconds = min(loop.time() - began, 2 * wait_s)
            quiet = slot.heard(reply=bool(ended), steps=replica.steps(), seconds=seconds)
            if quiet >= limit:
                calls = f"{slot.load} {'call' if slot.load == 1 else 'calls'} in flight"
                raise ReplicaHung(f"no reply and no step within {limit:g} s, with {calls}")

    def _bury(self, slot: Slot, death: ReplicaDied) -> None:
        """The replica is dead: its calls are suspects, and one of them may be convicted."""
        slot.cause = str(death)
        self._deaths += 1
        tried = self._quarantine.tries(slot)
        tickets = slot.empty()
        self._lost += len(tickets)
        culprit = self._quarantine.died(slot, tickets, tried=tried)
        slot.deaths += self._quarantine.blames_replica(tickets, culprit, tried=tried)
        if culprit is None:
            self._retries += len(tickets)
        elif isinstance(death, ReplicaHung):
            self._fail(culprit, FailureKind.UNAVAILABLE, f"it hung twice: {death}")
        else:
            self._fail(culprit, FailureKind.POISON, f"it killed two replicas: {death}")
        self._tell(f"{self._named(slot)} died: {death}; {self._aftermath(slot, len(tickets))}")
        self._wake()

    def _named(self, slot: Slot) -> str:
        return f"{self._name} replica {slot.index + 1} of {len(self._slots)}"

    def _aftermath(self, slot: Slot, lost: int) -> str:
        """What becomes of its calls and of its slot."""
        calls = f"{lost} {'call' if lost == 1 else 'calls'} lost with it, " if lost else ""
        if slot.deaths <= self.limits.max_restarts:
            return f"{calls}it is replaced"
        others = any(not other.given_up for other in self._slots if other is not slot)
        deaths = f"{slot.deaths} {'death' if slot.deaths == 1 else 'deaths'} in a row"
        return f"{calls}it is given up after {deaths}{'' if others else ', and it was the last'}"

    def _backoff(self, deaths: int) -> float:
        """0 at first, then doubling."""
        return min(30.0, self.limits.backoff_s * 2.0 ** (deaths - 2)) if deaths > 1 else 0.0

    def _give_up(self, slot: Slot, keeper: asyncio.Task[None]) -> None:
        """A slot's keeper has ended: that is the end of all when it was the last."""
        slot.given_up = True
        if not keeper.cancelled() and (error := keeper.exception()):
            slot.cause = one_line(error)
        if all(other.given_up for other in self._slots):
            self._end(slot.cause)

    def _end(self, cause: str) -> None:
        self.extinct = self.extinct or cause
        in_flight = [ticket for slot in self._slots for ticket in slot.in_flight.values()]
        for ticket in [*in_flight, *self._quarantine.release(), *self._waiting.clear()]:
            self._fail(ticket, FailureKind.UNAVAILABLE, f"no replica is left: {self.extinct}")
        self._started.set()
