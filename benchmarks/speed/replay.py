"""What a run costs beyond its engines: `python -m benchmarks.speed.replay [--json]`.

A config is run on its real engines, and the requests that they get are noted. The same engines, new
ones each time, are then sent the very same requests by nothing but pipes, in two ways: each request
the moment that the one before it has ended (pipelined), and all of the policy before all of the
scorer (two batches). The order is turned round each time; the clocks run while all is started.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.datasets import load_dataset
from benchmarks.grading import open_grader
from benchmarks.speed.raw import Model, Replayed, Sent, engines, graph
from benchmarks.speed.recording import Noted, read, recording, served
from benchmarks.speed.report import command, print_json, print_table
from search.fault import Fault
from treewright.config.config import Config
from treewright.config.load import load_runnable
from treewright.config.location import find_config
from treewright.journal.journal import Journal
from treewright.running.progress import Tally
from treewright.running.replay import Replay, Scoring
from treewright.running.session import Session, open_site

CONFIG = "quickstart"
PROBLEMS = (64, 16)
WAYS = ("pipelined", "two batches")


@dataclass(frozen=True)
class ReplayRow:
    """One search of so many problems, and its requests sent raw.

    Seconds are from the first request to the last answer; of the search, to the last problem
    graded. Ratios: search / raw. `search_tokens`, `raw_tokens`: generated, of both engines; what a
    batch is made of changes a few.
    """

    problems: int
    repeat: int
    first: str
    requests: int
    search_seconds: float
    pipelined_seconds: float
    two_batches_seconds: float
    pipelined: float
    two_batches: float
    search_tokens: int
    raw_tokens: int


@dataclass(frozen=True)
class Run:
    """A run's search phase, and what its engines were asked, by side."""

    seconds: float
    noted: Mapping[str, Sequence[Noted]]

    @property
    def generated(self) -> int:
        """Tokens, of both engines."""
        return sum(each.generated for side in self.noted.values() for each in side)


def searched(config: Config) -> Run:
    """Run it as `treewright run` does, with a journal that nobody keeps."""
    with TemporaryDirectory() as folder:
        files = {side: Path(folder) / f"{side}.jsonl" for side in ("policy", "scorer")}
        noting = replace(
            config,
            policy=recording(config.policy, files["policy"]),
            scorer=recording(config.scorer, files["scorer"]),
        )
        seconds = asyncio.run(_searched(noting, Path(folder) / "journal"))
        return Run(seconds, {side: read(file) for side, file in files.items()})


async def _searched(config: Config, folder: Path) -> float:
    """Seconds from the first question to the last grade, when all is started."""
    dataset = load_dataset(config.dataset)
    tally = Tally(len(dataset.samples))
    with Journal.open(folder) as journal:
        async with (
            open_grader(config.grading) as grader,
            open_site(config.cluster, config.policy, config.scorer, tally) as site,
        ):
            session = Session(config, dataset, journal)
            replay = Replay.of(config, journal, grader, reading=False)
            session.known = await replay.all(dataset.samples, Scoring.by(config))
            began = perf_counter()
            await session.search(replay.grading, site)
            seconds = perf_counter() - began
    if failed := session.known.failed:
        raise RuntimeError(f"{failed[0].problem_id}: {failed[0].failure.message}")
    return seconds


def raw(models: Mapping[str, Model], sent: Sequence[Sent], way: str) -> Replayed:
    """The requests sent in one of `WAYS`, to new engines."""
    with engines(models, sent) as both:
        return both.pipelined() if way == "pipelined" else both.two_batches()


def rows(config: Config, repeats: int) -> list[ReplayRow]:
    """So many rounds; in every other one the raw ways go first, with the requests known by then."""
    models = {"policy": served(config.policy), "scorer": served(config.scorer)}
    made, run = list[ReplayRow](), None
    for repeat in range(repeats):
        search_first = repeat % 2 == 0
        if search_first or run is None:
            run = searched(config)
        asked = run
        sent = graph(asked.noted)
        ways = WAYS if search_first else WAYS[::-1]
        found = {way: raw(models, sent, way) for way in ways}
        if not search_first:
            run = searched(config)
        made.append(row(config, repeat, "search" if search_first else "raw", run, asked, found))
        told = f"{config.dataset.limit} problems, round {repeat + 1} of {repeats}: "
        print(f"{told}{made[-1].pipelined:.3f} pipelined, {made[-1].two_batches:.3f} two batches",
              file=sys.stderr, flush=True)  # fmt: skip
    return made


def row(
    config: Config, repeat: int, first: str, run: Run, asked: Run, found: Mapping[str, Replayed]
) -> ReplayRow:
    """The figures of a round; `asked`: the run whose requests were sent."""
    pipelined, two_batches = (found[way].seconds for way in WAYS)
    return ReplayRow(
        problems=config.dataset.limit or 0,
        repeat=repeat + 1,
        first=first,
        requests=sum(map(len, asked.noted.values())),
        search_seconds=run.seconds,
        pipelined_seconds=pipelined,
        two_batches_seconds=two_batches,
        pipelined=run.seconds / pipelined,
        two_batches=run.seconds / two_batches,
        search_tokens=run.generated,
        raw_tokens=sum(found[WAYS[0]].generated.values()),
    )


COLUMNS: dict[str, Callable[[ReplayRow], str]] = {
    "problems": lambda row: str(row.problems),
    "repeat": lambda row: str(row.repeat),
    "first": lambda row: row.first,
    "requests": lambda row: str(row.requests),
    "run s": lambda row: f"{row.search_seconds:.1f}",
    "piped s": lambda row: f"{row.pipelined_seconds:.1f}",
    "batches s": lambda row: f"{row.two_batches_seconds:.1f}",
    "/ piped": lambda row: f"{row.pipelined:.3f}",
    "/ batches": lambda row: f"{row.two_batches:.3f}",
    "tokens": lambda row: str(row.search_tokens),
    "raw tokens": lambda row: str(row.raw_tokens),
}

NOTES = (
    "run: from the first question to the last grade, when all is started. piped, batches: from the",
    "first request to the last answer, by the same engines without Ray, pools, journal or search.",
    "Ratios: run / raw. Other work on the machine falsifies them.",
)


def summary(made: Sequence[ReplayRow]) -> list[str]:
    """The medians of each number of problems, in a line."""
    lines = []
    for problems in dict.fromkeys(row.problems for row in made):
        own = [row for row in made if row.problems == problems]
        pipelined = median(row.pipelined for row in own)
        two_batches = median(row.two_batches for row in own)
        lines.append(
            f"{problems} problems, median of {len(own)}: {pipelined:.3f} pipelined, "
            f"{two_batches:.3f} two batches"
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows."""
    parser = command("replay", "The search phase of a run over a raw replay of its requests.")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the config")
    parser.add_argument("--config", default=CONFIG, help="qwen and thinkprm on vllm engines")
    parser.add_argument("--problems", nargs="+", type=int, default=PROBLEMS, help="of each row")
    parser.add_argument("--repeats", type=int, default=3, help="of each number of problems")
    options = parser.parse_intermixed_args(arguments)
    if min(options.problems) < 1 or options.repeats < 1:
        parser.error("--problems and --repeats must be 1 or more")
    path = find_config(options.config)
    try:
        wanted = [
            load_runnable(path, [*options.overrides, f"dataset.limit={problems}"])
            for problems in options.problems
        ]
        made = [each for config in wanted for each in rows(config, options.repeats)]
    except (Fault, ValueError) as error:
        parser.error(str(error))
    if options.json:
        print_json(made)
    else:
        print_table("A run over its engines alone", made, COLUMNS, (*summary(made), *NOTES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
