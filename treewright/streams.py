"""The streams of the command, made so that what becomes of them ends no run.

A terminal may know ASCII only, a reader may go away, a disk may be full, a stream may never have
been there. What a run makes is in its folder; whether it is done, its exit code says.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

GONE = frozenset({errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET})
"""How a write fails where nobody reads any more: a closed pipe or socket, a terminal hung up."""


def steady_streams() -> None:
    """Let stdout and stderr drop what cannot be written, and escape what they cannot encode.

    Descriptors 0 to 2 that are closed lead to nowhere: otherwise the next file that is opened, a
    journal say, would have the number that all the world prints to.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout, sys.stderr = _steady(1, sys.stdout), _steady(2, sys.stderr)


def lost_output() -> str | None:
    """Why something that a person wants was not written to stdout; None where nothing was lost.

    Where nobody reads any more, nothing is.
    """
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Steady) else None


class _Steady(io.FileIO):
    """A descriptor whose writes do not fail. `lost` says why one should have, but for `GONE`."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.lost: str | None = None

    def write(self, data: Any, /) -> int:
        """How many bytes were written, or dropped."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                self.lost = error.strerror
            return memoryview(data).nbytes


def _steady(descriptor: int, stream: TextIO | None) -> io.TextIOWrapper:
    """The stream over its descriptor, in its own encoding."""
    raw = _Steady(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=descriptor == 2 or raw.isatty(),
    )
