"""A large journal is read by several processes at once: each replays a part of the problems."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from treewright.config.trust import Trust, trust_said, trusting
from treewright.files.reading import bytes_in
from treewright.garbage import collect_seldom

T = TypeVar("T")

MOST_PROCESSES = 8
BYTES_PER_PROCESS = 6_000_000
"""Of a journal, which take a second to replay: about as long as a process takes to start."""


def processes_for(path: Path) -> int:
    """As many as there are processors for a large journal; a small one is read sooner than sent."""
    size = sum(bytes_in(path, "journal", ".jsonl", on_disk=True))
    return min(MOST_PROCESSES, len(os.sched_getaffinity(0)), size // BYTES_PER_PROCESS)


async def in_processes(work: Callable[[int, int], T], processes: int) -> list[T]:
    """What `work(start, processes)` returns for each start from 0, each in a process of its own.

    What this process was told to trust, those trust.
    """
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        parts = [
            pool.submit(_trusting, work, start, processes, trust_said())
            for start in range(processes)
        ]
        return list(await asyncio.gather(*map(asyncio.wrap_future, parts)))


def _trusting(work: Callable[[int, int], T], start: int, processes: int, trust: Trust) -> T:
    collect_seldom()
    with trusting(trust):
        return work(start, processes)
