"""A part of a run's problems, replayed: all of it is the work of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.datasets import Sample
from search.core import Spending
from treewright.arms.solved import Solved
from treewright.journal.damage import JournalCounts
from treewright.journal.journal import Journal
from treewright.report.problem_summary import ProblemSummary, summary_of
from treewright.report.tree_files import TreeFile, Trees, TreeWriter
from treewright.running.controller import Failed
from treewright.running.gpu_hours import gpu_seconds
from treewright.running.processes import in_processes
from treewright.running.recorded import RecordedRun
from treewright.running.wasted import lost


@dataclass
class Shard:
    """What the journal holds of some problems.

    `cases` and `failed` come with the number of their problem in the data, in its order; aligned
    with `cases` are the sizes of their trees in the shard's file. `pending`: problems without a
    result yet. `lost`: what replies on them cost that is in no case. `counts`, `gpu_seconds`: of
    the whole journal.
    """

    # Never spelled out: `asyncio.run` does so to its result, for seconds where it is large.
    cases: list[tuple[int, ProblemSummary]] = field(default_factory=list, repr=False)
    tree_sizes: Sequence[int] = field(default=(), repr=False)
    failed: list[tuple[int, Failed]] = field(default_factory=list)
    pending: int = 0
    lost: Spending = field(default_factory=Spending)
    counts: JournalCounts = field(default_factory=JournalCounts)
    gpu_seconds: float | None = None


@dataclass(frozen=True)
class Replayed:
    """All shards of a run together; `trees` are aligned with `cases`."""

    cases: list[ProblemSummary]
    trees: Trees = field(compare=False)
    failed: list[Failed]
    pending: int
    lost: Spending
    counts: JournalCounts
    gpu_seconds: float | None

    @classmethod
    def of(cls, shards: Sequence[Shard], files: Sequence[TreeFile]) -> Replayed:
        """In the order of the data; each shard has its file of trees."""
        cases = [
            (number, case, (file, at))
            for shard, file in zip(shards, files, strict=True)
            for at, (number, case) in enumerate(shard.cases)
        ]
        cases.sort(key=lambda each: each[0])
        failed = sorted((pair for each in shards for pair in each.failed), key=lambda pair: pair[0])
        return cls(
            cases=[case for _, case, _ in cases],
            trees=Trees([place for _, _, place in cases]),
            failed=[each for _, each in failed],
            pending=sum(each.pending for each in shards),
            lost=sum((each.lost for each in shards), Spending()),
            counts=shards[0].counts,
            gpu_seconds=shards[0].gpu_seconds,
        )


async def replayed(source: RecordedRun, aggregations: Sequence[str], processes: int) -> Replayed:
    """All problems of a run, in so many processes."""
    with TemporaryDirectory(prefix="treewright-report-") as place:
        folder = Path(place)
        if processes < 2:
            shards = [await _replay(source, aggregations, folder, 0, 1)]
        else:
            work = partial(shard_of, source.path, aggregations, folder)
            shards = await in_processes(work, processes)
        files = [
            TreeFile(folder / str(start), each.tree_sizes) for start, each in enumerate(shards)
        ]
    return Replayed.of(shards, files)


def shard_of(
    path: Path, aggregations: Sequence[str], folder: Path, start: int, stride: int
) -> Shard:
    """Every `stride`-th problem from number `start` on, in a process of its own.

    The trees are written to the file `start` of `folder`.
    """
    return asyncio.run(_opened(path, aggregations, folder, start, stride))


async def _opened(
    path: Path, aggregations: Sequence[str], folder: Path, start: int, stride: int
) -> Shard:
    return await _replay(await RecordedRun.open(path), aggregations, folder, start, stride)


async def _replay(
    source: RecordedRun, aggregations: Sequence[str], folder: Path, start: int, stride: int
) -> Shard:
    """One problem after the other, so that one search is in memory at a time."""
    config, part = source.config, Shard()
    booked: dict[str, Spending] = {}
    numbered = list(enumerate(source.dataset.samples))[start::stride]
    async with source.replay() as replay:
        journal = replay.journal
        with TreeWriter(folder / str(start)) as trees:
            for number, sample in numbered:
                found = await replay.one(sample)
                if found is None:
                    part.pending += 1
                elif isinstance(found, Failed):
                    part.failed.append((number, found))
                else:
                    if found.problem_id in journal.failed:
                        booked[found.problem_id] = found.search.costs.spent
                    if failure := found.unjudged:
                        part.failed.append((number, Failed(found.problem_id, failure)))
                    told = answers(journal, sample, found)
                    case, tree = summary_of(sample, found, config, aggregations, told)
                    part.cases.append((number, case))
                    trees.add(tree)
                await asyncio.sleep(0)
        part.tree_sizes = trees.sizes
        failed = [each.problem_id for _, each in part.failed]
        part.lost, part.counts = lost(journal, booked, failed), journal.counts
        part.gpu_seconds = gpu_seconds(journal)
    return part


def answers(journal: Journal, sample: Sample, solved: Solved) -> Sequence[str | None]:
    """The answers as the journal has them; none where it has others."""
    known = journal.latest("grade").get(sample.problem.id, {}).get("answers")
    count = len(solved.search.result.candidates)
    return known if known is not None and len(known) == count else [None] * count
