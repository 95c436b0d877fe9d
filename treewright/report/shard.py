"""A part of a run's problems, replayed: all of it is the work of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.datasets import Sample
from search.core import Spending
from treewright.arms.solved import Solved
from treewright.journal.damage import JournalCounts
from treewright.journal.journal import Journal
from treewright.report.problem_summary import ProblemSummary, summary_of
from treewright.running.controller import Failed
from treewright.running.gpu_hours import gpu_seconds
from treewright.running.processes import in_processes
from treewright.running.recorded import RecordedRun
from treewright.running.wasted import lost


@dataclass
class Shard:
    """What the journal holds of some problems.

    `cases` and `failed` come with the number of their problem in the data, in its order. `pending`:
    problems without a result yet. `lost`: what replies on them cost that is in no case. `counts`,
    `gpu_seconds`: of the whole journal.
    """

    # Never spelled out: `asyncio.run` does so to its result, for seconds where it is large.
    cases: list[tuple[int, ProblemSummary]] = field(default_factory=list, repr=False)
    failed: list[tuple[int, Failed]] = field(default_factory=list)
    pending: int = 0
    lost: Spending = field(default_factory=Spending)
    counts: JournalCounts = field(default_factory=JournalCounts)
    gpu_seconds: float | None = None


async def replayed(source: RecordedRun, aggregations: Sequence[str], processes: int) -> Shard:
    """All problems of a run, in so many processes."""
    if processes < 2:
        return await _replay(source, aggregations, 0, 1)
    parts = await in_processes(partial(shard_of, source.path, aggregations), processes)
    return Shard(
        cases=sorted((pair for part in parts for pair in part.cases), key=lambda pair: pair[0]),
        failed=sorted((pair for part in parts for pair in part.failed), key=lambda pair: pair[0]),
        pending=sum(part.pending for part in parts),
        lost=sum((part.lost for part in parts), Spending()),
        counts=parts[0].counts,
        gpu_seconds=parts[0].gpu_seconds,
    )


def shard_of(path: Path, aggregations: Sequence[str], start: int, stride: int) -> Shard:
    """Every `stride`-th problem from number `start` on, in a process of its own."""
    return asyncio.run(_opened(path, aggregations, start, stride))


async def _opened(path: Path, aggregations: Sequence[str], start: int, stride: int) -> Shard:
    return await _replay(await RecordedRun.open(path), aggregations, start, stride)


async def _replay(
    source: RecordedRun, aggregations: Sequence[str], start: int, stride: int
) -> Shard:
    """One problem after the other, so that one search is in memory at a time."""
    config, part = source.config, Shard()
    booked: dict[str, Spending] = {}
    numbered = list(enumerate(source.dataset.samples))[start::stride]
    async with source.replay() as replay:
        journal = replay.journal
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
                part.cases.append((number, summary_of(sample, found, config, aggregations, told)))
            await asyncio.sleep(0)
        failed = [each.problem_id for _, each in part.failed]
        part.lost, part.counts = lost(journal, booked, failed), journal.counts
        part.gpu_seconds = gpu_seconds(journal)
    return part


def answers(journal: Journal, sample: Sample, solved: Solved) -> Sequence[str | None]:
    """The answers as the journal has them; none where it has others."""
    known = journal.latest("grade").get(sample.problem.id, {}).get("answers")
    count = len(solved.search.result.candidates)
    return known if known is not None and len(known) == count else [None] * count
