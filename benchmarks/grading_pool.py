"""Processes that do algebra, each of which can be killed at any time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from search.fault import Fault

WORKER = Path(__file__).with_name("grading_worker.py")
START_S = 120.0
"""The longest start: importing Math-Verify takes a second, on a loaded machine many."""
END_S = 2.0
"""How long an idle worker may take to end by itself."""
GRACE_S = 10.0
"""How long after its time limit a worker may still answer before it is taken for dead."""


class GradingError(Fault):
    """No grading worker can be had. One line: what and what to do."""


class Equal(StrEnum):
    """Whether two answers are equal."""

    YES = "yes"
    NO = "no"
    TIMEOUT = "timeout"
    """Not decided in time."""
    FAILED = "failed"
    """Not decided: the comparison ran out of memory or crashed."""


@dataclass(frozen=True, slots=True)
class WorkerReply:
    """The reply to a question, and the seconds it took; waiting for a worker is left out.

    `found` is what `benchmarks.grading_worker` found; `fault` says why it found nothing.
    """

    found: Any = None
    fault: Equal | None = None
    seconds: float = 0.0


@dataclass
class GradingPool:
    """At most `workers` processes, each started when first needed and replaced when it dies.

    `memory_mib` limits what one comparison may hold.
    """

    workers: int
    memory_mib: int
    _idle: list[Process] = field(default_factory=list)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.workers)

    async def ask(self, question: Sequence[str], seconds: float) -> WorkerReply:
        """Ask one of the questions of `benchmarks.grading_worker`.

        Args:
            question: its name, and what it is about: `equal`, a reference and an answer.
            seconds: the time limit, from when a worker is free.

        Raises:
            GradingError: when no worker can be started.
        """
        request = {"ask": list(question), "seconds": seconds}
        async with self._free:
            worker = self._idle.pop() if self._idle else await start_worker(self.memory_mib)
            alive = False
            try:
                reply = await _ask(worker, request, seconds + GRACE_S)
                alive = reply is not None
            finally:  # also when we are cancelled: its late reply would be taken for the next one
                if alive:
                    self._idle.append(worker)
                else:
                    await stop_worker(worker)
        if reply is None:
            return WorkerReply(fault=Equal.FAILED, seconds=seconds)
        fault = reply.get("fault")
        return WorkerReply(reply.get("found"), Equal(fault) if fault else None, reply["seconds"])

    async def close(self) -> None:
        """End the workers. Nothing may be asked any more."""
        while self._idle:
            worker = self._idle.pop()
            if worker.stdin:
                worker.stdin.close()  # an idle worker ends then, and sees to its child
            with suppress(TimeoutError):
                await asyncio.wait_for(worker.wait(), END_S)
            await stop_worker(worker)


async def start_worker(memory_mib: int) -> Process:
    """A worker that has loaded Math-Verify.

    Raises:
        GradingError: when it has not within `START_S` seconds.
    """
    # By path, and without the current folder on sys.path: nothing there can shadow a module.
    # A session of its own, so that Ctrl-C does not reach it and one signal ends its child too.
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(WORKER), str(memory_mib)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
    )
    ready: dict[str, Any] | None = None
    try:
        ready = await _read(worker, START_S)
    finally:
        if not (ready and "ready" in ready):
            await stop_worker(worker)
    if ready is None:
        how = f"within {START_S:.0f} s" if worker.returncode == -signal.SIGKILL else "but ended"
        hint = f"run {sys.executable} {WORKER} {memory_mib} to see why"
        raise GradingError(f"the grading worker did not start {how}; {hint}")
    if "error" in ready:
        raise GradingError(f"the grading worker cannot start: {ready['error']}; install it again")
    return worker


async def stop_worker(worker: Process) -> None:
    """Kill a worker with its child and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    if worker.stdin:
        worker.stdin.close()
    if worker.stdout:
        await worker.stdout.read()  # up to its end, so that the pipe is closed before the loop is
    await worker.wait()


async def _ask(worker: Process, request: dict[str, Any], limit_s: float) -> dict[str, Any] | None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(json.dumps(request).encode() + b"\n")
        await worker.stdin.drain()
    except ConnectionError:
        return None
    return await _read(worker, limit_s)


async def _read(worker: Process, limit_s: float) -> dict[str, Any] | None:
    """The next message of a worker, None when it died or is late."""
    assert worker.stdout is not None
    try:
        line = await asyncio.wait_for(worker.stdout.readline(), limit_s)
    except TimeoutError:
        return None
    message: dict[str, Any] | None = json.loads(line) if line else None
    return message
