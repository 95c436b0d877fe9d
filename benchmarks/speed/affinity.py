"""What routing by prefix saves: `python -m benchmarks.speed.affinity [--json]`.

The real pools and strategies search on simulated engines in virtual time; each engine has a prefix
cache of its own, which forgets what was used least lately. Once each call goes to the replica that
knows its path or its problem, as pools do, and once to the least loaded one.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from benchmarks.speed.overlap import BASE, problem
from benchmarks.speed.prefix_caches import (
    CACHE_TOKENS,
    PROMPT_TOKENS,
    CachingPolicy,
    CachingScorer,
    Side,
)
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.scaling import STRATEGIES, outcome, parts
from benchmarks.speed.setting import BYTES_PER_TOKEN
from benchmarks.speed.virtual_time import VirtualTimeLoop
from search.driver import Searched, drive
from search.gather import gather
from search.memory import DictMemory
from search.ports import (
    Policy,
    Scorer,
)
from search.strategies.mcts import Mcts
from treewright.cluster.config import ClusterConfig
from treewright.cluster.in_flight import calls_at_once, in_flight
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer

SEARCHES = {**STRATEGIES, "mcts": Mcts()}
ROUTINGS = {"affine": PoolLimits(), "least load": PoolLimits(slack=-1, siblings=0)}
"""As pools do, and with nothing kept together."""


@dataclass(frozen=True)
class AffinityRow:
    """One strategy on so many pairs, routed in one way; seconds are simulated ones.

    `policy_hits`, `verifier_hits`: of the tokens of all prompts the share that was cached.
    `together`: of the calls on children of one path, the share that went to the replica that most
    of them went to. `prefill`, `time`: tokens of prompts that were computed, and seconds, over
    those of the least loaded.
    """

    strategy: str
    routing: str
    pairs: int
    problems: int
    policy_hits: float
    verifier_hits: float
    together: float
    prefill: float
    seconds: float
    time: float
    same: bool


Kind: TypeAlias = Callable[[Side, int], Policy | Scorer]
"""What makes a port of a side, with a cache of so many bytes."""


@dataclass(frozen=True)
class Routed:
    """A run: what came out, its simulated seconds, and what each side was asked."""

    searched: Sequence[Searched]
    seconds: float
    policy: Side
    scorer: Side


def run(name: str, pairs: int, problems: int, limits: PoolLimits) -> Routed:
    """Search so many problems on so many pairs, in simulated time."""

    async def timed() -> Routed:
        now = asyncio.get_running_loop().time
        config = ClusterConfig(policy_replicas=pairs, scorer_replicas=pairs)
        strategy, sides = SEARCHES[name], (Side(), Side())
        at_once = in_flight(config, *parts(BASE), strategy)
        bears = replace(limits, calls_in_flight=calls_at_once(config, BASE.slots))
        kinds: tuple[Kind, Kind] = CachingPolicy, CachingScorer
        makers = [partial(_built, kind, side) for kind, side in zip(kinds, sides, strict=True)]
        pools = [Pool(partial(InlineReplica, make), pairs, bears) for make in makers]
        await gather(pool.start() for pool in pools)
        begun, waiting = now(), iter([problem(number) for number in range(problems)])
        ports = PooledPolicy(pools[0]), PooledScorer(pools[1])
        done: dict[str, Searched] = {}

        async def work() -> None:
            for each in waiting:
                done[each.id] = await drive(strategy(each), *ports, DictMemory(), 0, now)

        await gather(work() for _ in range(min(at_once, problems)))
        seconds = now() - begun
        await gather(pool.close() for pool in pools)
        return Routed([done[problem(n).id] for n in range(problems)], seconds, *sides)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(timed())


async def _built(kind: Kind, side: Side) -> Policy | Scorer:
    return kind(side, CACHE_TOKENS * BYTES_PER_TOKEN)


def together(sides: Sequence[Side]) -> float:
    """Of the calls on children of one path, the share at the replica that has most of them."""
    families = [family for side in sides for family in side.families.values()]
    return sum(max(each.values()) for each in families) / sum(map(Counter.total, families))


def rows(names: Sequence[str], pairs: Sequence[int], problems: int) -> Iterator[AffinityRow]:
    """Two rows for each strategy and number of pairs, with so many problems per pair."""
    for name in names:
        for size in pairs:
            runs = {way: run(name, size, problems * size, each) for way, each in ROUTINGS.items()}
            other = runs["least load"]
            for way, each in runs.items():
                yield AffinityRow(
                    strategy=name,
                    routing=way,
                    pairs=size,
                    problems=len(each.searched),
                    policy_hits=each.policy.hits,
                    verifier_hits=each.scorer.hits,
                    together=together((each.policy, each.scorer)),
                    prefill=computed(each) / computed(other),
                    seconds=each.seconds,
                    time=each.seconds / other.seconds,
                    same=all(map(str.__eq__, outcomes(each), outcomes(other))),
                )


def computed(run: Routed) -> int:
    """Bytes of prompts that were not cached, of both sides."""
    return sum(side.prompt - side.cached for side in (run.policy, run.scorer))


def outcomes(run: Routed) -> list[str]:
    """What must not depend on where a call goes."""
    return [outcome(each) for each in run.searched]


COLUMNS: dict[str, Callable[[AffinityRow], str]] = {
    "strategy": lambda row: row.strategy,
    "routing": lambda row: row.routing,
    "replicas": lambda row: f"{row.pairs} + {row.pairs}",
    "problems": lambda row: str(row.problems),
    "policy hits": lambda row: f"{row.policy_hits:.3f}",
    "verifier hits": lambda row: f"{row.verifier_hits:.3f}",
    "together": lambda row: f"{row.together:.3f}",
    "prefill": lambda row: f"{row.prefill:.3f}",
    "seconds": lambda row: f"{row.seconds:.1f}",
    "time": lambda row: f"{row.time:.3f}",
    "same": lambda row: "yes" if row.same else "NO",
}

NOTES = (
    "hits: of the tokens of all prompts, the share that was cached. together: of the calls on",
    "children of one path, the share at the replica that has most of them. prefill, time: prompt",
    "tokens computed, and seconds, over those of the least loaded. Assumed: instructions and",
    f"question of {PROMPT_TOKENS} tokens, caches of {CACHE_TOKENS}, and the times of `scaling`.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where a search came out differently."""
    parser = command("affinity", "Prefix-cache hits with and without routing by prefix.")
    parser.add_argument("--strategies", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--pairs", nargs="+", type=int, default=[4, 8], help="policies = verifiers")
    parser.add_argument("--problems", type=int, default=16, help="problems per pair")
    options = parser.parse_args(arguments)
    if options.problems < 1 or min(options.pairs) < 1:
        parser.error("--problems and --pairs must be 1 or more")
    found = list(rows(options.strategies, options.pairs, options.problems))
    if options.json:
        print_json(found)
    else:
        print_table("Routing by prefix, simulated engines", found, COLUMNS, NOTES)
    return 0 if all(each.same for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
