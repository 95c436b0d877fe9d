"""A run by Ray's client, a node that dies under one, and the head of its cluster: real raylets."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import ROOT, Box, Driven, box, pid

pytestmark = [
    pytest.mark.ray,
    # Ray leaves the log of its client server to be closed by whoever collects it.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Driven:
    """The run as it is in one process."""
    run = Driven(tmp_path_factory.mktemp("undisturbed") / "whole", 0, None)
    assert ended(run, run.begin()) == 0
    return run


@pytest.fixture(scope="module")
def client() -> str:
    """Where Ray's client server is to listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ray://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def cluster(client: str) -> Iterator[Box]:
    """Of all tests; the last one leaves it without its head."""
    with box(int(client.rpartition(":")[2])) as found:
        yield found


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.1)


def begun(cluster: Box, folder: Path) -> tuple[Driven, "subprocess.Popen[bytes]"]:
    """The run on this cluster, when its journal holds some replies."""
    run = Driven(folder / "killed", 0, cluster.cluster.address)
    process = run.begin()
    until(lambda: process.poll() is not None or len(run.records()) > 30)
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


def same(run: Driven, undisturbed: Driven) -> bool:
    return run.metrics() == undisturbed.metrics() and not run.lost(undisturbed)


def test_rays_client_server_leads_to_the_same_figures(
    cluster: Box, client: str, undisturbed: Driven, tmp_path: Path
) -> None:
    run = Driven(tmp_path / "client", 0, client)
    assert ended(run, run.begin()) == 0, run.said()
    assert same(run, undisturbed)


def test_a_node_that_dies_is_told_and_changes_no_figure(
    cluster: Box, undisturbed: Driven, tmp_path: Path
) -> None:
    run, process = begun(cluster, tmp_path)
    parents = [parent for _, parent in cluster.processes()]
    at = next(n for n, node in enumerate(cluster.others) if pid(node) in parents)
    lost = parents.count(pid(cluster.others[at]))
    cluster.kill_node(at)
    assert ended(run, process) == 0, run.said()
    assert "node died" in run.said()
    assert run.run is not None
    sides = json.loads((run.run / "replicas.json").read_text())
    assert sum(sides[side]["deaths"] for side in ("policy", "scorer")) == lost, run.said()
    assert same(run, undisturbed)


def test_a_head_that_dies_ends_the_session_by_a_line_and_another_cluster_goes_on(
    cluster: Box, undisturbed: Driven, tmp_path: Path
) -> None:
    run, process = begun(cluster, tmp_path)
    head = cluster.cluster.head_node.all_processes
    for name in ("gcs_server", "raylet"):
        os.kill(head[name][0].process.pid, signal.SIGKILL)
    until(lambda: "does not answer" in run.said(), 10)
    assert ended(run, process) not in (0, 1), run.said()
    assert "treewright resume" in run.said()
    assert run.run is not None
    with box(others=0) as another:
        words = [sys.executable, "-m", "treewright.cli", "resume", str(run.run)]
        words += [f"cluster.address={another.cluster.address}"]
        resumed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert resumed.returncode == 0, resumed.stderr
    assert same(run, undisturbed)
