"""Two runs never write to one folder, and a dead run never blocks a new one."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from treewright.running.lock import LockError, RunLock

HOLD = """
import os, sys, time
from pathlib import Path
from treewright.running.lock import RunLock
with RunLock(Path(sys.argv[1])):
    if "fork" in sys.argv and os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    if "fork" not in sys.argv:
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


def hold(folder: Path, root: Path, *how: str) -> tuple[subprocess.Popen[str], int]:
    """A process that holds the lock, and the pid that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *how],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_second_run_is_refused_with_pid_and_host(tmp_path: Path, root: Path) -> None:
    process, pid = hold(tmp_path, root)
    try:
        with pytest.raises(LockError, match=f"pid {pid} on host {socket.gethostname()}"):
            RunLock(tmp_path).__enter__()
    finally:
        kill(process)


def test_the_second_lock_in_one_process_is_refused(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(LockError, match=f"pid {os.getpid()}"):
        RunLock(tmp_path).__enter__()


def test_a_lock_is_free_after_the_block(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLock(tmp_path):
            pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, root: Path) -> None:
    process, _ = hold(tmp_path, root)
    kill(process)
    with RunLock(tmp_path) as lock:
        assert json.loads(lock.path.read_text())["pid"] == os.getpid()


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(
    tmp_path: Path, root: Path
) -> None:
    process, child = hold(tmp_path, root, "fork")
    process.kill()
    process.wait()
    try:
        with RunLock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()


def test_a_file_of_another_host_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "LOCK").write_text('{"pid": 7, "host": "elsewhere", "since": "2026-01-01"}')
    with pytest.raises(LockError, match=r"pid 7 on host elsewhere .* delete this file"):
        RunLock(tmp_path).__enter__()
    (tmp_path / "LOCK").unlink()
    with RunLock(tmp_path):
        pass


@pytest.mark.parametrize("left", ["", "{", "[]", "\x00\x00"])
def test_a_signature_cut_short_is_overwritten(tmp_path: Path, left: str) -> None:
    (tmp_path / "LOCK").write_text(left)
    with RunLock(tmp_path) as lock:
        assert json.loads(lock.path.read_text())["pid"] == os.getpid()


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be opened: No such file"):
        RunLock(tmp_path / "nowhere").__enter__()


def test_a_refused_second_lock_leaves_the_first_in_force(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        for _ in range(2):
            with pytest.raises(LockError):
                RunLock(tmp_path).__enter__()
