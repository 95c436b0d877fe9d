"""The edge to Ray: a replica that speaks to a port in an actor.

A dead actor shows in the poll, which is always under way. To import this module call
`load_ray` of `treewright.cluster.cluster`: Ray reads its environment when it is imported.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from engines.stats import EngineStats
from search.ports import one_line
from treewright.cluster.connection import worker_environment
from treewright.cluster.engine_output import with_output
from treewright.cluster.gpu_meter import GpuMeter
from treewright.cluster.port_actor import ActorPlace, Dead, News, PortActor
from treewright.cluster.replica import (
    Call,
    Info,
    Outcome,
    ReplicaDied,
    ReplicaHung,
    Spot,
    StartRefused,
)
from treewright.cluster.seats import Reserved, Seats
from treewright.cluster.sentinel import NodeGone, Sentinel
from treewright.hiding import known_secrets

CLOSE_S = 5.0
"""How long an actor may take to free its engine before it is killed."""
DEATH = re.compile(r"The actor (is dead|died) because")
"""Where Ray's account of a death begins."""
EXPLAINED = re.compile(
    r"because its node has died|NODE_OUT_OF_MEMORY|running low on memory|node was preempted"
)
"""What Ray says where a death has nothing to do with what the actor did."""
NEVER_RAN = "The actor never ran"
PLACED_TRIES, PLACED_AGAIN_S = 5, 3.0
"""So often an actor that never ran is made, after so many seconds: in them Ray sees a dead node."""
WAIT_TOLD_S = 5.0
"""How long a replica waits for its place before that is told; so often its state is looked at."""


class RayReplica:
    """A replica in an actor of its own."""

    def __init__(
        self,
        config: object,
        seats: Seats,
        environment: Mapping[str, str],
        sentinel: Sentinel,
        *,
        start_timeout_s: float = 600.0,
        tell: Callable[[str], None] = lambda line: None,
        meter: GpuMeter | None = None,
        side: str = "",
    ) -> None:
        """`seats` of its side. `tell` hears that it waits for a place; `environment`: see actor.

        `meter` counts the time of its GPUs.
        """
        self._config = config
        self._seats = seats
        self._environment = environment
        self._sentinel = sentinel
        self._limit_s = start_timeout_s
        self._tell = tell
        self._seat: Reserved | None = None
        self._actor: Any = None
        self._place: ActorPlace | None = None
        self._meter = meter or GpuMeter()
        self._side = side
        self._held: Callable[[], None] = lambda: None
        self._gpus = 0.0
        self._steps = 0
        self._stats: EngineStats | None = None

    async def prepare(self) -> str | None:
        """See `Replica.prepare`. As long as there is no room for it, it waits, and tells so."""
        self._seat = seat = self._seats.take()
        self._gpus = seat.gpus
        self._place = place = await self._begun(seat)
        self._held = self._meter.take(seat.gpus)
        await self._sentinel.watch(place.node)
        return f"GPU {place.gpu} of {place.node}" if seat.shares else None

    async def _begun(self, seat: Reserved) -> ActorPlace:
        """Where its actor is. Raises `ReplicaDied`.

        Until Ray knows that a node is dead it may place an actor there, which then never runs: that
        is no death of a replica, and it is placed again.
        """
        tries = 0
        while True:
            await self._sentinel.there()  # Ray, asked without its head, would block
            self._actor = self._made(seat)
            try:
                return await self._placed(self._actor.place.remote(), seat)
            except RayError as error:
                tries += 1
                if tries == PLACED_TRIES or NEVER_RAN not in str(error):
                    raise await self._death(error) from error
            await asyncio.sleep(PLACED_AGAIN_S)

    def _made(self, seat: Reserved) -> Any:
        """A new actor in this seat."""
        return (
            ray.remote(PortActor)
            .options(
                max_restarts=0,  # the pool replaces a dead replica, and asks again itself
                max_task_retries=0,
                max_concurrency=100,
                runtime_env=worker_environment(),
                **seat.options,
            )
            .remote({**self._environment, **seat.environment}, self._side)
        )

    async def _placed(self, answer: Any, seat: Reserved) -> ActorPlace:
        """The actor's first answer. Raises `ReplicaHung`: it had room and did not begin in time."""
        place = asyncio.ensure_future(_result(answer))
        had_room, told = 0.0, False
        try:
            while not (await asyncio.wait({place}, timeout=WAIT_TOLD_S))[0]:
                if not await self._sentinel.answers():
                    continue
                if await asyncio.to_thread(seat.waits):
                    if not told:
                        self._tell(f"a replica waits for a place: it needs {seat.needs}")
                    told, had_room = True, 0.0
                elif (had_room := had_room + WAIT_TOLD_S) > self._limit_s:
                    raise ReplicaHung(f"its process did not begin within {self._limit_s:g} s")
            if told:
                self._tell("a replica that waited has its place")
            found: ActorPlace = place.result()
            return found
        finally:
            place.cancel()

    def compiles(self) -> str | None:
        """See `Replica.compiles`: on a GPU vLLM does, into a cache that its node keeps."""
        assert self._place is not None, "prepare comes first"
        return f"{self._config} on {self._place.node}" if self._place.gpu else None

    async def start(self) -> Info:
        """See `Replica.start`."""
        assert self._place is not None, "prepare comes first"
        try:
            asked = self._actor.start.remote(self._config, known_secrets())
            info = await self._unless_gone(asked)
        except RayTaskError as error:
            raise StartRefused(one_line(error.cause or error)) from error
        except RayError as error:
            raise await self._death(error) from error
        if isinstance(info, Dead):
            raise (StartRefused if info.refused else ReplicaDied)(self._told(info))
        return {**info, "log": self._place.log}

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """See `Replica.submit`."""
        with suppress(RayError):  # the poll tells
            self._actor.submit.remote(batch)

    async def poll(self, wait_s: float) -> list[tuple[int, Outcome]]:
        """See `Replica.poll`."""
        try:
            news: News | Dead = await self._unless_gone(self._actor.poll.remote(wait_s))
        except RayError as error:
            raise await self._death(error) from error
        if isinstance(news, Dead):
            raise ReplicaDied(self._told(news))
        self._steps, self._stats = news.steps, news.stats
        return news.ended

    def steps(self) -> int:
        """See `Replica.steps`."""
        return self._steps

    def stats(self) -> EngineStats | None:
        """See `Replica.stats`."""
        return self._stats

    def spot(self) -> Spot:
        """See `Replica.spot`."""
        assert self._place is not None, "prepare comes first"
        return Spot(self._place.host, self._place.gpu, self._gpus)

    def abort(self, ids: Sequence[int]) -> None:
        """See `Replica.abort`."""
        with suppress(RayError):  # the poll tells
            self._actor.abort.remote(ids)

    async def sleep(self) -> None:
        """See `Replica.sleep`."""
        await self._obeyed(self._actor.sleep.remote())
        self._held()  # what it gave back is another's

    async def wake(self) -> None:
        """See `Replica.wake`."""
        self._held = self._meter.take(self._gpus)
        await self._obeyed(self._actor.wake.remote())

    async def _obeyed(self, answer: Any) -> None:
        """Raises `ReplicaDied` where it could not do what it was told."""
        try:
            dead: Dead | None = await self._unless_gone(answer)
        except RayError as error:
            raise await self._death(error) from error
        if dead is not None:
            raise ReplicaDied(self._told(dead))

    async def stop(self) -> None:
        """See `Replica.stop`."""
        actor, self._actor = self._actor, None
        seat, self._seat = self._seat, None
        try:
            if actor is not None:
                await self._close(actor)
        finally:
            self._held()
            if seat is not None:
                self._seats.give(seat)

    async def _close(self, actor: Any) -> None:
        there = not self._sentinel.lost  # else Ray, asked without its head, would block
        try:
            there = await self._sentinel.answers()
            if self._place is not None and there:
                async with asyncio.timeout(CLOSE_S):
                    closed = _result(actor.close.remote())
                    await self._sentinel.unless_gone(self._place.node, closed)
        except (RayError, NodeGone, TimeoutError):
            pass  # dead, or as good as dead
        finally:
            if there and not self._sentinel.lost:
                ray.kill(actor)

    async def _unless_gone(self, answer: Any) -> Any:
        """The actor's answer. Raises `ReplicaDied` as soon as its node is known to be gone."""
        assert self._place is not None, "prepare comes first"
        try:
            return await self._sentinel.unless_gone(self._place.node, _result(answer))
        except NodeGone as gone:
            raise ReplicaDied(f"{gone} ({self._place})", explained=True) from gone

    async def _death(self, error: RayError) -> ReplicaDied:
        """Ray's own account without its preamble, and where the actor's last words are."""
        text = " ".join(str(error).split())
        if isinstance(error, RayActorError):
            begins = DEATH.search(text)
            text = text[begins.start() if begins else 0 :]
        explained = explains(error)
        if self._place is None:
            return ReplicaDied(f"{text[:300]} (it had no place yet)", explained=explained)
        if not explained and await self._sentinel.is_gone(self._place.node):
            text, explained = f"its node died. {text}", True
        words = self._place.words.said()  # known if the log is on this machine
        return ReplicaDied(with_output(text[:300], words, str(self._place)), explained=explained)

    def _told(self, dead: Dead) -> str:
        return with_output(dead.cause, dead.words, str(self._place))


def explains(error: RayError) -> bool:
    """Whether Ray names a cause that no call has a part in.

    Its node died or was taken back, or had too little memory: whom Ray ends then is one of many.
    """
    if isinstance(error, NodeDiedError | OutOfMemoryError):
        return True
    preempted = isinstance(error, RayActorError) and error.preempted
    return preempted or EXPLAINED.search(str(error)) is not None


async def _result(answer: Any) -> Any:
    return await answer
