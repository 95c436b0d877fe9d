"""A part of a run's problems, replayed: all of it is the work of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from benchmarks.datasets import Sample
from benchmarks.grading import open_grader
from search.calls import Costs
from search.core import Spending
from search.ports import goes_on
from treewright.comparing.source import Source
from treewright.config.trust import Trust, trust_said, trusting
from treewright.journal.journal import Journal
from treewright.metrics import Solved
from treewright.report.problem_summary import ProblemSummary, summary_of
from treewright.running.controller import Failed, Grading
from treewright.running.recorded import as_trusted
from treewright.running.replay import replay
from treewright.running.session import unjudged
from treewright.running.wasted import lost


@dataclass
class Shard:
    """What the journal holds of some problems.

    `cases` and `failed` come with the number of their problem in the data, in its order. `pending`:
    problems without a result yet. `lost`: what replies on them cost that is in no case. `noted`:
    what is amiss with the journal.
    """

    # Never spelled out: `asyncio.run` does so to its result, for seconds where it is large.
    cases: list[tuple[int, ProblemSummary]] = field(default_factory=list, repr=False)
    failed: list[tuple[int, Failed]] = field(default_factory=list)
    pending: int = 0
    lost: Spending = field(default_factory=Spending)
    noted: str = ""


def replayed(source: Source, aggregations: Sequence[str], processes: int) -> Shard:
    """All problems of a run, in so many processes."""
    if processes < 2:
        return asyncio.run(_replay(source, aggregations, 0, 1))
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        work = [
            pool.submit(shard_of, source.path, aggregations, start, processes, trust_said())
            for start in range(processes)
        ]
        parts = [each.result() for each in work]
    return Shard(
        cases=sorted((pair for part in parts for pair in part.cases), key=lambda pair: pair[0]),
        failed=sorted((pair for part in parts for pair in part.failed), key=lambda pair: pair[0]),
        pending=sum(part.pending for part in parts),
        lost=sum((part.lost for part in parts), Spending()),
        noted=parts[0].noted,
    )


def shard_of(
    path: Path, aggregations: Sequence[str], start: int, stride: int, trust: Trust
) -> Shard:
    """Every `stride`-th problem from number `start` on, in a process of its own."""
    with trusting(trust):
        return asyncio.run(_replay(Source.open("", path), aggregations, start, stride))


async def _replay(source: Source, aggregations: Sequence[str], start: int, stride: int) -> Shard:
    """One problem after the other, so that one search is in memory at a time."""
    config, part = source.config, Shard()
    booked: dict[str, Costs] = {}
    numbered = list(enumerate(source.dataset.samples))[start::stride]
    with Journal.open(source.path / "journal", readonly=True) as journal:
        async with open_grader(as_trusted(config.grading)) as grader:
            grading = Grading(config.grading, grader, journal, readonly=True)
            for number, sample in numbered:
                found = await replay(
                    [sample],
                    config.strategy,
                    journal,
                    grading,
                    config.seed,
                    retry=False,
                    goes_on=goes_on(config.scorer),
                )
                part.pending += len(found.pending)
                part.failed += [(number, failed) for failed in found.failed]
                for solved in found.solved:
                    if solved.problem_id in journal.failed:
                        booked[solved.problem_id] = solved.search.costs
                    if failure := unjudged(solved):
                        part.failed.append((number, Failed(solved.problem_id, failure)))
                    told = answers(journal, sample, solved)
                    part.cases.append(
                        (number, summary_of(sample, solved, config, aggregations, told))
                    )
        failed = [each.problem_id for _, each in part.failed]
        part.lost, part.noted = lost(journal, booked, failed), str(journal.counts)
    return part


def answers(journal: Journal, sample: Sample, solved: Solved) -> Sequence[str | None]:
    """The answers as the journal has them; none where it has others."""
    known = journal.latest("grade").get(sample.problem.id, {}).get("answers")
    count = len(solved.search.result.candidates)
    return known if known is not None and len(known) == count else [None] * count
