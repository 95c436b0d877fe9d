"""What the death of replicas costs: `python -m benchmarks.speed.death [--json]`.

The same searches run on the real pools over simulated engines, four of the policy and four of the
verifier, once undisturbed and once for each way to die. What is found must be the same; only the
time may differ. A dead engine takes half a minute to come back; a dead node does not come back.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.speed.mortal import MortalReplicas
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.setting import Setting
from benchmarks.speed.virtual_time import VirtualTimeLoop
from search.calls import SearchFailed
from search.core import Problem
from search.driver import Searched, drive
from search.gather import gather
from search.memory import DictMemory
from search.questions import Strategy
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer

PAIRS = 4
"""Replicas of the policy, and as many of the verifier; a pair is on a node."""
SLOTS = 8
"""Requests that an engine serves at once, and has in flight: the others wait in the pool."""
RESTART_S = 30.0
"""How long a dead engine takes to be back."""
AT = 0.3
"""When the first dies, as a part of the undisturbed time."""
POISON = "sum-1"
"""The problem whose every call kills, where there is one."""
STRATEGIES: dict[str, Strategy] = {"best_of_n": BestOfN(n=16), "beam": Beam(16, 4)}


@dataclass(frozen=True)
class Death:
    """Who dies: replicas by side and number, the second so many seconds after the first.

    `node`: with their nodes, so that Ray explains it and they do not come back. `limit`: how much
    longer than undisturbed it may take; None is not said.
    """

    name: str
    policies: tuple[int, ...] = ()
    scorers: tuple[int, ...] = ()
    apart_s: float = 0.0
    node: bool = False
    poison: bool = False
    limit: float | None = None


UNDISTURBED = Death("undisturbed")
DEATHS = (
    Death("one policy", policies=(0,), limit=1.15),
    Death("one verifier", scorers=(0,), limit=1.15),
    Death("two policies", policies=(0, 1), limit=1.35),
    Death("two verifiers", scorers=(0, 1), limit=1.35),
    Death("two verifiers, 5 s apart", scorers=(0, 1), apart_s=5.0, limit=1.35),
    Death("one of each", policies=(0,), scorers=(0,), limit=1.35),
    Death("a node of four", policies=(0,), scorers=(0,), node=True, limit=1.35),
    Death("a poison prompt", poison=True),
)


@dataclass(frozen=True)
class DeathRow:
    """One way to die: simulated seconds, and their ratio to those of the undisturbed run.

    `asked_again`: calls that were in flight at a dead replica. `failed`: problems without a result.
    `same`: whether all others found what they find undisturbed.
    """

    strategy: str
    death: Death
    seconds: float
    ratio: float
    deaths: int
    asked_again: int
    failed: tuple[str, ...]
    same: bool

    @property
    def holds(self) -> bool:
        """Whether it is within its limit and nothing is lost."""
        in_time = self.death.limit is None or self.ratio <= self.death.limit
        return in_time and self.same and self.failed == ((POISON,) if self.death.poison else ())


@dataclass
class Found:
    """What the searches leave, by problem, and what it took."""

    seconds: float = 0.0
    deaths: int = 0
    asked_again: int = 0
    searched: dict[str, Searched] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def rows(problems: int, names: Sequence[str]) -> Iterator[DeathRow]:
    """Every way to die of each strategy, the undisturbed one first."""
    for name in names:
        whole = found(STRATEGIES[name], problems, UNDISTURBED, 0.0)
        for death in (UNDISTURBED, *DEATHS):
            at = AT * whole.seconds
            this = whole if death is UNDISTURBED else found(STRATEGIES[name], problems, death, at)
            same = all(whole.searched[key] == value for key, value in this.searched.items())
            yield DeathRow(
                name,
                death,
                this.seconds,
                this.seconds / whole.seconds,
                this.deaths,
                this.asked_again,
                tuple(this.failed),
                same and len(this.searched) + len(this.failed) == problems,
            )


def found(strategy: Strategy, problems: int, death: Death, at: float) -> Found:
    """Search so many problems while these replicas die."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(search(strategy, problems, death, at))


async def search(strategy: Strategy, problems: int, death: Death, at: float) -> Found:
    """See `found`; in simulated time."""
    setting = Setting("death", slots=SLOTS)
    poison = POISON if death.poison else None
    policies = MortalReplicas(lambda: setting.policy(1.0), RESTART_S, poison)
    scorers = MortalReplicas(lambda: setting.scorer(1.0), RESTART_S)
    limits = PoolLimits(calls_in_flight=SLOTS)
    pools = Pool(policies.make, PAIRS, limits), Pool(scorers.make, PAIRS, limits)
    for pool in pools:
        await pool.start()
    now = asyncio.get_running_loop().time
    left, began = Found(), now()
    ports = PooledPolicy(pools[0]), PooledScorer(pools[1])

    async def one(problem: Problem) -> None:
        try:
            left.searched[problem.id] = await drive(strategy(problem), *ports, DictMemory(), 0, now)
        except SearchFailed:
            left.failed.append(problem.id)

    async def kill() -> None:
        await asyncio.sleep(at)
        for number in range(max(len(death.policies), len(death.scorers))):
            for side, which in ((policies, death.policies), (scorers, death.scorers)):
                for index in which[number : number + 1]:
                    side.kill(index, node=death.node)
            await asyncio.sleep(death.apart_s)

    killing = asyncio.create_task(kill())
    await gather(one(Problem(f"sum-{n}", f"What is {n} + 7?")) for n in range(problems))
    left.seconds = now() - began
    killing.cancel()
    left.deaths = sum(pool.stats().deaths for pool in pools)
    left.asked_again = sum(pool.stats().retries for pool in pools)
    for pool in pools:
        await pool.close()
    return left


COLUMNS: dict[str, Callable[[DeathRow], str]] = {
    "who dies": lambda row: row.death.name,
    "strategy": lambda row: row.strategy,
    "seconds": lambda row: f"{row.seconds:.1f}",
    "ratio": lambda row: f"{row.ratio:.3f}",
    "limit": lambda row: f"{row.death.limit:.2f}" if row.death.limit else "",
    "deaths": lambda row: str(row.deaths),
    "asked again": lambda row: str(row.asked_again),
    "failed": lambda row: ", ".join(row.failed),
    "same": lambda row: "yes" if row.same else "NO",
}

NOTES = (
    f"{PAIRS}+{PAIRS} replicas; the first dies at {AT:.0%} of the undisturbed time; a dead engine",
    f"is back after {RESTART_S:g} s, a dead node never. ratio: to the undisturbed run; same: what",
    "each problem that has not failed found. Times of tokens are assumed (see setting.py).",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where one is beyond its limit, or found something else."""
    parser = command("death", "What the death of one replica, of two and of a node costs.")
    parser.add_argument("--problems", type=int, default=32, help="problems per run")
    parser.add_argument("--strategy", choices=STRATEGIES, help="this one only")
    options = parser.parse_args(arguments)
    if options.problems < 2:
        parser.error("--problems must be 2 or more")
    made = list(rows(options.problems, [options.strategy] if options.strategy else [*STRATEGIES]))
    if options.json:
        print_json(made)
    else:
        print_table("The death of replicas, simulated engines", made, COLUMNS, NOTES)
    return 0 if all(row.holds for row in made) else 1


if __name__ == "__main__":
    sys.exit(main())
