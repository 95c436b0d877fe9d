"""A run as its table needs it: one problem replayed at a time, a large run by several processes."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from treewright.journal.damage import JournalCounts
from treewright.running.processes import in_processes, processes_for
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known, Scoring


async def read_scored(run: RecordedRun, scoring: Scoring) -> Known:
    """What the journal of a run holds of all its problems, scored so.

    Raises what `RecordedRun.read` raises.
    """
    processes = processes_for(run.path)
    own_code = any(":" in name for name in scoring.aggregations if name)  # imported here alone
    if processes < 2 or own_code:
        known, counts = await _read(run, scoring, 0, 1)
    else:
        parts = await in_processes(partial(_read_part, run.path, scoring), processes)
        known, counts = Known(gpu_seconds=parts[0][0].gpu_seconds), parts[0][1]
        for part, _ in parts:
            known.solved += part.solved
            known.scored += part.scored
            known.failed += part.failed
            known.pending += part.pending
            known.lost += part.lost
        order = {sample.problem.id: at for at, sample in enumerate(run.dataset.samples)}
        known.failed.sort(key=lambda item: order[item.problem_id])
    known.damage = run.damage(counts, len(known.pending))
    return known


def _read_part(
    path: Path, scoring: Scoring, start: int, stride: int
) -> tuple[Known, JournalCounts]:
    """Every `stride`-th problem from number `start` on, in a process of its own."""
    return asyncio.run(_opened(path, scoring, start, stride))


async def _opened(
    path: Path, scoring: Scoring, start: int, stride: int
) -> tuple[Known, JournalCounts]:
    return await _read(await RecordedRun.open(path), scoring, start, stride)


async def _read(
    run: RecordedRun, scoring: Scoring, start: int, stride: int
) -> tuple[Known, JournalCounts]:
    async with run.replay() as replay:
        known = await replay.all(run.dataset.samples[start::stride], scoring)
        known.book_lost(replay.journal)
        return known, replay.journal.counts
