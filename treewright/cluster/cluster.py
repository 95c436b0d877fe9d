"""From a config to two ports: replicas in Ray actors or in this process, behind pools."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from engines.traits import Part, traits_of
from search.fault import Fault
from treewright.cluster.address import (
    ConnectionRefused,
    on_loopback,
    ray_address,
    shows_token,
    told_address,
)
from treewright.cluster.config import ClusterConfig
from treewright.cluster.elastic import Elastic
from treewright.cluster.environment import carried
from treewright.cluster.gpu_meter import GpuMeter
from treewright.cluster.in_flight import calls_at_once, slots_of
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.placement import place, to_come
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.pool_stats import PoolStats
from treewright.cluster.replica import Replica, builder
from treewright.cluster.room import CannotPlace
from treewright.cluster.sentinel import Sentinel
from treewright.cluster.start_locks import StartLocks
from treewright.cluster.turns import pairs_of, unfit
from treewright.cluster.watchdog import Watch, port_name

if TYPE_CHECKING:
    from treewright.cluster.seats import Seats

Make: TypeAlias = Callable[[], Replica]
Makes: TypeAlias = Make | Sequence[Make]
"""How to make any replica of a side, or each."""

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is ever reported
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # its news of dead workers would go to stdout
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # a dead actor is the pool's business, not stderr's
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about a future default
    "RAY_worker_niceness": "0",  # the engines do the work: not below everything else
}
"""The environment in which Ray is imported and started, unless it says otherwise."""
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""A Ray of one machine listens on 127.0.0.1 only, as it does by itself on those two systems."""
TOKEN = {"RAY_AUTH_MODE": "token"}
"""For an address of which `shows_token` says so."""


class ClusterError(Fault):
    """The replicas cannot be started. One line: what, why and what to do.

    Attributes:
        stats: the figures of both pools, as `Ports.stats` gives them; empty before there were any.
    """

    def __init__(self, words: str, stats: Mapping[str, PoolStats] | None = None) -> None:
        super().__init__(words)
        self.stats = dict(stats or {})


class PortUnfit(ClusterError):
    """A port cannot be built by its config, and could not be another time."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Ports:
    """The two ports of a running cluster."""

    policy: PooledPolicy
    scorer: PooledScorer
    gpus: GpuMeter = field(default_factory=GpuMeter)

    def stats(self) -> dict[str, PoolStats]:
        """The figures of both pools, under `policy` and `scorer`."""
        return {"policy": self.policy.pool.stats(), "scorer": self.scorer.pool.stats()}

    def apart(self, cache: str) -> Ports:
        """The same replicas with a prefix cache of this name.

        For one of several runs: what its searches cost is then the same beside others and alone.
        """
        pools = self.policy.pool, self.scorer.pool
        return Ports(PooledPolicy(pools[0], cache), PooledScorer(pools[1], cache), self.gpus)


@asynccontextmanager
async def open_cluster(
    config: ClusterConfig,
    policy: Part,
    scorer: Part,
    tell: Callable[[str], None] = lambda line: None,
    meter: GpuMeter | None = None,
) -> AsyncIterator[Ports]:
    """Start the replicas of both port configs; stop all of it at the end of the block.

    They start at once, but for those that share a GPU. `tell` hears of every death of a replica,
    and of a port that blocks, when it happens. `meter` counts the time of its GPUs.

    It opens when each port has its first replica. A scorer whose replicas keep dying does not stop
    it: solutions can be sampled, and judged when the run is resumed.

    Raises:
        ClusterError: no Ray, a port that cannot be built, or no policy.
    """
    meter = meter or GpuMeter()
    if config.elastic and (why := unfit(policy, scorer)):
        raise ClusterError(f"cluster.elastic: {why}; leave it out")
    with makers(config, policy, scorer, tell, meter) as (make_policy, make_scorer, sentinel):
        limits = PoolLimits(
            max_restarts=config.max_restarts,
            call_timeout_s=config.call_timeout_s,
            start_timeout_s=config.start_timeout_s,
        )
        locks, pairs = StartLocks(), pairs_of(config)

        def pool(side: str, make: Makes, part: Part) -> Pool:
            room = slots_of(traits_of(part))
            return Pool(
                make,
                config.slots(side),
                replace(limits, calls_in_flight=calls_at_once(config, room)),
                name=port_name(side, part),
                tell=tell,
                start_locks=locks,
                room=room,
                turns=[pair.turn(side) for pair in pairs],
            )

        policies = pool("policy", make_policy, policy)
        scorers = pool("scorer", make_scorer, scorer)

        def end(cause: str) -> None:
            policies.end(cause)
            scorers.end(cause)

        try:
            async with sentinel.watching(end) if sentinel else nullcontext():
                ports = Ports(PooledPolicy(policies), PooledScorer(scorers), meter)
                await started(ports)
                elastic = Elastic(pairs, policies, scorers, tell) if pairs else None
                async with elastic.following() if elastic else nullcontext():
                    yield ports
        finally:
            await asyncio.gather(policies.close(), scorers.close())
            if sentinel:
                await sentinel.look()  # as seats are given back by asking Ray


async def started(ports: Ports) -> None:
    """Both pools, and their figures from here on. Raises `ClusterError` with how each fared."""
    policies, scorers = ports.policy.pool, ports.scorer.pool
    try:
        await asyncio.gather(start_policies(policies), start_scorers(scorers))
    except ClusterError as error:
        raise type(error)(str(error), ports.stats()) from error
    policies.measure()
    scorers.measure()


async def start_policies(pool: Pool) -> None:
    """Raises `ClusterError` when there will be no policy: then there is nothing to run."""
    await pool.start()
    if pool.extinct is not None:
        kind = PortUnfit if pool.unfit else ClusterError
        raise kind(f"the policy cannot be started: {pool.extinct}")


async def start_scorers(pool: Pool) -> None:
    """Raises `PortUnfit` when the scorer cannot be built; one that died may live another day."""
    await pool.start()
    if pool.extinct is not None and pool.unfit:
        raise PortUnfit(f"the scorer cannot be started: {pool.extinct}")


def inline(watch: Watch, side: str, config: object) -> Make:
    """How to make a replica in this process that is watched."""
    watch.expect(side, config)
    return partial(InlineReplica, builder(config), partial(watch.ready, side, config))


def load_ray(address: str | None) -> ModuleType:
    """Import `treewright.cluster.ray_replica`, and Ray with it, for a cluster at this address."""
    where = ray_address(address)
    wanted = RAY | (LOOPBACK if on_loopback(where) else {}) | (TOKEN if shows_token(where) else {})
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    return import_module("treewright.cluster.ray_replica")


@contextmanager
def makers(
    config: ClusterConfig,
    policy: Part,
    scorer: Part,
    tell: Callable[[str], None],
    meter: GpuMeter | None = None,
) -> Iterator[tuple[Makes, Makes, Sentinel | None]]:
    """How to make a replica of the policy and of the scorer, while the cluster is there.

    And who watches its machines, where it has any. `meter` counts the time of its GPUs.
    """
    if config.backend == "inline":
        watch = Watch(tell, (config.start_timeout_s, config.call_timeout_s))
        with watch.watching():
            yield inline(watch, "policy", policy), inline(watch, "scorer", scorer), None
        return
    edge, cpus = load_ray(config.address), config.cpus
    connection = import_module("treewright.cluster.connection")
    if config.autoscaling and not (ray_address(config.address) or connection.is_connected()):
        problem = "nobody brings nodes to a Ray of this machine alone"
        raise ClusterError(f"cluster.autoscaling: {problem}; say cluster.address, or leave it out")
    try:
        with (
            connection.connected(config.address, cpus * replicas(config)),
            seated(config, policy, scorer, tell) as (seats, sentinel),
        ):
            environment = carried(config.env, (policy, scorer))

            def actor(side: str, port: Part) -> Makes:
                if traits_of(port).idle:
                    return partial(InlineReplica, builder(port))
                limit, telling = config.start_timeout_s, partial(told, tell, side)

                def make(of: Seats) -> Make:
                    replica = partial(edge.RayReplica, port, of, environment, sentinel)
                    more = partial(replica, start_timeout_s=limit, tell=telling)
                    return partial(more, meter=meter, side=side)

                own = seats[side]
                return [make(each) for each in own.apart()] if config.elastic else make(own)

            yield actor("policy", policy), actor("scorer", scorer), sentinel
    except CannotPlace as error:
        raise ClusterError(str(error)) from error
    except ConnectionRefused as error:
        raise ClusterError(f"{told_address(config.address)}: no Ray: {error}") from error


def replicas(config: ClusterConfig) -> int:
    """Of both sides, awake or not."""
    return config.slots("policy") + config.slots("scorer")


def told(tell: Callable[[str], None], side: str, words: str) -> None:
    """Tell it with the side that it is of."""
    tell(f"{side}: {words}")


@contextmanager
def seated(
    config: ClusterConfig, policy: Part, scorer: Part, tell: Callable[[str], None]
) -> Iterator[tuple[Mapping[str, Seats], Sentinel]]:
    """Seats for both sides on the connected cluster, and its sentinel. Raises `CannotPlace`."""
    connection = import_module("treewright.cluster.connection")
    seats = import_module("treewright.cluster.seats")
    parts = {"policy": policy, "scorer": scorer}
    parts = {side: part for side, part in parts.items() if not traits_of(part).idle}
    found = connection.nodes()
    grows, gpus_to_come = to_come(config, connection.most())
    groups = place(config, parts, found, grows=grows, gpus_to_come=gpus_to_come)
    if ray_address(config.address) and gpus_to_come and not any(n.total.get("GPU") for n in found):
        tell("the cluster has no GPU yet; its autoscaler is asked for them")
    sentinel = Sentinel(connection.vital(), connection.listening, tell, config.head_timeout_s)
    with seats.reserved(groups, config.cpus, lambda: sentinel.lost) as reserved:
        yield reserved, sentinel
