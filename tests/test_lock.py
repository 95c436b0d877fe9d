"""Two runs never write to one folder, and a dead run never blocks a new one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from queue import Queue

import pytest

from treewright.running import lock
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
    with RunLock(tmp_path) as held:
        assert json.loads(held.path.read_text())["pid"] == os.getpid()


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


@pytest.mark.parametrize("left", ["", "{", "[]", "\x00\x00"])
def test_a_signature_cut_short_is_overwritten(tmp_path: Path, left: str) -> None:
    (tmp_path / "LOCK").write_text(left)
    with RunLock(tmp_path) as held:
        assert json.loads(held.path.read_text())["pid"] == os.getpid()


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be opened: No such file"):
        RunLock(tmp_path / "nowhere").__enter__()


def test_a_refused_second_lock_leaves_the_first_in_force(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        for _ in range(2):
            with pytest.raises(LockError):
                RunLock(tmp_path).__enter__()


# --- Another host ---------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times are a hundredth of what they are."""
    for name in ("BEAT_S", "DEAD_S", "FREED_S", "LOOK_S"):
        monkeypatch.setattr(lock, name, getattr(lock, name) / 100)


def elsewhere(folder: Path, alive: str = "2026-01-01") -> None:
    """Another host's signature."""
    owner = {"pid": 7, "host": "elsewhere", "since": "2026-01-01", "alive": alive}
    (folder / "LOCK").write_text(json.dumps(owner))


def test_a_run_of_a_host_that_is_gone_goes_on_here(
    tmp_path: Path, soon: None, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere(tmp_path)
    with RunLock(tmp_path) as held:
        assert json.loads(held.path.read_text())["pid"] == os.getpid()
    waits, dead = capsys.readouterr().err.splitlines()
    assert "in use by pid 7 on host elsewhere" in waits
    assert "taken for dead, the run goes on here" in dead


def test_a_holder_on_another_host_that_lives_is_heard(tmp_path: Path, soon: None) -> None:
    elsewhere(tmp_path)
    beat = threading.Timer(lock.DEAD_S / 3, elsewhere, (tmp_path, "2026-01-02"))
    beat.start()
    with pytest.raises(LockError, match=r"pid 7 on host elsewhere .*, and alive; wait"):
        RunLock(tmp_path).__enter__()
    beat.join()


def test_a_lock_that_the_file_system_still_holds_for_another_host_is_told(
    tmp_path: Path, root: Path, soon: None
) -> None:
    process, _ = hold(tmp_path, root)
    try:
        elsewhere(tmp_path)
        with pytest.raises(LockError, match=r"on host elsewhere .*; if that process is dead, del"):
            RunLock(tmp_path).__enter__()
    finally:
        kill(process)


def test_who_does_not_want_to_wait_does_not(tmp_path: Path) -> None:
    elsewhere(tmp_path)
    with pytest.raises(LockError, match="delete this file"):
        RunLock(tmp_path, patient=False).__enter__()


def test_a_holder_shows_that_it_lives_and_never_a_part_of_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = count()
    monkeypatch.setattr(lock, "now", lambda: f"{next(times):020d}")
    monkeypatch.setattr(lock, "BEAT_S", 0.001)
    with RunLock(tmp_path) as held:
        seen = {json.loads(held.path.read_bytes())["alive"] for _ in range(2000)}
    assert len(seen) > 1
    assert held.path.read_bytes() == b""


def test_a_holder_that_was_taken_for_dead_ends(tmp_path: Path, soon: None) -> None:
    told: Queue[str] = Queue()
    with RunLock(tmp_path, lost=told.put) as held:
        elsewhere(tmp_path)
        assert "the run is pid 7 on host elsewhere" in told.get(timeout=10)
        assert json.loads(held.path.read_text())["pid"] == 7


def test_a_process_that_lost_its_lock_ends_by_a_line() -> None:
    code = "from treewright.running.lock import end_process; end_process('LOCK: lost'); print('on')"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "error: LOCK: lost\n")
