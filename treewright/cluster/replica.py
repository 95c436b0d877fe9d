"""A replica hosts one port and answers its calls out of order.

`PortHost` runs the calls in an event loop, wherever that loop is: in this process
(`treewright.cluster.inline_replica`) or in a Ray actor (`treewright.cluster.port_actor`). A replica
is a cache and may die at any time; `treewright.cluster.pool` replaces it and asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Protocol, TypeAlias, cast

from engines.engine import Describing, EngineError, Stepping, sleeping
from engines.stats import EngineStats, stats_of
from search.fault import Fault
from search.ports import (
    Closing,
    Failure,
    FailureKind,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
    one_line,
)
from search.replies import reply_to
from treewright.cluster.watchdog import PortBlocked

Call: TypeAlias = PolicyCall | ScorerCall
Outcome: TypeAlias = PolicyReply | ScorerReply | Failure
Port: TypeAlias = Policy | Scorer
Build: TypeAlias = Callable[[], Awaitable[Port]]
Info: TypeAlias = dict[str, str | int | float]
"""What a ready replica says of itself: the `seconds` its start took, and the port's own facts."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a replica is: its node's address, the numbers of its GPUs there, and how many it has.

    Empty where it has none of its own.
    """

    node: str = ""
    gpu: str = ""
    gpus: float = 0.0


class ReplicaDied(Exception):
    """The replica is gone with all that was in flight there. The message is one line.

    `explained`: whether the cause is known, and no call has a part in it: its node died, say.
    """

    def __init__(self, why: str, *, explained: bool = False) -> None:
        super().__init__(why)
        self.explained = explained


class ReplicaHung(ReplicaDied):
    """The replica is as good as dead: it, or its engine, gave no sign in time."""


class StartRefused(Fault):
    """The port cannot be built, and trying again would give the same. The message is one line."""

    exit_code = 2


class Replica(Protocol):
    """One place that answers calls. `submit` and `abort` return at once, `poll` brings outcomes."""

    async def prepare(self) -> str | None:
        """Take a place. What it shares there, and must start alone on: a GPU; None is nothing.

        Raises `ReplicaDied`.
        """
        ...

    def compiles(self) -> str | None:
        """What its start compiles where it is, once for all that start there; None is nothing."""
        ...

    async def start(self) -> Info:
        """Return when ready. Raises `ReplicaDied` or `StartRefused`."""
        ...

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """Start these calls, each under its id; one that is running is not started again."""
        ...

    async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
        """All that ended since the last poll; waits for the first, up to `wait_s` seconds.

        Raises `ReplicaDied`.
        """
        ...

    def steps(self) -> int:
        """See `Stepping`, as of the last poll; 0 where the port cannot tell."""
        ...

    def stats(self) -> EngineStats | None:
        """See `Metered`, as of the last poll; None where the port cannot tell."""
        ...

    def spot(self) -> Spot:
        """Where it is, once it is prepared."""
        ...

    def abort(self, ids: Sequence[int]) -> None:
        """Cancel these calls; they are not polled any more."""
        ...

    async def sleep(self) -> None:
        """Give back the GPU, with nothing in flight; it is polled on. Raises `ReplicaDied`."""
        ...

    async def wake(self) -> None:
        """Return when it can answer again. Raises `ReplicaDied`."""
        ...

    async def stop(self) -> None:
        """Free everything, dead or alive. Idempotent."""
        ...


def builder(config: object) -> Build:
    """How the port of a config is built: by `build(config)` in the module of the config's class."""

    async def build() -> Port:
        port: Port = await import_module(type(config).__module__).build(config)
        return port

    return build


async def build_port(build: Build) -> Port:
    """The port that `build` makes.

    Raises:
        ReplicaDied: the engine could not start; it may the next time.
        StartRefused: anything else, which would happen again (a missing checkpoint, a bad value).
    """
    try:
        return await build()
    except PortBlocked as error:
        raise ReplicaHung(str(error)) from error
    except EngineError as error:
        raise ReplicaDied(one_line(error)) from error
    except (Exception, SystemExit) as error:
        raise StartRefused(one_line(error)) from error


@contextmanager
def deadly() -> Iterator[None]:
    """Raises `ReplicaDied` for whatever is raised in the block."""
    try:
        yield
    except PortBlocked as error:
        raise ReplicaHung(str(error)) from error
    except (Exception, SystemExit) as error:
        raise ReplicaDied(one_line(error)) from error


class PortHost:
    """Runs each call of a port as a task of its own and keeps the outcomes until they are polled.

    An exception of the port becomes a `Failure` of that call. An `EngineError`, and a call that had
    to be interrupted, condemn the host: what ended before is still delivered, then `poll` raises
    `ReplicaDied`.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._stepping = port if isinstance(port, Stepping) else None
        self._running: dict[int, asyncio.Task[Outcome]] = {}
        self._ended: list[tuple[int, Outcome]] = []
        self._news = asyncio.Event()
        self._doom: ReplicaDied | None = None

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """See `Replica.submit`."""
        for call_id, call in batch:
            if call_id not in self._running:
                task = asyncio.create_task(self._answer(call))
                self._running[call_id] = task
                task.add_done_callback(partial(self._finish, call_id))

    async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
        """See `Replica.poll`."""
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return []
        if self._doom is not None and not self._ended:
            raise self._doom
        ended, self._ended = self._ended, []
        if self._doom is None:
            self._news.clear()
        return ended

    def steps(self) -> int:
        """See `Replica.steps`."""
        return self._stepping.engine_steps() if self._stepping else 0

    def stats(self) -> EngineStats | None:
        """See `Replica.stats`."""
        return stats_of(self._port)

    def calls(self) -> int:
        """How many run."""
        return len(self._running)

    def abort(self, ids: Sequence[int]) -> None:
        """See `Replica.abort`."""
        for call_id in ids:
            if task := self._running.pop(call_id, None):
                task.cancel()

    async def sleep(self) -> None:
        """See `Replica.sleep`."""
        with deadly():
            await sleeping(self._port).sleep()

    async def wake(self) -> None:
        """See `Replica.wake`."""
        with deadly():
            await sleeping(self._port).wake()

    def condemn(self, death: ReplicaDied) -> None:
        """Let the next `poll` raise it; the first death counts."""
        self._doom = self._doom or death
        self._news.set()

    def kill(self, cause: str, *, explained: bool = False) -> None:
        """Drop everything and be condemned."""
        self.abort(list(self._running))
        self._ended.clear()
        self.condemn(ReplicaDied(cause, explained=explained))

    async def _answer(self, call: Call) -> Outcome:
        if self._doom is not None:
            await asyncio.Event().wait()  # it will be asked elsewhere
        try:
            return await _answer(self._port, call)
        except PortBlocked as error:  # at once: calls that are due in this turn would block too
            self.condemn(ReplicaHung(str(error)))
            raise

    async def close(self) -> None:
        """Cancel what runs and close the port."""
        self.abort(list(self._running))
        if isinstance(self._port, Closing):  # a part of one's own may lack it
            await self._port.close()

    def _finish(self, call_id: int, task: asyncio.Task[Outcome]) -> None:
        if self._running.pop(call_id, None) is None:
            return  # aborted
        if task.cancelled():
            self._deliver(call_id, Failure(FailureKind.INTERNAL, "the port cancelled its own call"))
        elif (error := task.exception()) is None:
            self._deliver(call_id, task.result())
        elif isinstance(error, PortBlocked):
            pass  # condemned, and told as the death of the replica
        elif isinstance(error, EngineError):
            self.condemn(ReplicaDied(one_line(error)))
        else:
            self._deliver(call_id, Failure.raised(error))

    def _deliver(self, call_id: int, outcome: Outcome) -> None:
        self._ended.append((call_id, outcome))
        self._news.set()


async def _answer(port: Port, call: Call) -> Outcome:
    outcomes: object
    try:
        if isinstance(call, PolicyCall):
            outcomes = await cast(Policy, port).extend([call])
        else:
            outcomes = await cast(Scorer, port).judge([call])
    except SystemExit as error:  # in a task it would end the process, unheard
        raise RuntimeError("the port called sys.exit") from error
    return reply_to(call, outcomes)


def describe(port: Port) -> Info:
    """The port's own facts, if it has any."""
    return dict(port.describe()) if isinstance(port, Describing) else {}
