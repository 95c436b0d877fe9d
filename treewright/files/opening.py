"""Opening what lies inside a run's folder, which a stranger may have made.

The folder itself is named by the user, and may be reached through links. Below it no link is
followed: every folder is opened by its parent's descriptor, so that what was looked at is what is
opened, whoever exchanges it meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search.fault import Fault

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
GUARDED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe does not make us wait, a link is an error, a child process gets nothing."""
KINDS = {
    stat.S_IFLNK: "is a link",
    stat.S_IFIFO: "is a pipe",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFDIR: "is a folder",
}
REMOVE = "put a plain file there, or remove it"
NAME = "name a plain file, or remove it"


class UnsafeFile(Fault):
    """A file of a run that is not opened, because of what it is. One line: file, what, what to do.

    It pickles.
    """

    exit_code = 2

    def __init__(self, path: Path, problem: str, hint: str = REMOVE) -> None:
        Exception.__init__(self, path, problem, hint)
        self.path = path
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.hint}"


@contextmanager
def opened_folder(root: Path, name: str = "", *, make: bool = False) -> Iterator[int]:
    """The descriptor of a folder: `root`, or `name` (`a/b`) in it, made where it is not there.

    Raises `UnsafeFile` for a link or a file in place of a folder below `root`, else `OSError`.
    """
    fd = os.open(root, FOLDER)
    path = root
    try:
        for part in filter(None, name.split("/")):
            path = path / part
            below = _open_folder(fd, part, path, make=make)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def open_inside(root: Path, name: str, flags: int) -> int:
    """The descriptor of the plain file `name` (`a/b.txt`) in `root`; new ones as the umask allows.

    Raises `UnsafeFile` where it, or a folder on the way, is a link, a pipe, a device or such, else
    `OSError`. To be written it must have no other name: a hard link may lead out as well.
    """
    folder, _, last = name.rpartition("/")
    path = root / name
    with opened_folder(root, folder) as fd:
        _look(last, fd, path)
        try:
            found = os.open(last, flags | GUARDED, 0o666, dir_fd=fd)
        except OSError as error:
            raise _named(error, path) from None
    try:
        _check(os.fstat(found), path, writing=bool(flags & (os.O_WRONLY | os.O_RDWR)))
    except UnsafeFile:
        os.close(found)
        raise
    return found


def is_plain_file(root: Path, name: str) -> bool:
    """Whether there is such a plain file in `root`."""
    try:
        os.close(open_inside(root, name, os.O_RDONLY))
    except (OSError, UnsafeFile, ValueError):
        return False
    return True


def refuse_special(folder: int, name: str, path: Path) -> None:
    """Raise `UnsafeFile` for a pipe, a device or a socket, which a new file must not replace."""
    with suppress(FileNotFoundError):
        mode = os.lstat(name, dir_fd=folder).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise UnsafeFile(path, KINDS.get(stat.S_IFMT(mode), "is no plain file"), NAME)


def _open_folder(above: int, part: str, path: Path, *, make: bool) -> int:
    if make:
        try:
            os.mkdir(part, dir_fd=above)
        except FileExistsError:
            pass
        except OSError as error:
            raise _named(error, path) from None
    try:
        mode = os.lstat(part, dir_fd=above).st_mode
        if not stat.S_ISDIR(mode):
            problem = f"{KINDS.get(stat.S_IFMT(mode), 'is a file')}, not a folder of the run"
            raise UnsafeFile(path, problem, "remove it")
        return os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except OSError as error:
        raise _named(error, path) from None


def _look(name: str, folder: int, path: Path) -> None:
    """Refuse before it is opened: that alone may do something to a device."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _named(error, path) from None
    _check(found, path, writing=False)


def _check(found: os.stat_result, path: Path, *, writing: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(path, KINDS.get(stat.S_IFMT(found.st_mode), "is no plain file"))
    if writing and found.st_nlink > 1:
        hint = "copy the run's folder, and go on with the copy"
        raise UnsafeFile(path, "has another name elsewhere (a hard link)", hint)


def _named(error: OSError, path: Path) -> OSError:
    """The error with the whole path, which a descriptor does not tell."""
    return type(error)(error.errno, error.strerror, str(path))
