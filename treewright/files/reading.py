"""Reading files of a run, each up to a length that its kind never reaches."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from treewright.files.opening import UnsafeFile, open_inside, opened_folder

MIB = 1024 * 1024
LONGEST_LINE = 16 * MIB
"""Bytes of a line of a journal. A reply of 100,000 tokens has about one million."""
MOST_JOURNALS = 64
"""Files of a journal: each is held open."""


def read_inside(root: Path, name: str, most: int = MIB) -> bytes:
    """The content of a plain file in a run's folder.

    Raises `UnsafeFile` for what is no plain file or has over `most` bytes, else `OSError`.
    """
    path = root / name
    with os.fdopen(open_inside(root, name, os.O_RDONLY), "rb") as file:
        data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if data is None or len(data) > most:
        size = f"{most // MIB} MiB" if most >= MIB else f"{most} bytes"
        raise UnsafeFile(path, f"is larger than {size}", "no run writes such a file: remove it")
    return data


def read_json(root: Path, name: str, most: int = MIB) -> Any:
    """What a JSON file says. Raises also ValueError where it is none, or nested too deeply."""
    try:
        return json.loads(read_inside(root, name, most))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def files_in(root: Path, name: str, suffix: str) -> list[str]:
    """The names of what ends in `suffix` in a folder of a run, sorted; none where it is not there.

    Raises `UnsafeFile` for a link in place of the folder, and for more than `MOST_JOURNALS` files.
    """
    found = []
    try:
        with opened_folder(root, name) as fd, os.scandir(fd) as entries:
            for entry in entries:
                if entry.name.endswith(suffix) and not entry.name.startswith("."):
                    found.append(entry.name)
                if len(found) > MOST_JOURNALS:
                    problem = f"holds more than {MOST_JOURNALS} files of its kind"
                    raise UnsafeFile(root / name, problem, "no run writes so many: remove them")
    except FileNotFoundError:
        return []
    return sorted(found)


def bytes_in(root: Path, name: str, suffix: str, *, on_disk: bool = False) -> list[int]:
    """The sizes of these files, in the order of their names. A link counts as what it is.

    `on_disk`: without their holes, of which a file of one terabyte may consist.
    """
    names = files_in(root, name, suffix)
    if not names:
        return []
    with opened_folder(root, name) as fd:
        found = [os.lstat(each, dir_fd=fd) for each in names]
    return [min(each.st_size, each.st_blocks * 512) if on_disk else each.st_size for each in found]


def lines_of(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends. Raises `UnsafeFile` for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            problem = f"line {number} is longer than {LONGEST_LINE // MIB} MiB"
            raise UnsafeFile(path, problem, "no run writes such a line: remove it")
        yield line
