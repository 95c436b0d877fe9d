"""What replies cost when they are kept and read: `python -m benchmarks.speed.memory [--json]`.

First what memory a reply takes: of a search under way, where it is a reply that came from another
process, and of one that ended. Then what `resume`, `score` and `report` take for runs of so many
replies, each command in a process of its own: a run that is complete is gone through once more.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from benchmarks.grading import Grades, Outcome
from benchmarks.speed.controller import STRATEGIES
from benchmarks.speed.overlap import problem
from benchmarks.speed.prepared import Prepared, PreparedPolicy, PreparedScorer
from benchmarks.speed.report import command, print_json, print_table
from search.aggregation import MissingRule
from search.driver import Searched, drive
from search.keys import told_steps
from search.memory import DictMemory
from search.ports import (
    Failure,
    Policy,
    PolicyCall,
    PolicyReply,
    Scorer,
    ScorerCall,
    ScorerReply,
)
from treewright.arms.scored import Scored
from treewright.arms.solved import Solved
from treewright.journal.journal import Journal

WIDTH = 16
"""Solutions per problem: 32 replies."""
LENGTHS = (60, 240)
"""Mean tokens of a step in the two measurements whose difference is the price of a token."""
AGGREGATIONS = ("min", "last", "product")
VERBS = ("run", "resume", "score", "report")
FIGURES = ("seconds", "cpu_seconds", "peak_mb")
SETTINGS = (
    "policy.kind=scripted",
    "scorer.kind=scripted",
    "strategy.kind=best_of_n",
    f"strategy.n={WIDTH}",
    "cluster.backend=inline",
    "grading.kind=exact",
)


@dataclass(frozen=True)
class KeptRow:
    """Bytes of one strategy's replies, by whether their search is under way or has ended."""

    strategy: str
    replies: int
    bytes_per_token: float
    under_way: float
    """Bytes per reply beside its tokens, texts included."""
    ended: float
    """Bytes per reply of what a run keeps of a search that ended; it keeps no tokens."""


@dataclass(frozen=True)
class RunRow:
    """A run of so many replies: what a command takes, all its processes together.

    `peak_mb` is of the largest of its processes.
    """

    replies: int
    journal_mb: float
    read_per_second: float
    """Replies of the journal that are read per second of CPU time when it is opened."""
    verbs: dict[str, dict[str, float]]
    """By command, `seconds`, `cpu_seconds` and `peak_mb`."""


class Sent(Policy, Scorer):
    """Replies as they come from another process: no text and no number is shared."""

    def __init__(self, policy: Policy, scorer: Scorer) -> None:
        self.policy, self.scorer = policy, scorer

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """What the policy says."""
        made: list[PolicyReply | Failure] = pickle.loads(
            pickle.dumps(await self.policy.extend(batch))
        )
        return made

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """What the scorer says."""
        made: list[ScorerReply | Failure] = pickle.loads(
            pickle.dumps(await self.scorer.judge(batch))
        )
        return made


async def kept(name: str, problems: int) -> KeptRow:
    """Measure what is kept of a strategy's searches, twice: with short and with long steps."""
    (short, few, ended, replies), (long, many, _, _) = [
        await _kept(name, problems, length) for length in LENGTHS
    ]
    token = (long - short) / (many - few)
    return KeptRow(name, replies, token, (short - token * few) / replies, ended / replies)


async def _kept(name: str, count: int, step_tokens: int) -> tuple[int, int, int, int]:
    """Bytes of searches, tokens in them, bytes once they ended, and replies."""
    strategy, problems = STRATEGIES[name], [problem(number) for number in range(count)]
    prepared = await Prepared.of(strategy, problems, step_tokens)
    port = Sent(PreparedPolicy(prepared), PreparedScorer(prepared))
    await drive(strategy(problems[0]), port, port, DictMemory(), 0)  # whatever is made once, is
    tracemalloc.start()
    before = _traced()
    searched = [await drive(strategy(each), port, port, DictMemory(), 0) for each in problems]
    under_way = _traced()
    scored = [_ended(each) for each in searched]
    ended = _traced() - under_way
    tracemalloc.stop()
    assert len(scored) == count
    return under_way - before, sum(map(tokens, searched)), ended, prepared.replies


def _traced() -> int:
    told_steps.clear()  # bounded, and nobody's own
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _ended(searched: Searched) -> Scored:
    count = len(searched.result.candidates)
    grades = Grades((0,) * count, (Outcome.CORRECT,) * count)
    return Scored.of(Solved("problem", searched, grades), AGGREGATIONS, MissingRule.WORST)


def tokens(searched: Searched) -> int:
    """How many token ids a search holds: each step is held once, whatever goes on from it."""
    return sum(
        len(step.token_ids)
        for id, path in searched.paths.items()
        for step in path.steps[len(searched.asked[id].path.steps) :]
    )


async def run_row(replies: int, folder: Path) -> RunRow:
    """Make a run and read it."""
    data, runs = folder / "problems.jsonl", folder / "runs"
    problems = max(1, replies // (2 * WIDTH))
    rows = ({"problem": f"What is {n} + 7?", "answer": str(n + 7)} for n in range(problems))
    data.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    config = folder / "config.yaml"
    config.write_text(f"name: memory\noutput_dir: {runs}\ndataset: {{path: {data}}}\n")
    verbs = {"run": await asyncio.to_thread(measured, ["run", str(config), *SETTINGS])}
    (run,) = (each for each in (runs / "memory").iterdir() if not each.is_symlink())
    size = sum(file.stat().st_size for file in (run / "journal").iterdir())
    cpu = process_time()
    with Journal.open(run / "journal", readonly=True) as journal:
        cpu = process_time() - cpu
        records = journal.counts.records
    for verb in VERBS[1:]:
        if verb == "resume":
            (run / "STATUS").write_text("interrupted\n")
        verbs[verb] = await asyncio.to_thread(measured, [verb, str(run)])
    return RunRow(2 * WIDTH * problems, size / 1e6, records / cpu, verbs)


def measured(arguments: Sequence[str]) -> dict[str, float]:
    """Run a command; `FIGURES`. Raises RuntimeError where it fails."""
    started = perf_counter()
    process = Popen([sys.executable, "-m", "treewright.cli", *arguments], stdout=DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"treewright {' '.join(arguments)} ended with {process.returncode}")
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3
    return dict(zip(FIGURES, (perf_counter() - started, cpu, peak), strict=True))


KEPT: dict[str, Callable[[KeptRow], str]] = {
    "strategy": lambda row: row.strategy,
    "replies": lambda row: str(row.replies),
    "B/token": lambda row: f"{row.bytes_per_token:.1f}",
    "B/reply under way": lambda row: f"{row.under_way:.0f}",
    "B/reply ended": lambda row: f"{row.ended:.0f}",
}


def _figure(verb: str, figure: str) -> Callable[[RunRow], str]:
    return lambda row: f"{row.verbs[verb][figure]:.1f}"


RUNS: dict[str, Callable[[RunRow], str]] = {
    "replies": lambda row: str(row.replies),
    "journal MB": lambda row: f"{row.journal_mb:.0f}",
    "read/s": lambda row: f"{row.read_per_second:.0f}",
    **{
        f"{verb} {unit}": _figure(verb, figure)
        for verb in VERBS
        for unit, figure in zip(("s", "CPU s", "MB"), FIGURES, strict=True)
    },
}

NOTES = (
    "B/token: ids and text, of which the double writes one byte per token.",
    "read/s: replies of the journal per second of CPU time; MB: the largest process of a command.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows."""
    parser = command("memory", "What replies cost when they are kept, and when they are read.")
    parser.add_argument(
        "--replies",
        type=int,
        nargs="*",
        default=[50_000, 500_000],
        help="of the runs",
    )
    options = parser.parse_args(arguments)
    if min(options.replies, default=1) < 1:
        parser.error("--replies must be 1 or more")
    bytes_kept = [asyncio.run(kept(name, 4)) for name in STRATEGIES]
    runs = []
    for replies in options.replies:
        with TemporaryDirectory() as folder:
            runs.append(asyncio.run(run_row(replies, Path(folder))))
    if options.json:
        print_json([*bytes_kept, *runs])
        return 0
    print_table("Memory per reply", bytes_kept, KEPT)
    print_table("Runs", runs, RUNS, NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
