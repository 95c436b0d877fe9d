"""The config of a run as its readers take it: nothing is imported, no environment is read.

What a text takes from elsewhere (`${…}`) stands in config.resolved.yaml, as it was for the run:
that is taken, so that the reader's own environment is in no figure, on no page and in no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from search.custom import TRUST, bar
from treewright.config.compose import child
from treewright.config.config import Config
from treewright.config.load import config_of
from treewright.config.schema import INTERPOLATION, join
from treewright.config.trust import Trust, guarded
from treewright.config.unknown import Unknown
from treewright.config.yamlfile import LARGEST_FILE, Node, decoded, parse_yaml
from treewright.errors import ConfigError
from treewright.files.reading import read_inside

WRITTEN, RESOLVED = "config.yaml", "config.resolved.yaml"
LARGEST_RESOLVED = 4 * LARGEST_FILE
REPORTING = ("aggregate", "select")


@dataclass(frozen=True)
class RecordedConfig:
    """`left_out`: aggregations and selections of the run's own code that are not reported."""

    config: Config
    left_out: tuple[str, ...] = ()


def load_recorded(folder: Path, manifest: Mapping[str, Any], trust: Trust) -> RecordedConfig:
    """The config in a run's folder, as far as it is trusted.

    Raises `ConfigError`, `UnsafeFile`.
    """
    tree = _tree(folder, WRITTEN, LARGEST_FILE)
    if trust.whole:
        return RecordedConfig(config_of(tree, folder.name))
    tree = settled(tree, Settling(folder), "")
    assert isinstance(tree.value, dict)
    unknown = Unknown(manifest)
    with guarded(trust):
        for key in REPORTING:
            unknown.without_barred(key, tree.value)
        config = config_of(tree, folder.name, unknown)
    bar(unknown.barred_parts)
    return RecordedConfig(config, tuple(unknown.left_out))


class Settling:
    """config.resolved.yaml, read when it is first asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def _tree(self) -> Node:
        return _tree(self.folder, RESOLVED, LARGEST_RESOLVED)

    def value(self, key: str) -> Node | None:
        """What it says at a dotted key, None for nothing."""
        node: Node | None = self._tree
        for part in key.split("."):
            node = child(node, part) if node is not None else None
        return node


def settled(node: Node, known: Settling, key: str) -> Node:
    """The tree with what its `${…}` came to. Raises `ConfigError` where that was not kept."""
    if isinstance(node.value, dict):
        below = {name: settled(child, known, join(key, name)) for name, child in node.value.items()}
        return Node(below, node.where)
    if isinstance(node.value, list):
        items = [settled(child, known, join(key, str(i))) for i, child in enumerate(node.value)]
        return Node(items, node.where)
    if INTERPOLATION not in node.value:
        return node
    found = known.value(key)
    if found is None or _open(found):
        problem = f"refers to something that {RESOLVED} does not keep"
        raise ConfigError(node.where, key, node.value, problem, TRUST)
    return found


def _open(node: Node) -> bool:
    """Whether a value refers to something itself."""
    if isinstance(node.value, str):
        return INTERPOLATION in node.value
    below = node.value.values() if isinstance(node.value, dict) else node.value
    return any(map(_open, below))


def _tree(folder: Path, name: str, most: int) -> Node:
    path = folder / name
    try:
        data = read_inside(folder, name, most)
    except OSError as error:
        hint = "restore the file, or move the folder away and run anew"
        raise ConfigError(str(path), "", None, f"cannot be read: {error.strerror}", hint) from None
    return parse_yaml(decoded(data, str(path)), str(path))
