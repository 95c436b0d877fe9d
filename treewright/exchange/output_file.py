"""A file that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from treewright.errors import ConfigError
from treewright.files.writing import replacing
from treewright.running.run_folder import RunWriteError


def no_file(target: Path) -> str:
    """Why a path that a user named cannot become a file; empty where it can.

    `/dev/stdout` and the like are links of the system, which a file must not replace either.
    """
    if target.is_dir():
        return "is a folder"
    if not target.parent.is_dir():
        return "lies in no folder that is there"
    special = target.is_symlink() and target.absolute().parent in (Path("/dev"), Path("/dev/fd"))
    return "is a device" if special else ""


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file to write in place of `target`, which it becomes when the block ends in order.

    Raises:
        ConfigError: `target` cannot be a file.
        RunWriteError: it cannot be written.
    """
    if problem := no_file(target):
        raise ConfigError("command line", "--output", str(target), problem, "name a file")
    try:
        with replacing(target.parent, target.name) as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise RunWriteError(f"{target}: cannot be written: {reason}; mend that") from error
