"""What runs in a Ray actor: a whole port, and what it says of itself.

Only plain values cross the wire. Whatever goes wrong here comes back as a `Failure` or as `Dead`.
Before this module is imported call `load_ray` of `treewright.cluster.cluster`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import ray

from engines.stats import EngineStats
from treewright.cluster.engine_output import EngineOutput
from treewright.cluster.prometheus import Exported, has_dashboard
from treewright.cluster.replica import (
    Call,
    Info,
    Outcome,
    PortHost,
    ReplicaDied,
    StartRefused,
    build_port,
    builder,
    describe,
)
from treewright.hiding import hiding_streams, keep_secret


@dataclass(frozen=True, slots=True)
class ActorPlace:
    """Where an actor is: Ray's node, its address, the GPUs it was given, and its log."""

    node: str
    host: str
    gpu: str
    log: str
    words: EngineOutput

    def __str__(self) -> str:
        return f"node {self.host}, log {self.log}"


@dataclass(frozen=True, slots=True)
class Dead:
    """What an actor that lives says of an engine that does not: why, and what it said last.

    `refused`: its port cannot be built at all.
    """

    cause: str
    words: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What a poll of an actor brings: see `Replica.poll`, `Replica.steps` and `Replica.stats`."""

    ended: list[tuple[int, Outcome]]
    steps: int
    stats: EngineStats | None


class PortActor:
    """Hosts a whole port: prompting, engine and parsing. Becomes an actor in `RayReplica`."""

    def __init__(self, environment: Mapping[str, str], side: str = "") -> None:
        """`environment`: variables that its port finds, before anything of it is imported.

        `side`: `policy` or `scorer`, as its metrics say.
        """
        os.environ.update(environment)
        self._host: PortHost | None = None
        self._words = EngineOutput.of_this_process()
        self._hiding = ExitStack()
        self._side = side
        self._exported: Exported | None = None

    async def place(self) -> ActorPlace:
        """Where this actor is."""
        context = ray.get_runtime_context()
        return ActorPlace(
            node=context.get_node_id(),
            host=str(ray.util.get_node_ip_address()),
            gpu=",".join(str(gpu) for gpu in ray.get_gpu_ids()),
            log=str(Path("/proc/self/fd/2").readlink()),
            words=self._words,
        )

    async def start(self, config: object, secrets: Collection[str] = ()) -> Info | Dead:
        """Build the port of this config. `secrets`: what no log of this actor shows."""
        began = time.monotonic()
        for secret in secrets:
            keep_secret(secret)
        self._hiding.enter_context(hiding_streams())
        try:
            port = await build_port(builder(config))
        except StartRefused as error:
            return Dead(str(error), words="", refused=True)
        except ReplicaDied as error:
            return Dead(str(error), self._words.said())
        self._host = PortHost(port)
        self._exported = Exported(self._side) if has_dashboard() else None
        seconds = round(time.monotonic() - began, 3)
        return {**describe(port), "seconds": seconds, "pid": os.getpid()}

    async def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """See `Replica.submit`."""
        self._started().submit(batch)

    async def poll(self, wait_s: float) -> News | Dead:
        """See `Replica.poll`."""
        host = self._started()
        try:
            news = News(await host.poll(wait_s), host.steps(), host.stats())
        except ReplicaDied as error:
            return Dead(str(error), self._words.said())
        if self._exported is not None:
            self._exported.tell(host.calls(), news.stats)
        return news

    async def abort(self, ids: Sequence[int]) -> None:
        """See `Replica.abort`."""
        self._started().abort(ids)

    async def sleep(self) -> Dead | None:
        """See `Replica.sleep`."""
        return await self._obeyed(self._started().sleep())

    async def wake(self) -> Dead | None:
        """See `Replica.wake`."""
        return await self._obeyed(self._started().wake())

    async def _obeyed(self, told: Awaitable[None]) -> Dead | None:
        try:
            await told
        except ReplicaDied as error:
            return Dead(str(error), self._words.said())
        return None

    async def close(self) -> None:
        """Free the engine."""
        if self._host is not None:
            await self._host.close()

    def _started(self) -> PortHost:
        assert self._host is not None, "start comes first"
        return self._host
