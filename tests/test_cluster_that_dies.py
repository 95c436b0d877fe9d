"""A run by Ray's client, a node that dies under one, and the head of its cluster: real raylets.

The tests leave their cluster without its head, so this file's name comes after those of the others
that have it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest

from benchmarks.chaos import ROOT, Box, Driven, box, pid

pytestmark = pytest.mark.ray

PROBLEMS = 8
Whole: TypeAlias = Callable[[], Driven]
"""The undisturbed run, once it has ended."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The run as it is in one process, which works while the first test does."""
    run = Driven(tmp_path_factory.mktemp("undisturbed") / "whole", 0, None, problems=PROBLEMS)
    process = run.begin()

    @cache
    def whole() -> Driven:
        assert ended(run, process) == 0, run.said()
        return run

    yield whole
    process.kill()
    process.wait(30)


def until(true: Callable[[], object], run: Driven, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, f"it did not come to pass:\n{run.said()}"
        time.sleep(0.1)


def listens(client: str) -> bool:
    host, _, port = client.removeprefix("ray://").rpartition(":")
    with suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def begun(three_nodes: Box, folder: Path, *said: str) -> tuple[Driven, "subprocess.Popen[bytes]"]:
    """The run on this cluster, when its journal holds some replies."""
    run = Driven(folder / "killed", 0, three_nodes.cluster.address, problems=PROBLEMS)
    run.words += said
    process = run.begin()
    until(lambda: process.poll() is not None or len(run.records()) > 30, run)
    assert process.poll() is None, run.said()
    return run, process


def ended(run: Driven, process: "subprocess.Popen[bytes]", seconds: float = 120.0) -> int:
    """The exit code. Who does not end is killed, and what it said is told."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)
        return pytest.fail(f"it did not end within {seconds:g} s:\n{run.said()}")


def same(run: Driven, undisturbed: Whole) -> bool:
    whole = undisturbed()
    return run.metrics() == whole.metrics() and not run.lost(whole)


def test_rays_client_server_leads_to_the_same_figures(
    three_nodes: Box, client: str, undisturbed: Whole, tmp_path: Path
) -> None:
    run = Driven(tmp_path / "client", 0, client, problems=PROBLEMS)
    until(lambda: listens(client), run)  # Ray does not wait for it
    assert ended(run, run.begin()) == 0, run.said()
    assert same(run, undisturbed)


def test_a_node_that_dies_is_told_and_changes_no_figure(
    three_nodes: Box, undisturbed: Whole, tmp_path: Path
) -> None:
    run, process = begun(three_nodes, tmp_path)
    parents = [parent for _, parent in three_nodes.processes()]
    at = next(n for n, node in enumerate(three_nodes.others) if pid(node) in parents)
    lost = parents.count(pid(three_nodes.others[at]))
    three_nodes.kill_node(at)
    assert ended(run, process) == 0, run.said()
    assert "node died" in run.said()
    assert run.run is not None
    sides = json.loads((run.run / "replicas.json").read_text())
    assert sum(sides[side]["deaths"] for side in ("policy", "scorer")) == lost, run.said()
    assert same(run, undisturbed)


def test_a_head_that_dies_ends_the_session_by_a_line_and_another_cluster_goes_on(
    three_nodes: Box, undisturbed: Whole, tmp_path: Path
) -> None:
    run, process = begun(three_nodes, tmp_path, "cluster.head_timeout_s=8")
    head = three_nodes.cluster.head_node.all_processes
    replicas = [number for number, _ in three_nodes.processes()]  # they would go on without it
    for number in (*(head[name][0].process.pid for name in ("gcs_server", "raylet")), *replicas):
        os.kill(number, signal.SIGKILL)
    until(lambda: "does not answer" in run.said(), run, 10)
    assert "unless it is back within 4 s this session ends" in run.said()
    with box({"num_cpus": 4}, others=()) as another:
        assert ended(run, process) not in (0, 1), run.said()
        assert "treewright resume" in run.said()
        assert run.run is not None
        words = [sys.executable, "-m", "treewright.cli", "resume", str(run.run)]
        words += [f"cluster.address={another.cluster.address}"]
        resumed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert resumed.returncode == 0, resumed.stderr
    assert same(run, undisturbed)
