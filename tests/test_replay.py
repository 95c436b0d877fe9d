"""Replaying a run from its journal."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.datasets import Sample, load_dataset
from benchmarks.grading import Grades, open_grader
from benchmarks.grading_pool import GradingError
from search.driver import Searched
from treewright.cli import main
from treewright.config.load import load_config
from treewright.journal.journal import Journal
from treewright.running.controller import Grading
from treewright.running.replay import Known, Replay
from treewright.running.run_folder import RunFolder

CONFIG = """
name: doubles
dataset: {{path: {data}}}
policy: {{kind: scripted}}
scorer: {{kind: scripted}}
strategy: {{kind: best_of_n, n: 2}}
cluster: {{backend: inline}}
grading: {{kind: numeric}}
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run of the problems a, b and c."""
    data, config = tmp_path / "data.jsonl", tmp_path / "config.yaml"
    rows = [{"id": id, "problem": f"{id}: 1 + 2?", "answer": "3"} for id in "abc"]
    data.write_text("\n".join(map(json.dumps, rows)))
    config.write_text(CONFIG.format(data=data))
    assert main(["run", str(config), f"output_dir={tmp_path / 'runs'}"]) == 0
    (folder,) = (tmp_path / "runs").glob("*/*")
    return RunFolder.open(folder)


@dataclass(frozen=True, kw_only=True)
class RaisingGrading(Grading):
    """Raises for the problem b."""

    error: Exception

    async def grade(self, sample: Sample, searched: Searched) -> Grades:
        if sample.problem.id == "b":
            raise self.error
        return await super().grade(sample, searched)


def replayed(run: RunFolder, error: Exception) -> Known:
    config = load_config(run.config)
    samples = load_dataset(config.dataset).samples

    async def go() -> Known:
        with Journal.open(run.journal, readonly=True) as journal:
            async with open_grader(config.grading) as grader:
                grading = RaisingGrading(
                    config.grading, grader, journal, readonly=True, error=error
                )
                replay = Replay.of(config, journal, grader, reading=False)
                return await replace(replay, grading=grading).all(samples)

    return asyncio.run(go())


def test_a_problem_whose_grading_raises_has_failed_and_the_others_have_not(run: RunFolder) -> None:
    found = replayed(run, OverflowError("too large"))
    assert [item.problem_id for item in found.solved] == ["a", "c"]
    (failed,) = found.failed
    assert failed.problem_id == "b"
    assert failed.failure.message == "OverflowError: too large"
    assert failed.failure.traceback.endswith("OverflowError: too large\n")


def test_a_grader_that_does_not_start_ends_the_replay(run: RunFolder) -> None:
    with pytest.raises(GradingError, match="no worker"):
        replayed(run, GradingError("no worker"))
