"""The packed trees of a report, on disk: in a page is room for few of those of a large run."""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Self, TypeAlias
from weakref import finalize

from treewright.running.run_folder import RunWriteError

Place: TypeAlias = tuple["TreeFile", int]
"""A file, and which of its trees."""


class TreeWriter:
    """Writes trees to a new file, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("xb")
        self.sizes = array("Q")
        """Of the trees so far, in bytes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def add(self, tree: str) -> None:
        """Write a tree, packed as `treewright.report.escaping.packed` does it.

        Raises `RunWriteError` where there is no room for it.
        """
        try:
            self.sizes.append(self._file.write(tree.encode("ascii")))
            self._file.flush()
        except OSError as error:
            told = f"{self._path}: cannot be written: {error.strerror}; TMPDIR names another folder"
            raise RunWriteError(told) from error


class TreeFile:
    """Trees of these sizes in bytes, as a `TreeWriter` left them.

    It is open as long as anyone has it, whatever becomes of its name.
    """

    def __init__(self, path: Path, sizes: Iterable[int]) -> None:
        self._ends = array("Q", accumulate(sizes, initial=0))
        self._fd = os.open(path, os.O_RDONLY)
        finalize(self, os.close, self._fd)

    def read(self, number: int) -> str:
        """The tree with this number, from 0."""
        start, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._fd, end - start, start).decode("ascii")


class Trees(Collection[str]):
    """Trees in an order of their own; each is read whenever it is looked at."""

    def __init__(self, places: Sequence[Place] = ()) -> None:
        self._places = places

    @classmethod
    def joined(cls, parts: Iterable[Trees]) -> Self:
        """One after the other."""
        return cls([place for part in parts for place in part._places])

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return (file.read(number) for file, number in self._places)

    def __contains__(self, tree: object) -> bool:
        return any(each == tree for each in self)
