"""The config `structured_arithmetic` with real engines: runs, accuracies, a search over tags."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBLEMS = 8
SWEEP = f"""
extends: structured_arithmetic
dataset: {{limit: {PROBLEMS}}}
sweep:
  zip:
    strategy: [{{kind: best_of_n, n: 4}}, {{kind: beam, paths: 8, children: 2}}]
    policy.sampling.temperature: [0.9, 1.4]   # at 0.9 hardly any section breaks the format
"""
LIMIT_S = 480.0


def finished(folder: Path, *command: str) -> str:
    """What a command printed that ended well."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "TREEWRIGHT_RUNS": str(folder / "runs")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The finished runs of a sweep, over one set of engines: fewer problems, two strategies."""
    folder = tmp_path_factory.mktemp("structured")
    (folder / "both.yaml").write_text(SWEEP)
    told = json.loads(finished(folder, "treewright.cli", "sweep", "both.yaml", "--json"))
    assert [cell["status"] for cell in told["cells"]] == ["complete", "complete"]
    return [Path(cell["run"]) for cell in told["cells"]]


@pytest.fixture
def whole(runs: list[Path]) -> Path:
    """The run of four whole responses to each problem."""
    return runs[0]


@pytest.fixture
def over_tags(runs: list[Path]) -> Path:
    """The beam search over the sections."""
    return runs[1]


def records(run: Path) -> list[dict[str, Any]]:
    lines = (run / "journal" / "driver.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.engine
def test_a_run_is_right_sometimes_and_judges_each_section(whole: Path) -> None:
    measured = json.loads((whole / "metrics.json").read_text())
    assert (measured["problems"], measured["failures"]) == (PROBLEMS, 0)
    first = next(arm for arm in measured["arms"] if arm["selection"] == "first")
    assert 0 < first["accuracy"] < 1
    judged = [record for record in records(whole) if record["kind"] == "scorer"]
    assert len(judged) >= PROBLEMS  # equal responses to a problem are judged once
    verdicts = [len(record["data"]["judgement"]["verdicts"]) for record in judged]
    assert set(verdicts) == {4}  # planning, monitoring, evaluation, output


@pytest.mark.engine
def test_the_three_accuracies_of_a_run_are_had_by_one_command(whole: Path) -> None:
    told = finished(whole, "treewright.studies.structured_accuracy", str(whole), "--json")
    found = json.loads(told)
    assert found["lengths_checked"] is True
    every = found["all"]
    assert every["valid"]["trials"] == PROBLEMS * 4
    assert every["strict"]["hits"] <= every["lenient"]["hits"]
    assert every["valid"]["hits"] / every["valid"]["trials"] > 0.7


@pytest.mark.engine
def test_a_beam_over_the_tags_finishes_in_four_steps(over_tags: Path) -> None:
    measured = json.loads((over_tags / "metrics.json").read_text())
    assert (measured["problems"], measured["failures"]) == (PROBLEMS, 0)
    best = [arm for arm in measured["arms"] if arm["selection"] == "best"]
    assert max(arm["accuracy"] for arm in best) > 0.25
    steps = [len(record["key"].split("/")) for record in records(over_tags)]
    assert max(steps) >= 4


@pytest.mark.engine
def test_a_section_that_breaks_the_format_was_drawn_and_not_judged(over_tags: Path) -> None:
    drawn = [record for record in records(over_tags) if record["kind"] == "policy"]
    assert any('"invalid"' in json.dumps(record) for record in drawn)
