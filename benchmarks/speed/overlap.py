"""What `Grow` gains over a barrier: `python -m benchmarks.speed.overlap [--json]`.

The same beam search runs twice through the real driver on simulated engines: each child judged the
moment it ends, and each level extended whole before it is judged whole. Both must give the same
tree from the same tokens; only the time may differ. A row differs from the first in what its name
says: where the barrier costs nothing is shown too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import TypeAlias

from benchmarks.speed.barrier import with_barrier
from benchmarks.speed.report import command, print_json, print_table
from benchmarks.speed.setting import BYTES_PER_TOKEN, Setting
from benchmarks.speed.virtual_time import VirtualTimeLoop
from search.core import Problem, Spent
from search.driver import Searched, drive
from search.gather import gather
from search.memory import DictMemory
from search.questions import Flow
from search.strategies.beam import Beam

Schedule: TypeAlias = Callable[[Flow], Flow]
"""How a search asks."""

REAL_SPEED = 10.0
"""On the wall clock everything passes ten times faster than simulated."""

BASE = Setting("base")
SETTINGS = (
    BASE,
    Setting("all lengths equal", length_cv=0.0),
    Setting("lengths vary less", length_cv=0.3),
    Setting("lengths vary more", length_cv=1.2),
    Setting("verifier 2 × as slow", verifier_pace=0.5),
    Setting("verifier 4 × as slow", verifier_pace=1.0),
    Setting("narrow beam", paths=4),
    Setting("wide beam", paths=64),
    Setting("no batch effect", batch_seconds=0.0),
    Setting("8 slots", slots=8),
    Setting("8 slots, 4 problems", slots=8, at_once=4),
)


@dataclass(frozen=True)
class Race:
    """The same problems searched both ways; seconds are simulated ones.

    `ratio` is barrier / grow.
    """

    problems: tuple[str, ...]
    grow_seconds: float
    barrier_seconds: float
    ratio: float
    same_trees: bool
    """Whether results, paths, judgements and what each call spent are equal."""
    policy_tokens: int
    """Generated ones, as are the verifier's."""
    verifier_tokens: int


@dataclass(frozen=True)
class RaceRow:
    """The races of one setting: medians, and the range of the ratio."""

    setting: Setting
    clock: str
    grow_seconds: float
    barrier_seconds: float
    ratio: float
    ratio_min: float
    ratio_max: float
    verifier_work: float
    """Time that the verifier's tokens would take one by one, where the policy's take 1."""
    same_trees: bool
    races: tuple[Race, ...]


def row(setting: Setting, problems: int, *, repetitions: int = 1, real: bool = False) -> RaceRow:
    """Race over `problems` problems, each so many times, in alternating order.

    A setting with several problems at once rounds them up to whole races.
    """
    groups = [
        [problem(number) for number in range(start, start + setting.at_once)]
        for start in range(0, problems, setting.at_once)
    ]
    rounds = product(range(repetitions), enumerate(groups))
    races = [race(setting, group, (turn + place) % 2 == 1, real) for turn, (place, group) in rounds]
    ratios = [each.ratio for each in races]
    policy_tokens = sum(each.policy_tokens for each in races)
    verifier_tokens = sum(each.verifier_tokens for each in races)
    return RaceRow(
        setting,
        "real" if real else "virtual",
        median(each.grow_seconds for each in races),
        median(each.barrier_seconds for each in races),
        median(ratios),
        min(ratios),
        max(ratios),
        setting.verifier_pace * verifier_tokens / policy_tokens,
        all(each.same_trees for each in races),
        tuple(races),
    )


def race(setting: Setting, problems: Sequence[Problem], barrier_first: bool, real: bool) -> Race:
    """Search these problems both ways, one way after the other."""
    schedules = [with_barrier, as_it_is] if barrier_first else [as_it_is, with_barrier]
    done = {way: search(setting, problems, way, real) for way in schedules}
    (grow, grow_seconds), (barrier, barrier_seconds) = done[as_it_is], done[with_barrier]
    return Race(
        tuple(each.id for each in problems),
        grow_seconds,
        barrier_seconds,
        barrier_seconds / grow_seconds,
        grow == barrier,
        generated(searched.costs.policy for searched in grow),
        generated(searched.costs.verifier for searched in grow),
    )


def search(
    setting: Setting, problems: Sequence[Problem], schedule: Schedule, real: bool
) -> tuple[list[Searched], float]:
    """What the searches leave and the simulated seconds until the last ended, on new engines."""
    speed = REAL_SPEED if real else 1.0

    async def timed() -> tuple[list[Searched], float]:
        now = asyncio.get_running_loop().time
        policy, scorer = setting.policy(speed), setting.scorer(speed)
        strategy = Beam(setting.paths, setting.children)
        start = now()
        searched = await gather(
            drive(schedule(strategy(each)), policy, scorer, DictMemory(), 0, now)
            for each in problems
        )
        return searched, (now() - start) * speed

    with asyncio.Runner(loop_factory=None if real else VirtualTimeLoop) as runner:
        return runner.run(timed())


def generated(costs: Iterable[Mapping[str, Spent]]) -> int:
    """Generated tokens of all calls."""
    total = sum(spent.generated for of_one in costs for spent in of_one.values())
    return total // BYTES_PER_TOKEN


def as_it_is(flow: Flow) -> Flow:
    """The search itself."""
    return flow


def problem(number: int) -> Problem:
    """The `number`-th problem."""
    return Problem(f"sum-{number}", f"What is {number} + 7?")


COLUMNS: dict[str, Callable[[RaceRow], str]] = {
    "setting": lambda row: row.setting.name,
    "clock": lambda row: row.clock,
    "N": lambda row: str(row.setting.paths),
    "M": lambda row: str(row.setting.children),
    "CV": lambda row: f"{row.setting.length_cv:g}",
    "verifier": lambda row: f"{row.verifier_work:.1f}",
    "Grow s": lambda row: f"{row.grow_seconds:.1f}",
    "barrier s": lambda row: f"{row.barrier_seconds:.1f}",
    "ratio": lambda row: f"{row.ratio:.3f}",
    "min – max": lambda row: f"{row.ratio_min:.3f} – {row.ratio_max:.3f}",
    "same trees": lambda row: "yes" if row.same_trees else "NO",
}

NOTES = (
    "Medians over the problems; ratio: barrier / Grow; verifier: its work, the policy's being 1.",
    "Assumed, not measured: a token takes 8 ms, in the verifier a quarter of that unless said.",
    "A barrier costs nothing where all lengths are equal, and little where one engine has nearly",
    "all the work or where other problems fill the gaps.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; 1 where a tree differs, since times of different searches say nothing."""
    parser = command("overlap", "How much faster Grow is than to extend all and then judge all.")
    parser.add_argument("--problems", type=int, default=8, help="problems per setting")
    parser.add_argument(
        "--real",
        type=int,
        default=0,
        metavar="TIMES",
        help="also race the base setting so many times on the wall clock (a minute each)",
    )
    options = parser.parse_args(arguments)
    if options.problems < 1 or options.real < 0:
        parser.error("--problems must be 1 or more and --real 0 or more")
    rows = [row(setting, options.problems) for setting in SETTINGS]
    if options.real:
        rows.append(row(BASE, options.problems, repetitions=options.real, real=True))
    if options.json:
        print_json(rows)
    else:
        print_table("Grow against extend-then-judge-all, simulated engines", rows, COLUMNS, NOTES)
    return 0 if all(each.same_trees for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
