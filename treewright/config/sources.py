"""The source of custom parts: where it lies, and a digest that an edit changes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from search.aggregation import Aggregator
from search.custom import INSTALLATION, is_import_path
from search.questions import Declared
from treewright.config.config import Config
from treewright.config.kinds import SECTIONS, kind_of
from treewright.config.stand_in import StandIn

OURS = frozenset({"search", "engines", "policies", "scorers", "benchmarks", "treewright"})
"""Packages whose version is in the fingerprint already."""


def steering_sources(config: Config) -> dict[str, str]:
    """A digest for each custom part that can change an output, by its dotted key.

    Aggregations and selections that only report are none of these.
    """
    return {f"{key}.source": source_digest(module) for key, module in _steering(config)}


def steered_by_own_code(config: Config) -> bool:
    """Whether a search cannot be replayed without code that Treewright does not bring."""
    return any(key.startswith("strategy") for key, _ in _steering(config))


def folders(config: Config) -> tuple[str, ...]:
    """`python_path`, and the folders that the config's custom parts came from."""
    modules = [module for _, module in _steering(config)]
    reporting = [*(Aggregator.parse(name).name for name in config.aggregate), *config.select]
    modules += [_module(path) for path in reporting if is_import_path(path)]
    homes = (home(module) for module in modules)
    own = [str(folder) for folder in homes if folder and not _installed(folder)]
    return tuple(dict.fromkeys([*config.python_path, *own]))


def home(module: str) -> Path | None:
    """The folder that an imported module was found in, its package aside; None if built in."""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return None
    path = Path(file).absolute()
    return path.parents[module.count(".") + (path.stem == "__init__")]


def source_digest(module: str) -> str:
    """Of a module's file, and of the files beside it that it imports, directly or not."""
    hasher = sha256()
    root = home(module)
    for file in source_files(module, root) if root else ():
        hasher.update(f"{file.relative_to(root or '')}\0{file.stat().st_size}\0".encode())
        hasher.update(file.read_bytes())
    return hasher.hexdigest()


def source_files(module: str, root: Path) -> list[Path]:
    """The module's own file and, of what it imports, all that lies in `root` too, sorted.

    Of an installed module only its own package is followed.
    """
    top = module.partition(".")[0]
    waiting = list(_files(root, module)) or [Path(sys.modules[module].__file__ or "").absolute()]
    found: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in _imported(file, root):
            first = name.partition(".")[0]
            if first == top or (first not in OURS and not _installed(root)):
                waiting += _files(root, name)
    return sorted(found)


def _steering(config: Config) -> Iterator[tuple[str, str]]:
    """Keys and modules of the custom parts that can change an output."""
    for section in SECTIONS:
        part = getattr(config, section)
        kind = kind_of(section, part)
        if _is_theirs(kind) and not isinstance(part, StandIn):
            yield section, _module(kind)
    if isinstance(config.strategy, StandIn):
        return
    aggregate = Declared.of(config.strategy).aggregate
    if aggregate is not None and _is_theirs(aggregate):
        yield "strategy.aggregate", _module(Aggregator.parse(aggregate).name)


def _is_theirs(path: str) -> bool:
    """Whether it names code that no version of Treewright tells."""
    top = path.rpartition("history.")[2].removeprefix("steps.").partition(":")[0].partition(".")[0]
    return is_import_path(path) and top not in OURS


def _module(path: str) -> str:
    return path.partition(":")[0]


def _installed(folder: Path) -> bool:
    return any(map(folder.is_relative_to, INSTALLATION))


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files that importing `a.b` runs, as far as they lie in `root`."""
    place = root
    for part in module.split("."):
        place = place / part
        yield from (f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_file())


def _imported(file: Path, root: Path) -> Iterator[str]:
    """The dotted names that a source file imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (
        SyntaxError,
        ValueError,
    ):  # not imported yet, or no source: its bytes count all the same
        return
    package = file.relative_to(root).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
