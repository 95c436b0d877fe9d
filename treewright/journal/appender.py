"""A file that only grows, and whose lines are durable before anyone hears of them.

Lines that are appended while a write is under way share the next one: one write and one fsync for
all of them, made by a thread, so the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from treewright.files.opening import open_inside
from treewright.journal.damage import JournalError


class Appender:
    """Appends to one file. After a failed write it refuses all others: the end is unknown."""

    def __init__(self, path: Path, good: int | None = None, *, durable: bool = True) -> None:
        """Open the file; what lies beyond its first `good` bytes, a torn line, is cut off.

        Without `durable` a line is written before anyone hears of it, and outlasts this process,
        but not a loss of power.
        """
        self.path, self._durable = path, durable
        folder, flags = path.parent, os.O_WRONLY | os.O_CREAT | os.O_APPEND
        created = not path.exists()
        self._fd = open_inside(folder.parent, f"{folder.name}/{path.name}", flags)
        if created and durable:
            sync_folder(folder)
        elif not created and good is not None:
            os.ftruncate(self._fd, good)
        self._size = os.fstat(self._fd).st_size
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._broken: str | None = None

    async def append(self, line: bytes) -> int:
        """Write a line; returns its offset once it is durable. Raises `JournalError`."""
        if self._broken is not None:
            raise JournalError(self._broken)
        loop = asyncio.get_running_loop()
        durable: asyncio.Future[int] = loop.create_future()
        self._waiting.append((line, durable))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write_groups())
        return await durable

    def close(self) -> None:
        """Finish the write under way and close. Idempotent."""
        self._broken = self._broken or f"{self.path}: is closed"
        self._thread.shutdown()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _write_groups(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            block = b"".join(line for line, _ in group)
            try:
                offset = await loop.run_in_executor(self._thread, self._write, block)
            except OSError as error:
                self._break(error, group)
                return
            for line, durable in group:
                if not durable.done():
                    durable.set_result(offset)
                offset += len(line)

    def _write(self, block: bytes) -> int:
        """Append the block and sync; returns the offset at which it begins."""
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        if self._durable:
            os.fsync(self._fd)
        start = self._size
        self._size += len(block)
        return start

    def _break(self, error: OSError, group: list[tuple[bytes, asyncio.Future[int]]]) -> None:
        self._broken = (
            f"{self.path}: cannot be written: {error.strerror}; "
            "nothing written before is lost: make room or mend the disk, then resume the run"
        )
        for _, durable in [*group, *self._waiting]:
            if not durable.done():
                durable.set_exception(JournalError(self._broken))
        self._waiting = []


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
