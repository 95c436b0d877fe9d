"""Runs `treewright` in forked children, and kills one with SIGKILL inside a write of its journal.

A script of `test_kill.py`: a job as JSON on each line of stdin, the child's exit code (-9 when it
was killed) on each line of stdout. Everything is imported once, and one config read once: what is
warm in this process is warm in every child.
"""

import gc
import io
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import typer.main

import treewright.running.experiment
import treewright.trees.trees  # noqa: F401 - imported here, so that no child imports it
from policies.scripted import ScriptedPolicy
from scorers.scripted import ScriptedScorer
from scorers.thinkprm import ThinkPrm
from search.keys import policy_key, scorer_key
from treewright.cli import main
from treewright.journal.appender import Appender

Ask = Callable[[Any, Sequence[Any]], Awaitable[Any]]
Write = Callable[[Any, bytes], int]


def logged(ask: Ask, key: Callable[[Any], str], log: Path) -> Ask:
    """A port's method that first writes the key of every call to `log`."""

    async def log_and_ask(self: Any, batch: Sequence[Any]) -> Any:
        with log.open("a") as file:
            file.writelines(f"{key(call)}\n" for call in batch)
        return await ask(self, batch)

    return log_and_ask


def deadly(write: Write, end: int, *, tear: bool) -> Write:
    """A write that dies at byte `end` of the file, or at the last line end before unless `tear`."""

    def write_or_die(self: Any, block: bytes) -> int:
        room = end - self._size
        if len(block) < room:
            return write(self, block)
        os.write(self._fd, block[: room if tear else block.rfind(b"\n", 0, room) + 1])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("alive after SIGKILL")

    return write_or_die


def work(job: dict[str, Any]) -> int:
    """Run the job's command; returns its exit code."""
    log = Path(job["asked"])
    patch(ScriptedPolicy, "extend", logged(ScriptedPolicy.extend, policy_key, log))
    for scorer in (ScriptedScorer, ThinkPrm):
        patch(scorer, "judge", logged(scorer.judge, scorer_key, log))
    if job["end"] is not None:
        patch(Appender, "_write", deadly(Appender._write, job["end"], tear=job["tear"]))
    with Path(job["told"]).open("a") as told:
        os.dup2(told.fileno(), 1)
        os.dup2(told.fileno(), 2)
    return main(job["command"])


def patch(owner: type, name: str, method: object) -> None:
    """Replace a method for good: the process ends with its job."""
    setattr(owner, name, method)


def serve(config: str) -> None:
    """Answer every job."""
    typer.main.get_command = cache(typer.main.get_command)
    with redirect_stdout(io.StringIO()):
        assert main(["validate", config]) == 0
    gc.freeze()  # a collection in a child would copy every page of this process
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(work(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
