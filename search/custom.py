"""Parts of one's own, named by import path: `my_module:MyPart`.

The module is looked for in the current folder and wherever Python imports from.
"""

from __future__ import annotations

import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module, invalidate_caches
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from search.fault import Fault

T = TypeVar("T")

SPELLING = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")
"""`package.module:Name`."""
MEANT = re.compile(r"[^\s{}\[\]]*:[^\s{}\[\]]*")
"""What was meant to be one, right or wrong."""
INSTALLATION = frozenset(
    [*site.getsitepackages()]
    + [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "platlib", "scripts")]
)
"""Folders that every process of this installation imports from anyway."""


TRUST = "read it, then say --trust, or --python-path DIR for a folder of your own"


class PartError(Fault, ValueError):
    """A custom part that cannot be used: `problem` says why, `hint` what to do. One line."""

    exit_code = 2


class Untrusted(PartError):
    """A custom part that may not be imported: the config that names it may be a stranger's."""


_folders: tuple[str, ...] | None = None
"""Where custom parts may come from; None: from anywhere."""


@contextmanager
def importing_from(folders: Sequence[str]) -> Iterator[None]:
    """Inside the block custom parts come from these folders and from nowhere else."""
    global _folders
    before, _folders = _folders, tuple(folders)
    try:
        yield
    finally:
        _folders = before


_barred: set[str] = set()
"""Parts that a stranger's config names: whoever meets the name later does not import it either."""


def bar(parts: Iterable[str]) -> None:
    """From now on these parts are not imported, until they are admitted."""
    _barred.update(parts)


def admit(parts: Iterable[str] | None = None) -> None:
    """These may be imported, since the user named them; None: all that were barred."""
    _barred.difference_update(set(_barred) if parts is None else parts)


def importing_is_limited() -> bool:
    """Whether a config that is read now says nothing of where custom parts come from."""
    return _folders is not None


def may_import(path: str) -> bool:
    """Whether a part may be imported here: with folders that were named, one that lies in them."""
    if _folders is None:
        return path not in _barred
    return bool(_folders) and _would_come_from(_folders, path.partition(":")[0])


class Parts(dict[str, T]):
    """Parts by name. `my_module:name` is a name too: it is loaded, and checked by `make`.

    Iterating gives the listed names only. Asking for a custom part raises `PartError`.
    """

    def __init__(self, listed: Mapping[str, T], make: Callable[[str, Any], T]) -> None:
        super().__init__(listed)
        self._make = make
        self._loaded: dict[str, T] = {}

    def __missing__(self, name: str) -> T:
        if not is_import_path(name):
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = self._make(name, load_part(name))
        return self._loaded[name]


def is_import_path(name: str) -> bool:
    """Whether a name means a part of one's own."""
    return MEANT.fullmatch(name) is not None


def look_in(folders: Iterable[str]) -> None:
    """Import from these folders first, in their order, then from the current folder.

    Where folders were named for a stranger's config, the current one may be the stranger's: it
    is not added.
    """
    wanted = list(dict.fromkeys(folders))
    here = str(Path.cwd())
    if _folders is None and here not in (*wanted, *sys.path):
        sys.path.insert(0, here)
    sys.path[:] = [*wanted, *(entry for entry in sys.path if entry not in wanted)]


def load_part(path: str) -> Any:
    """What `my_module:name` names. Raises `PartError`, caused by what the module raised."""
    spelled = SPELLING.fullmatch(path)
    if spelled is None:
        raise PartError(f"{path} is no import path", "write my_module:Name")
    if spelled[1].endswith(".py"):
        raise PartError(f"{path} names a file", f"write {spelled[1][:-3]}:{spelled[2]}")
    if not may_import(path):
        looked = f"it is not in {', '.join(_folders)}" if _folders else "it is not imported"
        raise Untrusted(f"{path} is code of the run's own, and {looked}", TRUST)
    module, name = _import(spelled[1]), spelled[2]
    if not hasattr(module, name):
        where = getattr(module, "__file__", None) or "no file"
        problem = f"module {module.__name__} ({where}) has no {name}"
        raise PartError(problem, _nearest(name, _defined(module)))
    return getattr(module, name)


def raised(error: BaseException) -> str:
    """`ValueError: what (my_module.py:12)`: what was raised, and where, below the caller."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    places = [(frame.filename, frame.lineno) for frame in frames if frame.filename[:1] != "<"]
    if isinstance(error, SyntaxError):
        places, error = [(error.filename or "?", error.lineno)], SyntaxError(error.msg)
    place = " ({}:{})".format(*places[-1]) if places else ""
    return f"{type(error).__name__}: {error}{place}"


def import_folders() -> list[str]:
    """Where Python looks for modules beyond its installation, absolute, in its order."""
    folders = [Path(entry).absolute() for entry in dict.fromkeys(sys.path)]
    return [
        str(folder)
        for folder in folders
        if folder.exists() and not any(map(folder.is_relative_to, INSTALLATION))
    ]


def _would_come_from(folders: Sequence[str], module: str) -> bool:
    """Whether importing a module, once `look_in` these folders, runs files in them only.

    A folder without `__init__.py` is one package with all of its name, also elsewhere, and a
    package with one goes before it: so each part of the name is looked for as Python will.
    """
    places = [*folders, *sys.path]
    name, file = "", None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, places)
        file = spec.origin if spec is not None else None
        if spec is None or (file and not any(map(Path(file).is_relative_to, folders))):
            return False
        places = list(spec.submodule_search_locations or ())
    return file is not None


def _import(name: str) -> ModuleType:
    look_in(_folders or ())
    invalidate_caches()  # the file may be newer than Python's listing of its folder
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            folders = import_folders()
            looked = f"looked in {', '.join(folders)} and the installed packages"
            near = _nearest(name, (file.stem for folder in folders for file in _modules(folder)))
            problem = f"no module {error.name}: {looked}"
            raise PartError(problem, near or "python_path: [FOLDER] adds a folder") from error
        raise PartError(f"importing {name} raised {raised(error)}") from error
    except (Exception, SystemExit) as error:
        raise PartError(f"importing {name} raised {raised(error)}") from error


def _modules(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.py"))


def _defined(module: ModuleType) -> Sequence[str]:
    """The public names that a module defines itself."""
    own = ((name, getattr(thing, "__module__", None)) for name, thing in vars(module).items())
    return [name for name, home in own if home == module.__name__ and not name.startswith("_")]


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""
