"""The config of a run as its readers take it: nothing is imported, no environment is read.

What a text takes from elsewhere (`${…}`) stands in config.resolved.yaml, as it was for the run:
that is taken, so that the reader's own environment is in no figure, on no page and in no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
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


def load_recorded(
    folder: Path, manifest: Mapping[str, Any], trust: Trust
) -> tuple[Config, tuple[str, ...]]:
    """The config in a run's folder, as far as it is trusted.

    With it the aggregations and selections that are left out, as they are the run's own code.
    Raises `ConfigError`, `UnsafeFile`.
    """
    tree = _tree(folder, WRITTEN, LARGEST_FILE)
    if trust.whole:
        return config_of(tree, folder.name), ()
    tree = settled(tree, cache(lambda: _tree(folder, RESOLVED, LARGEST_RESOLVED)), "")
    assert isinstance(tree.value, dict)
    unknown = Unknown(manifest)
    with guarded(trust):
        for key in REPORTING:
            unknown.without_barred(key, tree.value)
        config = config_of(tree, folder.name, unknown)
    bar(unknown.barred_parts)
    return config, tuple(unknown.left_out)


def settled(node: Node, resolved: Callable[[], Node], key: str) -> Node:
    """The tree with what its `${…}` came to. Raises `ConfigError` where that was not kept.

    `resolved`: config.resolved.yaml, which is read when it is first asked.
    """
    if isinstance(node.value, dict):
        below = {
            name: settled(item, resolved, join(key, name)) for name, item in node.value.items()
        }
        return Node(below, node.where)
    if isinstance(node.value, list):
        items = [settled(item, resolved, join(key, str(i))) for i, item in enumerate(node.value)]
        return Node(items, node.where)
    if INTERPOLATION not in node.value:
        return node
    found: Node | None = resolved()
    for part in key.split("."):
        found = child(found, part) if found is not None else None
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
