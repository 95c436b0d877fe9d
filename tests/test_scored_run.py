"""`score` of a large run: several processes, each a part of the problems, make the same table."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from treewright.running import scored_run
from treewright.running.ending import ending
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Scoring

T = TypeVar("T")


async def in_turn(work: Callable[[int, int], T], processes: int) -> list[T]:
    """As `in_processes`, sooner: in threads, for each has an event loop, one after the other."""
    return [await asyncio.to_thread(work, start, processes) for start in range(processes)]


@pytest.mark.parametrize("processes", [0, 3])
def test_the_table_is_that_of_the_run_however_many_read_it(
    finish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    folder = finish("strategy={kind: best_of_n, n: 4, wave: 1}", "policy.faults.fail=0.15")
    monkeypatch.setattr(scored_run, "processes_for", lambda _: processes)
    monkeypatch.setattr(scored_run, "in_processes", in_turn)

    async def scored() -> tuple[object, list[str]]:
        run = await RecordedRun.open(folder)
        known = await scored_run.read_scored(run, Scoring.by(run.config))
        ended = ending(run.config, run.dataset, known)
        assert not known.solved
        assert not known.damage

        return ended.metrics.to_json(), [item.problem_id for item in ended.failed]

    metrics, failed = asyncio.run(scored())
    told = json.loads((folder / "metrics.json").read_text())
    assert json.loads(json.dumps(metrics)) == told
    assert 0 < len(failed) == told["failures"]
