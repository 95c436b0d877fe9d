"""Writing files into a run's folder: whole or not at all, and never through a link.

What is written lies in a new file of a name that nobody can guess, beside the one that it becomes.
So a link of that name is replaced, not followed, and a folder that is a link is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from treewright.files.opening import opened_folder, refuse_special
from treewright.hiding import hide

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LONGEST_NAME = 200


@contextmanager
def replacing(root: Path, name: str, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write; when the block ends in order it is `name` (`a/b.txt`) in `root`.

    Folders below `root` are made. It is the old file or the whole new one, whenever the machine
    stops; without `durable`, whenever this process does. Raises `UnsafeFile` for a link in place of
    a folder and for a device or a pipe in place of the file, else `OSError`.
    """
    folder, _, last = name.rpartition("/")
    with opened_folder(root, folder, make=True) as fd:
        refuse_special(fd, last, root / name)
        temporary = f".{last[:LONGEST_NAME]}.{token_hex(8)}"
        try:
            with os.fdopen(os.open(temporary, NEW, 0o666, dir_fd=fd), "wb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(temporary, last, src_dir_fd=fd, dst_dir_fd=fd)
        except BaseException as error:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=fd)
            if isinstance(error, OSError) and error.errno is not None:
                raise type(error)(error.errno, error.strerror, str(root / name)) from None
            raise


def write_bytes(root: Path, name: str, data: bytes, *, durable: bool = True) -> None:
    """Write bytes. Raises as `replacing`."""
    with replacing(root, name, durable=durable) as file:
        file.write(data)


def write_text(root: Path, name: str, text: str, *, durable: bool = True) -> None:
    """Write a text, without the secrets that are known. Raises as `replacing`."""
    write_bytes(root, name, hide(text).encode("utf-8", "surrogatepass"), durable=durable)


def make_folder(root: Path, name: str) -> None:
    """Make a folder in `root`, if it is not there. Raises as `replacing`."""
    with opened_folder(root, name, make=True):
        pass


def remove(root: Path, name: str) -> None:
    """Remove a file of ours, if it is there; of a link, the link. Raises as `replacing`."""
    folder, _, last = name.rpartition("/")
    gone = suppress(FileNotFoundError, IsADirectoryError)
    with gone, opened_folder(root, folder) as fd:
        os.unlink(last, dir_fd=fd)
