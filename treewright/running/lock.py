"""One process at a time may write to a run folder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from search.fault import Fault
from treewright.files.opening import open_inside

NAME = "LOCK"


class LockError(Fault):
    """The folder is in use, or cannot be locked. One line: who holds it and what to do."""

    exit_code = 2


class RunLock:
    """Holds the lock of a run folder while the `with` block lasts.

    The kernel holds the lock and frees it when the process dies, however it dies; the file tells
    others who that is. A file left by another host is refused: whether that process lives cannot be
    seen from here, and not every shared file system carries locks from host to host.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._fd = -1

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
        except LockError:
            self._close()
            raise
        HELD.add(self)
        return self

    def __exit__(self, *raised: object) -> None:
        os.ftruncate(self._fd, 0)
        HELD.discard(self)
        self._close()

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockError(
                f"{self.path}: the run is in use by {self._holder()}; wait until it ends"
            ) from error
        except OSError as error:
            raise LockError(
                f"{self.path}: cannot be locked: {error.strerror}; "
                "put the run on a file system that has locks"
            ) from error
        host = self._owner().get("host", socket.gethostname())
        if host != socket.gethostname():
            raise LockError(
                f"{self.path}: the run is in use by {self._holder()}; "
                "if that process is dead, delete this file"
            )
        self._sign()

    def _sign(self) -> None:
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(self._fd, 0)
        try:
            os.pwrite(self._fd, json.dumps(owner).encode() + b"\n", 0)
        except OSError as error:
            raise LockError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _owner(self) -> dict[str, Any]:
        """What the file says; empty when nobody signed, or a signature was cut short."""
        try:
            owner = json.loads(os.pread(self._fd, 4096, 0))
        except (ValueError, RecursionError):
            return {}
        return owner if isinstance(owner, dict) else {}

    def _holder(self) -> str:
        owner = self._owner()
        if not owner:
            return "a process that is just starting"
        return f"pid {owner.get('pid')} on host {owner.get('host')} since {owner.get('since')}"

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


HELD: set[RunLock] = set()
"""The locks of this process."""


def _let_go() -> None:
    """A forked child would keep the locks alive after a kill of this process."""
    for lock in HELD:
        lock._close()
    HELD.clear()


os.register_at_fork(after_in_child=_let_go)
