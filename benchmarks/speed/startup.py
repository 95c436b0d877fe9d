"""From a command to its first reply: `python -m benchmarks.speed.startup [--json]`.

Each start is a process of its own that does what `treewright run` does, on the real engines, until
the first reply is in the journal, and tells when each stage was over. The first one may find files
that are not in memory yet: the least seconds are of one that does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from argparse import SUPPRESS
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from statistics import median
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.grading import open_grader
from benchmarks.speed.report import command, print_json, print_table

if TYPE_CHECKING:
    from treewright.running.job import Job

CONFIG = "quickstart"
STAGES = {
    "imports": "Python, and the modules of a run",
    "config": "config, data and run folder",
    "ray": "Ray: its import, its processes, the connection",
    "actors": "the replicas' processes, before they build their ports",
    "engines": "of the slower replica: imports, weights, warm-up",
    "first reply": "from ready to the first reply in the journal",
}
"""In their order; each begins when the one before it ends."""
READY = tuple(STAGES)[:-1]
TOTALS = {"to ready": READY, "to the first reply": tuple(STAGES)}
LOOK_S = 0.002
"""How often it is looked whether a reply is there."""


@dataclass(frozen=True)
class StartupRow:
    """A stage, or several together: over all starts the median and least seconds.

    `share`: median of its share of the way to the first reply of the same start.
    """

    stage: str
    what: str
    seconds: float
    least: float
    share: float


def started(config: str, overrides: Sequence[str]) -> dict[str, float]:
    """Seconds of each stage of one start, in a new process. Raises RuntimeError where it fails."""
    told = json.dumps([time.time(), config, *overrides])
    arguments = [sys.executable, "-m", "benchmarks.speed.startup", "--one", told]
    with Popen(arguments, stdout=PIPE, text=True) as process:
        out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a start of {config} ended with {process.returncode}")
    stages: dict[str, float] = json.loads(out.splitlines()[-1])
    return stages


def one(began: float, config: str, overrides: Sequence[str]) -> dict[str, float]:
    """Seconds of each stage of this process, which began then, up to the first reply."""
    import_module("treewright.cli")
    from treewright.config.load import load_runnable
    from treewright.config.location import find_config
    from treewright.running.experiment import job_of

    ends = {"began": began, "imports": time.time()}
    with TemporaryDirectory() as folder:
        job = job_of(load_runnable(find_config(config), [*overrides, f"output_dir={folder}"]))
        ends["config"] = time.time()
        ends |= asyncio.run(_answered(job))
    times = list(ends.values())
    return {stage: times[at + 1] - times[at] for at, stage in enumerate(STAGES)}


async def _answered(job: Job) -> dict[str, float]:
    """When the later stages ended."""
    from treewright.cluster.cluster import load_ray, replicas
    from treewright.running.progress import Tally
    from treewright.running.replay import Replay, Scoring
    from treewright.running.session import Session, open_site

    config, samples, ends = job.config, job.dataset.samples, dict[str, float]()
    with ExitStack() as stack:
        journal = stack.enter_context(job.at_work())
        if config.cluster.backend != "inline":  # what a site does first: it takes what is there
            load_ray(config.cluster.address)
            connected = import_module("treewright.cluster.connection").connected
            cpus = config.cluster.cpus * replicas(config.cluster)
            stack.enter_context(connected(config.cluster.address, cpus))
        ends["ray"] = time.time()
        async with (
            open_grader(config.grading) as grader,
            open_site(config.cluster, config.policy, config.scorer, Tally(len(samples))) as site,
        ):
            ready = time.time()
            infos = [info for side in site.ports.stats().values() for info in side.infos]
            ends["actors"] = ready - max(float(info.get("seconds", 0)) for info in infos)
            ends["engines"] = ready
            session = Session(config, job.dataset, journal)
            replay = Replay.of(config, journal, grader, reading=False)
            session.known = await replay.all(samples, Scoring.by(config))
            search = asyncio.create_task(session.search(replay.grading, site))
            while not journal.counts.records and not search.done():
                await asyncio.sleep(LOOK_S)
            ends["first reply"] = time.time()
            search.cancel()
            await asyncio.wait({search})
    return ends


def rows(starts: Sequence[Mapping[str, float]]) -> list[StartupRow]:
    """All stages, and the two ways that they make up."""
    single = {stage: ((stage,), what) for stage, what in STAGES.items()}
    sums = {name: (stages, "all of these") for name, stages in TOTALS.items()}
    made = []
    for name, (stages, what) in (single | sums).items():
        seconds = [sum(start[stage] for stage in stages) for start in starts]
        shares = [each / sum(start.values()) for each, start in zip(seconds, starts, strict=True)]
        made.append(StartupRow(name, what, median(seconds), min(seconds), median(shares)))
    return made


COLUMNS: dict[str, Callable[[StartupRow], str]] = {
    "stage": lambda row: f"{row.stage}: {row.what}",
    "seconds": lambda row: f"{row.seconds:.2f}",
    "least": lambda row: f"{row.least:.2f}",
    "share": lambda row: f"{row.share:.3f}",
}

NOTES = (
    "seconds, share: medians over the starts; share: of the way to the first reply of one start.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows; `--one` is what a start of its own is told."""
    parser = command("startup", "From a command to its first reply, stage by stage.")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the config")
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--repeats", type=int, default=3, help="starts")
    parser.add_argument("--one", help=SUPPRESS)
    options = parser.parse_intermixed_args(arguments)
    if options.one:
        began, config, *overrides = json.loads(options.one)
        print(json.dumps(one(began, config, overrides)))
        return 0
    if options.repeats < 1:
        parser.error("--repeats must be 1 or more")
    made = rows([started(options.config, options.overrides) for _ in range(options.repeats)])
    if options.json:
        print_json(made)
    else:
        print_table("From a command to its first reply", made, COLUMNS, NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
