"""Two runs never write to one folder, and a dead run never blocks a new one."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
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
    monkeypatch.setattr(lock, "DEAD", set())


def elsewhere(folder: Path, **more: object) -> None:
    """Another host's signature."""
    folder.mkdir(exist_ok=True)
    owner = {"pid": 7, "host": "elsewhere", "since": "2026-01-01", "alive": "2026-01-01", **more}
    (folder / "LOCK").write_text(json.dumps(owner))


def wait(*folders: Path) -> None:
    asyncio.run(lock.outlive(folders))


def test_runs_of_a_host_that_is_gone_go_on_here_after_one_wait(
    tmp_path: Path, soon: None, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [tmp_path / name for name in "abc"]
    for run in runs:
        elsewhere(run)
        with pytest.raises(LockError, match=r"pid 7 on host elsewhere .*; wait until it ends"):
            RunLock(run).__enter__()
    began = time.monotonic()
    wait(*runs)
    assert lock.DEAD_S <= time.monotonic() - began < 2 * lock.DEAD_S
    for run in runs:
        with RunLock(run) as held:
            assert json.loads(held.path.read_text())["pid"] == os.getpid()
    waits, dead = capsys.readouterr().err.splitlines()
    assert "in use by pid 7 on host elsewhere" in waits
    assert "taken for dead, what it did goes on here" in dead


def test_a_holder_on_another_host_that_lives_is_heard(tmp_path: Path, soon: None) -> None:
    elsewhere(tmp_path)
    beat = threading.Timer(lock.DEAD_S / 3, elsewhere, [tmp_path], {"alive": "2026-01-02"})
    beat.start()
    wait(tmp_path)
    beat.join()
    with pytest.raises(LockError, match=r"pid 7 on host elsewhere .*; wait until it ends"):
        RunLock(tmp_path).__enter__()


def test_a_holder_that_lives_again_before_its_lock_is_taken_keeps_it(
    tmp_path: Path, soon: None
) -> None:
    elsewhere(tmp_path)
    wait(tmp_path)
    elsewhere(tmp_path, alive="2026-01-02")
    with pytest.raises(LockError, match=r"pid 7 on host elsewhere .*; wait until it ends"):
        RunLock(tmp_path).__enter__()


def test_what_a_stranger_wrote_there_is_shown_without_its_escapes(
    tmp_path: Path, soon: None, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere(tmp_path, pid=[7], host="\x1b[2Jelsewhere")
    wait(tmp_path)
    with RunLock(tmp_path):
        pass
    said = capsys.readouterr().err
    assert "elsewhere" in said
    assert "\x1b" not in said


def test_a_file_that_says_nothing_of_its_holders_life_is_refused_with_what_to_do(
    tmp_path: Path, soon: None
) -> None:
    (tmp_path / "LOCK").write_text('{"pid": 7, "host": "elsewhere", "since": "2026-01-01"}')
    wait(tmp_path)
    with pytest.raises(LockError, match=r"pid 7 on host elsewhere .* delete this file"):
        RunLock(tmp_path).__enter__()
    (tmp_path / "LOCK").unlink()
    with RunLock(tmp_path):
        pass


def test_a_lock_that_the_file_system_still_holds_for_another_host_is_not_taken(
    tmp_path: Path, root: Path, soon: None
) -> None:
    process, _ = hold(tmp_path, root)
    try:
        elsewhere(tmp_path)
        wait(tmp_path)
        with pytest.raises(LockError, match=r"on host elsewhere .*; wait until it ends"):
            RunLock(tmp_path).__enter__()
    finally:
        kill(process)


def test_who_waits_can_be_interrupted(tmp_path: Path) -> None:
    elsewhere(tmp_path)

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await lock.outlive([tmp_path])

    asyncio.run(work())


def test_a_holder_shows_that_it_lives_and_never_a_part_of_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = count()
    monkeypatch.setattr(lock, "now", lambda: str(next(times)))
    monkeypatch.setattr(lock, "BEAT_S", 0.001)
    with RunLock(tmp_path) as held:
        until = time.monotonic() + 5
        seen = {json.loads(held.path.read_bytes())["alive"]}
        while len(seen) < 20:
            assert time.monotonic() < until
            seen.add(json.loads(held.path.read_bytes())["alive"])
    assert held.path.read_bytes() == b""


def test_a_holder_is_itself_whatever_its_host_is_called_by_then(
    tmp_path: Path, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Queue[str] = Queue()
    with RunLock(tmp_path, lost=told.put):
        monkeypatch.setattr("socket.gethostname", lambda: "dhcp-17")
        time.sleep(4 * lock.BEAT_S)
    assert told.empty()


def test_a_holder_that_was_taken_for_dead_ends_and_leaves_the_file(
    tmp_path: Path, soon: None
) -> None:
    told: Queue[str] = Queue()
    with RunLock(tmp_path, lost=told.put) as held:
        elsewhere(tmp_path)
        assert "the run is pid 7 on host elsewhere" in told.get(timeout=10)
    assert json.loads(held.path.read_text())["pid"] == 7


def test_a_file_that_is_deleted_as_it_is_locked_is_not_what_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, times = lock.is_free, count()

    def deleted(fd: int, path: Path) -> bool:
        if next(times) == 0:
            path.unlink()
        return free(fd, path)

    monkeypatch.setattr(lock, "is_free", deleted)
    with RunLock(tmp_path), pytest.raises(LockError, match=f"pid {os.getpid()}"):
        RunLock(tmp_path).__enter__()


@pytest.mark.parametrize("stderr", [True, False], ids=["is heard", "is closed"])
def test_a_process_that_lost_its_lock_ends(stderr: bool) -> None:
    close = "" if stderr else "import sys; sys.stderr.close(); "
    code = "from treewright.running.lock import end_process; end_process('LOCK: lost'); print('on')"
    words = [sys.executable, "-c", close + code]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    told = "error: LOCK: lost\n" if stderr else ""
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", told)
