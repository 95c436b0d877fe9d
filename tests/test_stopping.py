"""Ctrl-C and SIGTERM on a real process: once drains, twice aborts, and both are resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIG = """
name: slow
dataset: {path: data.jsonl}
policy: {kind: simulated, accuracy: 0.4, timing: {speed: 4}}
scorer: {kind: simulated, skill: 0.9, timing: {speed: 4}}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline, problems_in_flight: 2}
grading: {kind: numeric}
"""
PROBLEMS = 12


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    rows = [json.dumps({"problem": f"{n} + {n}?", "answer": str(2 * n)}) for n in range(PROBLEMS)]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def running(here: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of about two seconds, in a process of its own."""
    command = [sys.executable, "-m", "treewright.cli", "run", "config.yaml"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=here, stdout=pipe, stderr=pipe, text=True, env=environment
    ) as process:
        yield process
        process.kill()


def run(here: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "treewright.cli", *arguments]
    return subprocess.run(command, cwd=here, capture_output=True, check=False).returncode


def folder(here: Path, output: str = "runs") -> Path:
    (found,) = (here / output / "slow").iterdir()
    return found


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("ready after"):
            return
    raise AssertionError("the run never got ready")


def wait_until_journaled(here: Path, records: int) -> None:
    """Until the journal holds some replies: the run is in the middle."""
    journal = folder(here) / "journal" / "driver.jsonl"
    while journal.read_bytes().count(b"\n") < records:
        time.sleep(0.005)


def begun(here: Path) -> set[str]:
    """The problems of which the journal holds a solution."""
    lines = (folder(here) / "journal" / "driver.jsonl").read_text().splitlines()
    keys = (json.loads(line)["key"].split("/") for line in lines)
    return {key[1] for key in keys if key[0] == "policy"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_finishes_what_is_in_flight_and_can_be_resumed(
    here: Path, running: subprocess.Popen[str], number: signal.Signals
) -> None:
    wait_until_ready(running)
    wait_until_journaled(here, 1)
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "treewright resume" in told
    assert (folder(here) / "STATUS").read_text() == "interrupted\n"
    measured = json.loads((folder(here) / "metrics.json").read_text())
    first = measured["arms"][0]
    assert 0 < first["problems"] < PROBLEMS
    assert first["problems"] == len(begun(here)), "what was in flight was finished"
    check_resumed(here)


def test_twice_aborts_and_can_be_resumed(here: Path, running: subprocess.Popen[str]) -> None:
    wait_until_ready(running)
    wait_until_journaled(here, 1)
    running.send_signal(signal.SIGINT)
    assert running.stderr is not None
    assert any(line.startswith("stopping") for line in running.stderr)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    assert (folder(here) / "STATUS").read_text() == "interrupted\n"
    check_resumed(here)


def check_resumed(here: Path) -> None:
    """The resumed run ends as an undisturbed one does."""
    assert run(here, "resume", str(folder(here))) == 0
    assert run(here, "run", "config.yaml", "output_dir=undisturbed") == 0
    disturbed, undisturbed = folder(here), folder(here, "undisturbed")
    assert (disturbed / "STATUS").read_text() == "complete\n"
    name = "metrics.json"
    assert (disturbed / name).read_bytes() == (undisturbed / name).read_bytes()
