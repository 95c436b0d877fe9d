"""Many replicas behind one port.

A call goes to the replica that knows its problem, or to the least loaded; all calls of one tick of
the event loop that go to one replica travel together; each is answered alone. A dead replica is
replaced and its calls are asked again at once, the same calls with the same seeds. A call that
kills again and again is answered `POISON`. When no replica is left, every call is answered
`UNAVAILABLE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from search.ports import Failure, FailureKind, one_line
from treewright.cluster.activity import Activity
from treewright.cluster.affinity import Affinity
from treewright.cluster.keeper import Keeper
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool_stats import PoolStats
from treewright.cluster.quarantine import Quarantine
from treewright.cluster.replica import Call, Outcome, Replica, ReplicaDied, ReplicaHung
from treewright.cluster.slot import Slot, Ticket
from treewright.cluster.start_locks import StartLocks
from treewright.cluster.turns import Turn
from treewright.cluster.waiting import Waiting


class Pool:
    """Routes calls to replicas that `make` makes. It answers every call, and raises nothing.

    `tell` hears of every death at once, in a line that begins with `name`. `start_locks` are shared
    by pools whose replicas may share a GPU.
    """

    def __init__(
        self,
        make: Callable[[], Replica] | Sequence[Callable[[], Replica]],
        size: int,
        limits: PoolLimits,
        *,
        name: str = "port",
        tell: Callable[[str], None] = lambda line: None,
        start_locks: StartLocks | None = None,
        room: int | None = None,
        turns: Sequence[Turn] = (),
    ) -> None:
        """`make`: one for all replicas, or one for each.

        `room`: how many calls one replica computes side by side, None where nobody knows. `turns`:
        when each may be awake; always, where nothing is said.
        """
        self.limits = limits
        self.extinct: str | None = None
        """Why no replica is left; None while there is one, or one to come."""
        self.slots: Sequence[Slot] = [
            Slot(index, activity=Activity(room), turn=turn)
            for index, turn in enumerate(turns or [Turn() for _ in range(size)])
        ]
        locks = start_locks or StartLocks()
        makes = make if isinstance(make, Sequence) else [make] * size
        names = [f"{name} replica {number} of {size}" for number in range(1, size + 1)]
        self._keepers = [
            Keeper(slot, self, each, limits, locks, named, tell)
            for slot, each, named in zip(self.slots, makes, names, strict=True)
        ]
        self._tell, self._held, self._room = tell, list[str](), room
        self._tasks: list[asyncio.Task[None]] = []
        self._started = asyncio.Event()
        self._waiting = Waiting()
        self._quarantine = Quarantine()
        self._affinity = Affinity(limits.slack, limits.siblings)
        self._ids = count()
        self._scheduled = False
        self.answered = self._retries = self._deaths = self._duplicates = self._lost = 0

    async def start(self) -> None:
        """Start all replicas; returns when the first is ready, or when none will ever be."""
        for keeper in self._keepers:
            task = asyncio.create_task(keeper.keep())
            task.add_done_callback(partial(self._kept, keeper.slot))
            self._tasks.append(task)
        await self._started.wait()

    async def close(self) -> None:
        """Answer every call `UNAVAILABLE` and stop all replicas."""
        self.end("the pool is closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def unfit(self) -> bool:
        """Whether a replica could not be built at all."""
        return any(slot.refused for slot in self.slots)

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
            replies=self.answered,
            retries=self._retries,
            deaths=self._deaths,
            duplicates=self._duplicates,
            lost_calls=self._lost,
            waiting=len(self._waiting) + len(self._quarantine),
            in_flight=sum(slot.load for slot in self.slots),
            alive=sum(slot.replica is not None for slot in self.slots),
            load=tuple(slot.load for slot in self.slots),
            infos=tuple(slot.info for slot in self.slots),
            missing=tuple("" if slot.came else slot.cause for slot in self.slots),
            each=tuple(slot.stats() for slot in self.slots),
            at_once=self.limits.calls_in_flight,
            room=self._room,
        )

    def busy(self) -> float:
        """The share of the replicas that serve that is at work now: all, where calls wait."""
        serving = [slot for slot in self.slots if slot.serves]
        return 1.0 if self._waiting else sum(slot.busy for slot in serving) / max(1, len(serving))

    def measure(self) -> None:
        """Count from now how much the replicas are at work."""
        for slot in self.slots:
            slot.activity.measure()

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
        self._lost += any(slot.drop(ticket) for slot in self.slots)
        self._wake()

    def _answer(self, ticket: Ticket, outcome: Outcome) -> None:
        if not ticket.answer.done():
            self.answered += 1
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
        there = [slot for slot in self.slots if slot.replica is not None]
        ready = [slot for slot in there if slot.serves]
        for ward, suspects in self._quarantine.trials(ready):
            for suspect in suspects:
                ward.take(suspect)
        wards, full = self._quarantine.wards(), self.limits.calls_in_flight
        free = [slot for slot in ready if slot not in wards and slot.load < full]
        while (ticket := self._waiting.first()) and free:
            slot = self._affinity.choose(ticket.call, free)
            slot.take(self._waiting.take())
            if slot.load >= full:
                free.remove(slot)
        for slot in there:
            slot.flush()

    # --- replicas: what their keepers say ---------------------------------------------------------

    def ready(self, slot: Slot) -> None:
        """See `Home.ready`."""
        self._started.set()
        self._tell_held()
        self._wake()

    def accept(self, slot: Slot, ended: list[tuple[int, Outcome]]) -> None:
        """See `Home.accept`."""
        for call_id, outcome in ended:
            ticket = slot.in_flight.pop(call_id, None)
            if ticket is None:
                self._duplicates += 1
                continue
            slot.deaths = 0
            slot.activity.generated += outcome.spent.generated
            self._answer(ticket, outcome)
        if ended:
            self._wake()

    def bury(self, slot: Slot, death: ReplicaDied) -> str:
        """See `Home.bury`: its calls are asked again, and some may be suspects or convicted."""
        slot.cause = str(death)
        self._deaths += 1
        tickets = slot.empty()
        self._lost += len(tickets)
        hung = isinstance(death, ReplicaHung)
        found = self._quarantine.died(slot, tickets, explained=death.explained, hung=hung)
        slot.deaths += found.blamed
        self._waiting.add_first(found.again)
        if found.culprit is None:
            self._retries += len(tickets)
        elif hung:
            cause = f"it hung {found.culprit.deaths} times: {death}"
            self._fail(found.culprit, FailureKind.UNAVAILABLE, cause)
        else:
            cause = f"it killed {found.culprit.deaths} replicas: {death}"
            self._fail(found.culprit, FailureKind.POISON, cause)
        self._wake()
        return self._aftermath(slot, len(tickets))

    def refused(self, line: str) -> None:
        """See `Home.refused`: whoever starts the pool tells the end of all."""
        self._held.append(line)
        if any(slot.came for slot in self.slots):
            self._tell_held()

    def _tell_held(self) -> None:
        held, self._held = self._held, []
        for line in held:
            self._tell(line)

    def given_up(self, slot: Slot) -> None:
        """See `Home.given_up`; one that waits for its turn may yet come, unless none ever came."""
        came = any(other.came for other in self.slots)
        if all(other.given_up or not (came or other.turn.mine) for other in self.slots):
            self.end(slot.cause)

    def over(self) -> bool:
        """See `Home.over`."""
        return self.extinct is not None

    def end(self, cause: str) -> None:
        """Answer all calls, and all that come, `UNAVAILABLE`; the first cause counts."""
        self.extinct = self.extinct or cause
        in_flight = [ticket for slot in self.slots for ticket in slot.in_flight.values()]
        for ticket in [*in_flight, *self._quarantine.release(), *self._waiting.clear()]:
            self._fail(ticket, FailureKind.UNAVAILABLE, f"no replica is left: {self.extinct}")
        self._started.set()

    def _aftermath(self, slot: Slot, lost: int) -> str:
        """What becomes of its calls and of its slot."""
        calls = f"{lost} {'call' if lost == 1 else 'calls'} lost with it, " if lost else ""
        if not slot.turn.mine:
            return f"{calls}it is loaded again when it is to be awake"
        if slot.deaths <= self.limits.max_restarts:
            return f"{calls}it is replaced"
        others = any(not other.given_up for other in self.slots if other is not slot)
        deaths = f"{slot.deaths} {'death' if slot.deaths == 1 else 'deaths'} in a row"
        later = ", and tried again later" if self.limits.max_restarts else ""
        return f"{calls}it is given up after {deaths}{later if others else ', and it was the last'}"

    def _kept(self, slot: Slot, task: asyncio.Task[None]) -> None:
        """A slot's keeper has ended."""
        if not task.cancelled() and (error := task.exception()):  # a bug
            slot.cause = one_line(error)
            slot.given_up = True
            self.given_up(slot)
