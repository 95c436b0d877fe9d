"""What the driver costs: `python -m benchmarks.speed.controller [--json]`.

Searches run through the real driver, many at once, on ports that look each reply up: what is left
is the work of the driver, of the journal and of the pools. A question is a call that was answered:
one child drawn, or one path judged.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from benchmarks.speed.overlap import problem
from benchmarks.speed.prepared import Prepared, PreparedPolicy, PreparedScorer
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.setting import STEP_TOKENS
from search.core import Problem
from search.driver import drive
from search.gather import gather
from search.memory import DictMemory
from search.ports import Memory, Policy, Scorer
from search.questions import Strategy
from search.strategies.beam import Beam
from search.strategies.best_of_n import BestOfN
from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.limits import PoolLimits
from treewright.cluster.pool import Pool
from treewright.cluster.pool_ports import PooledPolicy, PooledScorer
from treewright.garbage import collect_seldom
from treewright.journal.journal import Journal
from treewright.running.memory import JournalMemory

AT_ONCE = 16
"""Problems in flight, unless said."""
STRATEGIES: dict[str, Strategy] = {"best_of_n": BestOfN(n=16), "beam": Beam(paths=16, children=4)}
PARTS = ("driver", "journal", "pools")
"""What is measured: the driver alone, with a journal on disk, and with pools of one replica too."""


@dataclass(frozen=True)
class ControllerRow:
    """One strategy, with some of the parts."""

    strategy: str
    parts: str
    at_once: int
    problems: int
    questions: int
    seconds: float
    cpu_seconds: float
    questions_per_second: float
    """Per second of CPU time, all threads together: what one core does."""
    microseconds: float
    """CPU time of a question."""


@asynccontextmanager
async def ports(prepared: Prepared, *, pooled: bool) -> AsyncIterator[tuple[Policy, Scorer]]:
    """Both ports, behind pools of one inline replica each or as they are."""
    policy, scorer = PreparedPolicy(prepared), PreparedScorer(prepared)
    if not pooled:
        yield policy, scorer
        return

    async def build_policy() -> Policy:
        return policy

    async def build_scorer() -> Scorer:
        return scorer

    pools = [
        Pool(lambda: InlineReplica(build_policy), 1, PoolLimits(calls_in_flight=256)),
        Pool(lambda: InlineReplica(build_scorer), 1, PoolLimits(calls_in_flight=256)),
    ]
    try:
        await asyncio.gather(*(pool.start() for pool in pools))
        yield PooledPolicy(pools[0]), PooledScorer(pools[1])
    finally:
        await asyncio.gather(*(pool.close() for pool in pools))


async def searched(
    strategy: Strategy,
    problems: Sequence[Problem],
    ports: tuple[Policy, Scorer, Memory],
    at_once: int,
) -> None:
    """Search all, so many at once; nothing is kept."""
    waiting = iter(problems)

    async def work() -> None:
        for each in waiting:
            await drive(strategy(each), *ports, 0)

    await gather(work() for _ in range(at_once))


async def row(
    name: str, parts: str, prepared: Prepared, problems: Sequence[Problem], at_once: int
) -> ControllerRow:
    """Measure one strategy; the clocks run while it searches and no longer."""
    with TemporaryDirectory() as folder, Journal.open(Path(folder) / "journal") as journal:
        on_disk = JournalMemory(journal, lambda spent: None)
        memory: Memory = DictMemory() if parts == "driver" else on_disk
        async with ports(prepared, pooled=parts == "pools") as (policy, scorer):
            gc.collect()
            gc.freeze()  # a run has no prepared replies that its collections would walk through
            wall, cpu = perf_counter(), process_time()
            await searched(STRATEGIES[name], problems, (policy, scorer, memory), at_once)
            wall, cpu = perf_counter() - wall, process_time() - cpu
            gc.unfreeze()
    count = prepared.replies
    return ControllerRow(
        name, parts, at_once, len(problems), count, wall, cpu, count / cpu, 1e6 * cpu / count
    )


async def rows(replies: int, at_once: Sequence[int] = (AT_ONCE,)) -> list[ControllerRow]:
    """All rows, over as many problems as give about so many replies, or as are in flight."""
    made = []
    for name, strategy in STRATEGIES.items():
        one = await Prepared.of(strategy, [problem(0)], STEP_TOKENS)
        problems = [problem(number) for number in range(max(*at_once, 1, replies // one.replies))]
        prepared = await Prepared.of(strategy, problems, STEP_TOKENS)
        made += [
            await row(name, parts, prepared, problems, many) for many in at_once for parts in PARTS
        ]
    return made


COLUMNS: dict[str, Callable[[ControllerRow], str]] = {
    "strategy": lambda row: row.strategy,
    "with": lambda row: row.parts,
    "in flight": lambda row: str(row.at_once),
    "problems": lambda row: str(row.problems),
    "questions": lambda row: str(row.questions),
    "seconds": lambda row: f"{row.seconds:.2f}",
    "CPU s": lambda row: f"{row.cpu_seconds:.2f}",
    "questions/s": lambda row: f"{row.questions_per_second:.0f}",
    "µs each": lambda row: f"{row.microseconds:.0f}",
}

NOTES = (
    "questions/s: calls answered per second of CPU time, all threads together.",
    "with: the driver alone; a journal too, each reply synced; pools of one inline replica too.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows."""
    parser = command("controller", "What the driver costs per question, without any model.")
    parser.add_argument("--replies", type=int, default=20_000, help="about so many in each row")
    parser.add_argument(
        "--at-once", nargs="+", type=int, default=[AT_ONCE], help="problems in flight"
    )
    options = parser.parse_args(arguments)
    if options.replies < 1 or min(options.at_once) < 1:
        parser.error("--replies and --at-once must be 1 or more")
    collect_seldom()  # as in a run
    made = asyncio.run(rows(options.replies, options.at_once))
    if options.json:
        print_json(made)
    else:
        print_table("The driver on ports that cost nothing", made, COLUMNS, NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
