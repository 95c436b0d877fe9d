"""Configs of one name, told apart by what they say: the seed, or any key that differs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treewright.config.config import Config
from treewright.config.load import KEYS, plain
from treewright.errors import shorten
from treewright.terminal import line

NAMES_NONE = frozenset({"name", "output_dir", "python_path", "cluster"})
"""Keys that change no result."""
LONGEST, LONGEST_VALUE = 80, 32
"""Characters of what tells a config apart, and of one value in it."""

Plain = Mapping[str, Any]
NONE: Mapping[str, str] = {}


def names(configs: Sequence[Config]) -> list[str]:
    """Each config's name; beside one that others have too, what differs among those."""
    shared = Counter(config.name for config in configs)
    groups = {name: [each for each in configs if each.name == name] for name in shared}
    told = {name: iter(apart(group)) for name, group in groups.items()}
    return [" ".join(filter(None, (each.name, next(told[each.name])))) for each in configs]


def apart(configs: Sequence[Config]) -> list[str]:
    """`seed=1 kind=beam paths=4` for each, of the keys in which they do not all agree; no secrets.

    A key is told by its last word where no other of these has the same.
    """
    if len(configs) < 2:
        return [""] * len(configs)
    full = [said_by(config, resolved=True) for config in configs]
    said = {key for config in configs for key, _ in leaves(said_by(config, resolved=False))}
    keys = dict.fromkeys(key for each in full for key, _ in leaves(each) if key in said)
    differ = [key for key in keys if len({repr(value(each, key)) for each in full}) > 1]
    differ.sort(key=lambda key: KEYS.index(key.partition(".")[0]))
    last = Counter(key.rpartition(".")[2] for key in differ)
    short = {key: word for key in differ if last[word := key.rpartition(".")[2]] == 1}
    return [shorten(" ".join(told(each, differ, short)), LONGEST) for each in full]


def with_values(config: Config, keys: Sequence[str]) -> list[str]:
    """`key=value` of the keys that the config has, the others as they are; no secrets."""
    full = said_by(config, resolved=True) if keys else {}
    return [next(told(full, [key]), key) for key in keys]


def told(full: Plain, keys: Sequence[str], short: Mapping[str, str] = NONE) -> Iterator[str]:
    """`key=value` of those keys that the config has, by their `short` names where they have any."""
    for key in keys:
        found = value(full, key)
        if found is not None:
            text = line(found if isinstance(found, str) else json.dumps(found))
            yield f"{short.get(key, key)}={shorten(text, LONGEST_VALUE)}"


def said_by(config: Config, *, resolved: bool) -> dict[str, Any]:
    """What the config says, without secrets and what changes no result."""
    each = plain(config, resolved=resolved)
    return {key: value for key, value in each.items() if key not in NAMES_NONE}


def leaves(of: Plain, above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values; lists stay whole."""
    for key, each in of.items():
        if isinstance(each, dict) and each:
            yield from leaves(each, f"{above}{key}.")
        else:
            yield f"{above}{key}", each


def value(of: Plain, key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    found: Any = of
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
