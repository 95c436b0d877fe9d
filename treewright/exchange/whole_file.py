"""A file that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from treewright.errors import ConfigError
from treewright.files.writing import replacing
from treewright.running.run_folder import RunWriteError


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file to write in place of `target`, which it becomes when the block ends in order.

    Raises:
        ConfigError: `target` cannot be a file.
        RunWriteError: it cannot be written.
    """
    if target.is_dir() or not target.parent.is_dir():
        problem = "is a folder" if target.is_dir() else "lies in no folder that is there"
        raise ConfigError("command line", "--output", str(target), problem, "name a file")
    try:
        with replacing(target.parent, target.name) as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise RunWriteError(f"{target}: cannot be written: {reason}; mend that") from error
