"""What an engine said last: its child processes tell why they die on their output, not in errors.

`Engine core initialization failed. See root cause above` is all that vLLM raises; above is a log
file, perhaps on another machine.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL = 64 * 1024
"""Bytes of a log that are looked at."""
FRAME = re.compile(r'File ".*", line \d+, in ')
MOST_LINES = 3
MOST_CHARACTERS = 600

PREFIX = re.compile(r"^(\([^()]*pid=\d+[^()]*\) *)?([A-Z]+ [\d-]+ [\d:.,]+ \[[^\]]+\] ?)?")
"""What vLLM puts before a line of its log: the process, the level, the time and the place."""
COLOUR = re.compile(r"\x1b\[[\d;]*m")
CAUSE = re.compile(
    r"^[\w.]*(Error|Exception|Exit|Interrupt|OutOfMemory\w*)\b:? ?\S"
    r"|^Fatal Python error|^terminate called|^ *what\(\):|^CUDA error|NCCL WARN|^Killed|^Aborted"
    r"|^Segmentation fault|Segfault encountered"
)
"""A line that says why."""
EMPTY = re.compile(r"(?i)see (the )?(root cause|stack ?trace)|initialization failed due to")
"""A line that only says where to look."""
ABOVE = re.compile(r"\.? See (root cause|stack trace \(above\)) ?[\w ]*\.( Failed core [^;]*)?$")
"""The same at the end of what vLLM raises."""


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """The outputs of a process: each file, and its size when the words began."""

    files: tuple[tuple[str, int], ...]

    @classmethod
    def of_this_process(cls) -> EngineOutput:
        """From now on. What goes to a terminal or a pipe is read there already."""
        return cls(tuple(_outputs()))

    def said(self) -> str:
        """The causes that were written since, joined by `; `, else the last lines; often empty.

        Where a log is not on this machine its words are not known here.
        """
        lines = [line for name, start in self.files for line in _lines(Path(name), start)]
        causes = [line for line in lines if CAUSE.search(line) and not EMPTY.search(line)]
        told = list(dict.fromkeys(causes)) or lines
        text = "; ".join(told[-MOST_LINES:])
        return text if len(text) <= MOST_CHARACTERS else f"…{text[1 - MOST_CHARACTERS :]}"


def with_output(cause: str, words: str, where: str) -> str:
    """One line: the cause, what was said last unless the cause says it, and where that was."""
    if words and words not in cause:
        cause = f"{ABOVE.sub('', cause)}; it said last: {words}"
    return f"{cause} ({where})"


def _outputs() -> Iterator[tuple[str, int]]:
    for number in (1, 2):
        try:
            state = os.fstat(number)
            if stat.S_ISREG(state.st_mode):
                yield str(Path(f"/proc/self/fd/{number}").readlink()), state.st_size
        except OSError:
            continue  # closed, or a system without /proc


def _lines(path: Path, start: int) -> Sequence[str]:
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return ()
    lines = (PREFIX.sub("", COLOUR.sub("", line)).strip() for line in text.splitlines())
    return [line for line in lines if line and not FRAME.match(line)]
