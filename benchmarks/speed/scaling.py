"""What more replicas are worth: `python -m benchmarks.speed.scaling [--json]`.

The real pools, driver and strategies search on simulated engines in virtual time, as many problems
at once as the defaults say. Weak: each pair of a policy and a verifier brings its own problems.
Strong: the same problems on more pairs. Every search must come out the same on any number of them.
`--pooled` says what a pool loses because it is made of many engines: all that there is to gain by
another way of sending calls to them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.speed.bound import Side, bound
from benchmarks.speed.overlap import BASE, problem
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.setting import BYTES_PER_TOKEN, Setting
from benchmarks.speed.virtual_time import VirtualTimeLoop
from engines.traits import Part, traits_of
from policies.simulated import SimulatedPolicyConfig
from scorers.simulated import SimulatedScorerConfig
from search.core import Problem
from search.driver import Searched, drive
from search.gather import gather
from search.memory import DictMemory
from search.ports import Policy, Scorer
from search.questions import Strategy
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from search.strategies.dvts import Dvts
from search.strategies.rebase import Rebase
from treewright.cluster.config import ClusterConfig
from treewright.cluster.in_flight import calls_at_once, in_flight, slots_of
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.cluster.replica import builder
from treewright.garbage import collect_seldom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STRATEGIES: dict[str, Strategy] = {
    "best_of_n": BestOfN(),
    "beam": Beam(),
    "dvts": Dvts(),
    "rebase": Rebase(),
}
PAIRS = (1, 2, 4, 8, 16, 32, 64)
PER_PAIR = 32
SCALINGS = ("weak", "strong")


@dataclass(frozen=True)
class ScalingRow:
    """One strategy on so many policies and as many verifiers; seconds are simulated ones.

    `efficiency`: weak, the time on the fewest pairs over the time here; strong, that by the number
    of pairs too. `over_bound`: seconds / the least that these searches could take. `same`: whether
    each search of the run on the fewest pairs came out the same.
    """

    strategy: str
    scaling: str
    pairs: int
    problems: int
    in_flight: int
    seconds: float
    bound: float
    over_bound: float
    efficiency: float
    same: bool
    over_pooled: float | None = None
    """Seconds / those on one policy and one verifier that have the slots of all, each token as fast
    as where the slots of many are as full; None where that was not asked."""


def parts(setting: Setting) -> tuple[SimulatedPolicyConfig, SimulatedScorerConfig]:
    """Both engines, as the setting says; a byte of a critique is a token, which is written sooner.

    It takes as long as four bytes there.
    """
    scorer = setting.scorer_config(1.0)
    timing = replace(
        scorer.timing,
        prefill_seconds=scorer.timing.prefill_seconds / BYTES_PER_TOKEN,
        speed=scorer.timing.speed / BYTES_PER_TOKEN,
    )
    return setting.policy_config(1.0), replace(
        scorer, critique_tokens=scorer.critique_tokens // BYTES_PER_TOKEN, timing=timing
    )


@dataclass(frozen=True)
class Timed:
    """What a run leaves: the searches, by problem, and the seconds until the last ended."""

    searched: Sequence[Searched]
    seconds: float
    in_flight: int


def rows(
    strategies: Sequence[str],
    pairs: Sequence[int],
    problems: int,
    setting: Setting = BASE,
    scalings: Sequence[str] = SCALINGS,
    *,
    pooled: bool = False,
) -> Iterator[ScalingRow]:
    """All rows, `problems` per pair; the strong ones search those of the most pairs' half."""
    fewest, most = min(pairs), max(pairs)
    for scaling in scalings:
        for name in strategies:
            first: tuple[Timed, list[str]] | None = None
            for size in sorted(pairs):
                count = problems * (size if scaling == "weak" else max(1, most // 2))
                timed = run(setting, STRATEGIES[name], size, count)
                first = first or (timed, [outcome(each) for each in timed.searched])
                made = row(setting, (name, scaling), size, timed, first, fewest)
                one = run(setting, STRATEGIES[name], size, count, pooled=True) if pooled else None
                yield replace(made, over_pooled=timed.seconds / one.seconds) if one else made


def row(
    setting: Setting,
    what: tuple[str, str],
    pairs: int,
    timed: Timed,
    first: tuple[Timed, list[str]],
    fewest: int,
) -> ScalingRow:
    """The figures of one run, beside the first of its kind."""
    name, scaling = what
    sides = [Side(part.timing, pairs) for part in parts(setting)]
    least = bound(timed.searched, *sides)
    reference, outcomes = first
    gain = reference.seconds / timed.seconds
    return ScalingRow(
        strategy=name,
        scaling=scaling,
        pairs=pairs,
        problems=len(timed.searched),
        in_flight=timed.in_flight,
        seconds=timed.seconds,
        bound=least,
        over_bound=timed.seconds / least,
        efficiency=gain if scaling == "weak" else gain * fewest / pairs,
        same=all(map(str.__eq__, outcomes, map(outcome, timed.searched))),
    )


def outcome(searched: Searched) -> str:
    """What must not depend on the number of replicas, as text."""
    costs = [sorted(side.items()) for side in (searched.costs.policy, searched.costs.verifier)]
    paths = [candidate.path.id for candidate in searched.result.candidates]
    return repr((paths, costs))


def run(
    setting: Setting, strategy: Strategy, pairs: int, problems: int, *, pooled: bool = False
) -> Timed:
    """Search so many problems on so many pairs, in simulated time; `pooled`: on one that is all."""
    config = ClusterConfig(policy_replicas=pairs, scorer_replicas=pairs)
    if pooled:
        slots, batch_seconds = setting.slots * pairs, setting.batch_seconds / pairs
        setting = replace(setting, slots=slots, batch_seconds=batch_seconds)
        config = ClusterConfig()

    async def timed() -> Timed:
        at_once = in_flight(config, *parts(setting), strategy)
        async with opened(config, *parts(setting)) as (policy, scorer):
            return await search_all(strategy, policy, scorer, problems, at_once)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(timed())


async def search_all(
    strategy: Strategy, policy: Policy, scorer: Scorer, problems: int, at_once: int
) -> Timed:
    """Search so many problems, so many at once, on these ports."""
    now = asyncio.get_running_loop().time
    begun = now()
    waiting = iter([problem(number) for number in range(problems)])
    done: dict[str, Searched] = {}

    async def work() -> None:
        for each in waiting:
            done[each.id] = await search(each)

    async def search(each: Problem) -> Searched:
        return await drive(strategy(each), policy, scorer, DictMemory(), 0, now)

    await gather(work() for _ in range(min(at_once, problems)))
    seconds = now() - begun
    return Timed([done[problem(number).id] for number in range(problems)], seconds, at_once)


@asynccontextmanager
async def opened(
    config: ClusterConfig, policy: Part, scorer: Part
) -> AsyncIterator[tuple[PooledPolicy, PooledScorer]]:
    """Pools of simulated engines with the limits of this config."""

    def pool(part: Part, size: int) -> Pool:
        limits = PoolLimits(calls_in_flight=calls_at_once(config, slots_of(traits_of(part))))
        return Pool(partial(InlineReplica, builder(part)), size, limits)

    pools = pool(policy, config.policy_replicas), pool(scorer, config.scorer_replicas)
    await gather(pool.start() for pool in pools)
    try:
        yield PooledPolicy(pools[0]), PooledScorer(pools[1])
    finally:
        await gather(pool.close() for pool in pools)


COLUMNS: dict[str, Callable[[ScalingRow], str]] = {
    "strategy": lambda row: row.strategy,
    "scaling": lambda row: row.scaling,
    "replicas": lambda row: f"{row.pairs} + {row.pairs}",
    "problems": lambda row: str(row.problems),
    "in flight": lambda row: str(row.in_flight),
    "seconds": lambda row: f"{row.seconds:.1f}",
    "bound": lambda row: f"{row.bound:.1f}",
    "/ bound": lambda row: f"{row.over_bound:.3f}",
    "efficiency": lambda row: f"{row.efficiency:.3f}",
    "/ pooled": lambda row: "" if row.over_pooled is None else f"{row.over_pooled:.3f}",
    "same": lambda row: "yes" if row.same else "NO",
}

NOTES = (
    "Simulated engines, virtual time; in flight: the default of cluster.problems_in_flight.",
    "Bound: the larger of one side's work over its replicas, all slots taken, and of the longest",
    "chain of steps and judgements. Same: searches come out as on the fewest replicas.",
    "Pooled: one policy and one verifier with the slots of all (--pooled).",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where a search came out differently."""
    parser = command("scaling", "What more replicas are worth, from 1 + 1 to 64 + 64.")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--pairs", nargs="+", type=int, default=PAIRS, help="policies = verifiers")
    parser.add_argument("--problems", type=int, default=PER_PAIR, help="problems per pair")
    parser.add_argument("--scaling", nargs="+", choices=SCALINGS, default=SCALINGS, help="which")
    parser.add_argument("--pooled", action="store_true", help="beside one engine with all slots")
    options = parser.parse_args(arguments)
    if options.problems < 1 or min(options.pairs) < 1:
        parser.error("--problems and --pairs must be 1 or more")
    collect_seldom()  # as in a run
    found = []
    what = options.strategies, options.pairs, options.problems, BASE, options.scaling
    for each in rows(*what, pooled=options.pooled):
        found.append(each)
        print(", ".join(told(each) for told in COLUMNS.values()), file=sys.stderr, flush=True)
    if options.json:
        print_json(found)
    else:
        print_table("Weak and strong scaling, simulated engines", found, COLUMNS, NOTES)
    return 0 if all(each.same for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
