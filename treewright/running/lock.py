"""One process at a time may write to a run folder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from search.fault import Fault
from treewright.files.opening import UnsafeFile, open_inside

NAME = "LOCK"
BEAT_S = 5.0
"""How often the holder writes that it is alive."""
DEAD_S = 30.0
"""A holder on another host that has written nothing for so long is dead."""
FREED_S = 120.0
"""Within so long a file system that carries locks frees those of a host that is gone: NFS 4 takes
90 s."""
LOOK_S = 1.0
"""How often a holder on another host is looked at."""


class LockError(Fault):
    """The folder is in use, or cannot be locked. One line: who holds it and what to do."""

    exit_code = 2


def say(words: str) -> None:
    """A line for who waits."""
    print(words, file=sys.stderr, flush=True)


def end_process(words: str) -> None:
    """End at once: not one byte more may be written to a run that another process has."""
    say(f"error: {words}")
    os._exit(LockError.exit_code)


class RunLock:
    """Holds the lock of a run folder while the `with` block lasts.

    The kernel holds the lock and frees it when the process dies, however it dies; the file tells
    others who that is, and when it was alive last. Not every shared file system carries locks from
    host to host, and whether a process lives cannot be seen from another: so a holder writes that
    it is alive, and one elsewhere that is silent is taken for dead. Should it have been held up
    only, it sees that the file is another's and calls `lost`.

    Args:
        folder: of the run.
        patient: whether to look for a while whether a holder on another host lives.
        lost: hears why this process must not go on.
    """

    def __init__(
        self, folder: Path, *, patient: bool = True, lost: Callable[[str], None] = end_process
    ) -> None:
        self.path = folder / NAME
        self._patient, self._lost = patient, lost
        self._since = ""
        self._fd = -1
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """Take the lock. Raises `LockError`."""
        try:
            self._fd = open_inside(self.path.parent, NAME, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise LockError(
                f"{self.path}: cannot be opened: {error.strerror}; "
                "a run needs a folder that can be written"
            ) from error
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
        self._ended.set()
        self._beating.join(BEAT_S)  # a file system that hangs would hold it
        os.ftruncate(self._fd, 0)
        HELD.discard(self)
        self._close()

    def _take(self) -> None:
        """Wait as long as it may be a dead host's. Raises `LockError`."""
        begun, before = time.monotonic(), self._owner()
        while True:
            free, owner = self._free(), self._owner()
            if owner.get("host", socket.gethostname()) == socket.gethostname():
                if not free:
                    raise LockError(f"{self._in_use(owner)}; wait until it ends")
                return
            if owner != before:
                raise LockError(f"{self._in_use(owner)}, and alive; wait until it ends")
            waited = time.monotonic() - begun
            if free and waited >= DEAD_S:
                say(f"{self.path}: {holder(owner)} is silent: taken for dead, the run goes on here")
                return
            if not self._patient or waited >= FREED_S:
                hint = "if that process is dead, delete this file"
                raise LockError(f"{self._in_use(owner)}; {hint}")
            if not waited >= LOOK_S:
                say(f"{self._in_use(owner)}: waits up to {DEAD_S:g} s for a sign of it")
            time.sleep(LOOK_S)

    def _free(self) -> bool:
        """Whether the kernel gives the lock. Raises `LockError` where there are none."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise LockError(
                f"{self.path}: cannot be locked: {error.strerror}; "
                "put the run on a file system that has locks"
            ) from error
        return True

    def _sign(self) -> None:
        self._since = now()
        os.ftruncate(self._fd, 0)
        try:
            os.pwrite(self._fd, self._signature(), 0)
        except OSError as error:
            raise LockError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _signature(self) -> bytes:
        """As long each time, so that nobody ever reads a part of it."""
        return json.dumps({**self._who(), "alive": now()}).encode() + b"\n"

    def _who(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "host": socket.gethostname(), "since": self._since}

    def _beat(self) -> None:
        """Write again and again that this process is alive, until it ends or the lock is lost."""
        while not self._ended.wait(BEAT_S):
            owner = self._owner()
            if owner and {**owner, "alive": ""} != {**self._who(), "alive": ""}:
                why = "this process was taken for dead, or the file was deleted"
                self._lost(f"{self.path}: the run is {holder(owner)}'s now: {why}")
                return
            with suppress(OSError):  # it comes again
                os.pwrite(self._fd, self._signature(), 0)
                os.fsync(self._fd)

    def _owner(self) -> dict[str, Any]:
        """What the file says; empty when nobody signed, or a signature was cut short.

        It is opened anew: what NFS shows of an open file may be old.
        """
        try:
            fd = open_inside(self.path.parent, NAME, os.O_RDONLY)
        except (OSError, UnsafeFile):  # deleted
            return {}
        try:
            owner = json.loads(os.pread(fd, 4096, 0))
        except (OSError, ValueError, RecursionError):
            return {}
        finally:
            os.close(fd)
        return owner if isinstance(owner, dict) else {}

    def _in_use(self, owner: dict[str, Any]) -> str:
        return f"{self.path}: the run is in use by {holder(owner)}"

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def holder(owner: dict[str, Any]) -> str:
    """`pid 7 on host gpu-3 since …`."""
    if not owner:
        return "a process that is just starting"
    return f"pid {owner.get('pid')} on host {owner.get('host')} since {owner.get('since')}"


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


HELD: set[RunLock] = set()
"""The locks of this process."""


def _let_go() -> None:
    """A forked child would keep the locks alive after a kill of this process."""
    for lock in HELD:
        lock._close()
    HELD.clear()


os.register_at_fork(after_in_child=_let_go)
