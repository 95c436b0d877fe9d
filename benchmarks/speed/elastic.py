"""What roles that follow the load are worth: `python -m benchmarks.speed.elastic [--json]`.

The real pools, turns, balancer, driver and strategies search on simulated engines in virtual time:
once on a split of policies and verifiers that stays, and once with `cluster.elastic`, which begins
with that split. Every search must come out the same. Searches are small and engines `SLOWER` than
those of `scaling`, so that few problems make a run of many minutes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.speed.overlap import BASE
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.scaling import Timed, outcome, parts, search_all
from benchmarks.speed.virtual_time import VirtualTimeLoop
from policies.simulated import SimulatedPolicyConfig
from scorers.simulated import SimulatedScorerConfig
from search.gather import gather
from search.ports import Policy, Scorer
from search.questions import Strategy
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from treewright.cluster.config import ClusterConfig
from treewright.cluster.elastic import Elastic
from treewright.cluster.in_flight import calls_at_once, in_flight
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.replica import Port, build_port, builder
from treewright.cluster.turns import Pair, pairs_of

LOAD_S, WAKE_S = 60.0, 5.0
"""Assumed: how long an engine takes to start, and to wake."""
SEARCHES: dict[str, Strategy] = {"best_of_n": BestOfN(n=4), "beam": Beam(paths=4)}
SLOWER = 8.0
SETTING = replace(BASE, slots=16)
REPLICAS = 4
PROBLEMS = 48


@dataclass(frozen=True)
class ElasticRow:
    """One strategy and the split that it begins with; seconds are simulated ones.

    `gain`: the seconds of the split that stays over those of the one that follows the load. `best`:
    those of the best split that stays over the same. `changes`: how often a replica changed sides.
    `ends`: policies and verifiers at the end. `same`: whether each search came out the same.
    """

    strategy: str
    begins: str
    stays: float
    follows: float
    gain: float
    best: float
    changes: int
    ends: str
    same: bool


@dataclass(frozen=True)
class Followed:
    """A run: what was searched, how often replicas changed sides, and the split at its end."""

    timed: Timed
    changes: int
    ends: str


def rows(
    strategies: Sequence[str], replicas: int, problems: int, load_s: float, wake_s: float
) -> Iterator[ElasticRow]:
    """A row for each strategy and each split of so many replicas."""
    for name in strategies:
        splits = [(count, replicas - count) for count in range(1, replicas)]
        play = partial(run, SEARCHES[name], problems=problems, load_s=load_s, wake_s=wake_s)
        stays = {split: play(split, elastic=False).timed for split in splits}
        fastest = min(each.seconds for each in stays.values())
        for split, still in stays.items():
            found = play(split, elastic=True)
            seconds = found.timed.seconds
            yield ElasticRow(
                strategy=name,
                begins=told(split),
                stays=still.seconds,
                follows=seconds,
                gain=still.seconds / seconds,
                best=fastest / seconds,
                changes=found.changes,
                ends=found.ends,
                same=outcomes(still) == outcomes(found.timed),
            )


def outcomes(timed: Timed) -> list[str]:
    """What must not depend on who is awake."""
    return [outcome(each) for each in timed.searched]


def told(split: tuple[int, int]) -> str:
    """`2 + 2`: policies and verifiers."""
    return " + ".join(map(str, split))


def run(
    strategy: Strategy,
    split: tuple[int, int],
    *,
    elastic: bool,
    problems: int,
    load_s: float,
    wake_s: float,
) -> Followed:
    """Search so many problems on replicas of which so many are policies and verifiers at first."""
    policy, scorer = (slower(part, wake_s) for part in parts(SETTING))
    policies, scorers = split
    config = ClusterConfig(policy_replicas=policies, scorer_replicas=scorers, elastic=elastic)

    async def timed() -> Followed:
        pairs = pairs_of(config)
        drawing = pool(config, "policy", policy, pairs, load_s)
        judging = pool(config, "scorer", scorer, pairs, load_s)
        await gather(each.start() for each in (drawing, judging))
        ports = PooledPolicy(drawing), PooledScorer(judging)
        follows = Elastic(pairs, drawing, judging) if pairs else None
        at_once = in_flight(config, policy, scorer, strategy)
        if follows is None:
            found = await search_all(strategy, *ports, problems, at_once)
        else:
            async with follows.following():
                found = await search_all(strategy, *ports, problems, at_once)
        ends = sum(s.serves for s in drawing.slots), sum(s.serves for s in judging.slots)
        await gather(each.close() for each in (drawing, judging))
        return Followed(found, follows.changes if follows else 0, told(ends))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(timed())


def pool(
    config: ClusterConfig,
    side: str,
    part: SimulatedPolicyConfig | SimulatedScorerConfig,
    pairs: Sequence[Pair],
    load_s: float,
) -> Pool:
    """That of one side."""
    return Pool(
        partial(InlineReplica, partial(loaded, part, load_s)),
        config.slots(side),
        PoolLimits(calls_in_flight=calls_at_once(config, part.timing.slots)),
        room=part.timing.slots,
        turns=[pair.turn(side) for pair in pairs],
    )


def slower(
    part: SimulatedPolicyConfig | SimulatedScorerConfig, wake_s: float
) -> SimulatedPolicyConfig | SimulatedScorerConfig:
    """The same on a slower engine, which takes so long to wake."""
    speed = part.timing.speed / SLOWER
    return replace(part, timing=replace(part.timing, speed=speed, wake_seconds=wake_s * speed))


async def loaded(part: object, load_s: float) -> Port:
    """The port, when it would be there."""
    await asyncio.sleep(load_s)
    port: Policy | Scorer = await build_port(builder(part))
    return port


COLUMNS: dict[str, Callable[[ElasticRow], str]] = {
    "strategy": lambda row: row.strategy,
    "begins": lambda row: row.begins,
    "stays": lambda row: f"{row.stays:.1f}",
    "follows": lambda row: f"{row.follows:.1f}",
    "gain": lambda row: f"{row.gain:.3f}",
    "best": lambda row: f"{row.best:.3f}",
    "changes": lambda row: str(row.changes),
    "ends": lambda row: row.ends,
    "same": lambda row: "yes" if row.same else "NO",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where a search came out differently."""
    parser = command("elastic", "What replicas that change sides as the load does are worth.")
    parser.add_argument("--strategies", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--replicas", type=int, default=REPLICAS, help="of both sides together")
    parser.add_argument("--problems", type=int, default=PROBLEMS, help="of each run")
    parser.add_argument("--load", type=float, default=LOAD_S, help="seconds to load an engine")
    parser.add_argument("--wake", type=float, default=WAKE_S, help="seconds to wake one")
    options = parser.parse_args(arguments)
    if options.problems < 1 or options.replicas < 3:
        parser.error("--problems must be 1 or more, --replicas 3 or more")
    times = options.load, options.wake
    found = list(rows(options.strategies, options.replicas, options.problems, *times))
    if options.json:
        print_json(found)
    else:
        notes = (
            "Simulated engines, virtual time, in seconds from when the first split is loaded.",
            "gain: stays / follows. best: the best of the splits that stay / follows. Assumed:",
            f"{times[0]:g} s to load an engine, {times[1]:g} s to wake it.",
        )
        print_table("Roles that follow the load, simulated engines", found, COLUMNS, notes)
    return 0 if all(each.same for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
