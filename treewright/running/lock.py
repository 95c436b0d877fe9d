"""One process at a time may write to a run folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from search.fault import Fault
from search.gather import gather
from treewright.files.opening import UnsafeFile, open_inside
from treewright.terminal import clean

NAME = "LOCK"
BYTES = 512
"""Of a signature, always: one is written over another, so that nobody ever reads a part of it."""
BEAT_S = 5.0
"""How often the holder writes that it is alive."""
DEAD_S = 30.0
"""A holder on another host that has written nothing for so long is dead."""
FREED_S = 120.0
"""Within so long a file system that carries locks frees those of a host that is gone: NFS 4 takes
90 s."""
LOOK_S = 1.0
"""How often a holder on another host is looked at."""
TAKE_TRIES = 5
"""The file may be deleted at any time, by who was told to."""


class LockError(Fault):
    """The folder is in use, or cannot be locked. One line: who holds it and what to do."""

    exit_code = 2


def say(words: str) -> None:
    """A line for who waits; what a stranger's file says is in it."""
    print(clean(words), file=sys.stderr, flush=True)


def end_process(words: str) -> None:
    """End at once: not one byte more may be written to a run that another process has."""
    try:
        say(f"error: {words}")
    finally:
        os._exit(LockError.exit_code)


class RunLock:
    """Holds the lock of a run folder while the `with` block lasts.

    The kernel holds the lock and frees it when the process dies, however it dies; the file tells
    others who that is, and when it was alive last. Not every shared file system carries locks from
    host to host, and whether a process lives cannot be seen from another. So a file of another host
    is refused unless `outlive` found its holder silent; and a holder that was only held up sees
    that the file is another's, and calls `lost`.
    """

    def __init__(self, folder: Path, *, lost: Callable[[str], None] = end_process) -> None:
        """`lost` hears, in a thread of its own, why this process must not go on."""
        self.path = folder / NAME
        self._lost = lost
        self._who: Mapping[str, Any] = {}
        self._fd = -1
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """Take the lock. Raises `LockError`."""
        try:
            self._take()
            self._sign()
        except BaseException:
            self._close()
            raise
        HELD.add(self)
        self._beating.start()
        return self

    def __exit__(self, *raised: object) -> None:
        theirs = self._ended.is_set()
        self._ended.set()
        self._beating.join(BEAT_S)  # a file system that hangs would hold it
        if not theirs:
            os.ftruncate(self._fd, 0)
        HELD.discard(self)
        self._close()

    def _take(self) -> None:
        """Lock the file that is there, which may be another one by then. Raises `LockError`."""
        for _ in range(TAKE_TRIES):
            self._close()
            self._fd = opened(self.path)
            free, owner = is_free(self._fd, self.path), read(self.path)
            if not free:
                raise LockError(f"{in_use(self.path, owner)}; wait until it ends")
            if elsewhere(owner) and signed(owner) not in DEAD:
                lives = "wait until it ends" if "alive" in owner else DELETE
                raise LockError(f"{in_use(self.path, owner)}; {lives}")
            if is_at(self._fd, self.path):
                return
        raise LockError(f"{self.path}: is deleted again and again; let it be")

    def _sign(self) -> None:
        self._who = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        try:
            self._write()
            os.ftruncate(self._fd, BYTES)
        except OSError as error:
            raise LockError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _write(self) -> None:
        told = json.dumps({**self._who, "alive": now()}).encode()
        os.pwrite(self._fd, told.ljust(BYTES - 1) + b"\n", 0)
        os.fsync(self._fd)  # others are to see it

    def _beat(self) -> None:
        """Write again and again that this process is alive, until it ends or the lock is lost."""
        while not self._ended.wait(BEAT_S):
            owner = read(self.path)
            if owner and {**owner, "alive": ""} != {**self._who, "alive": ""}:
                self._ended.set()
                why = "this process was taken for dead, or the file was deleted"
                self._lost(f"{self.path}: the run is {holder(owner)}'s now: {why}")
                return
            with suppress(OSError):  # it comes again
                self._write()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


DEAD: set[str] = set()
"""What holders on other hosts signed last that were found silent; one that signs again lives."""


async def outlive(folders: Iterable[Path]) -> None:
    """Wait until it is known of each of these folders whether a holder on another host lives.

    The lock of one that is silent can be taken then. To be called before engines start.
    """
    told: set[str] = set()
    await gather(_outlive(folder / NAME, told) for folder in folders)


async def _outlive(path: Path, told: set[str]) -> None:
    """One of them; `told` are the processes that were spoken of."""
    seen = read(path)
    if not elsewhere(seen) or "alive" not in seen or signed(seen) in DEAD:
        return
    begun, first = time.monotonic(), process_of(seen) not in told
    told.add(process_of(seen))
    if first:
        say(f"{in_use(path, seen)}: waits {DEAD_S:g} s for a sign of it")
    while (waited := time.monotonic() - begun) < FREED_S:
        await asyncio.sleep(LOOK_S)
        if read(path) != seen:
            return  # it lives, or it has ended
        if waited >= DEAD_S and freed(path):
            DEAD.add(signed(seen))
            if first:
                say(f"{holder(seen)} is silent: taken for dead, what it did goes on here")
            return


def process_of(owner: Mapping[str, Any]) -> str:
    """The process alone, which may hold many locks."""
    return f"{owner.get('pid')} {owner.get('host')}"


def signed(owner: Mapping[str, Any]) -> str:
    """All that the file says."""
    return json.dumps(owner, sort_keys=True)


def freed(path: Path) -> bool:
    """Whether the kernel would give the lock."""
    fd = opened(path)
    try:
        return is_free(fd, path)
    finally:
        os.close(fd)


def opened(path: Path) -> int:
    """The descriptor of the file, made where there is none. Raises `LockError`."""
    try:
        return open_inside(path.parent, NAME, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise LockError(
            f"{path}: cannot be opened: {error.strerror}; a run needs a folder that can be written"
        ) from error


def is_free(fd: int, path: Path) -> bool:
    """Take the kernel's lock; whether it was given. Raises `LockError` where there are none."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise LockError(
            f"{path}: cannot be locked: {error.strerror}; "
            "put the run on a file system that has locks"
        ) from error
    return True


def is_at(fd: int, path: Path) -> bool:
    """Whether this descriptor is of the file that is at the path now."""
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    own = os.fstat(fd)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def read(path: Path) -> dict[str, Any]:
    """What the file says; empty when nobody signed, or a signature was cut short.

    It is opened anew: what NFS shows of an open file may be old.
    """
    try:
        fd = open_inside(path.parent, NAME, os.O_RDONLY)
    except (OSError, UnsafeFile):  # there is none
        return {}
    try:
        owner = json.loads(os.pread(fd, 4096, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(fd)
    return owner if isinstance(owner, dict) else {}


def elsewhere(owner: Mapping[str, Any]) -> bool:
    """Whether a process on another host has signed."""
    here = socket.gethostname()
    return bool(owner.get("host", here) != here)


def in_use(path: Path, owner: Mapping[str, Any]) -> str:
    """`runs/a/LOCK: the run is in use by pid 7 on host gpu-3 since …`."""
    return f"{path}: the run is in use by {holder(owner)}"


def holder(owner: Mapping[str, Any]) -> str:
    """`pid 7 on host gpu-3 since …`."""
    if not owner:
        return "a process that is just starting"
    return f"pid {owner.get('pid')} on host {owner.get('host')} since {owner.get('since')}"


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


DELETE = "if that process is dead, delete this file"
HELD: set[RunLock] = set()
"""The locks of this process."""


def _let_go() -> None:
    """A forked child would keep the locks alive after a kill of this process."""
    for lock in HELD:
        lock._close()
    HELD.clear()


os.register_at_fork(after_in_child=_let_go)
