"""YAML as configs use it: mappings, lists and scalars, each knowing the place it stands at.

A scalar stays the text that was written; the type of its field decides what it means, so that
`name: no`, `name: 007` and `name: 1e3` are names. Everything hostile or ambiguous is one
`ConfigError`: tags, duplicate keys, aliases that explode, endless depth, files that are no text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from numbers import Integral, Real
from pathlib import Path as File
from pathlib import PurePath
from typing import Any, NoReturn, TypeAlias

import yaml  # type: ignore[import-untyped]  # PyYAML, which OmegaConf brings, ships no types

from treewright.config.location import configs
from treewright.errors import ConfigError, suggest

LARGEST_FILE = 256 * 1024
DEEPEST = 50
MOST_NODES = 10_000
MOST_DIGITS = 30
"""Of a whole number; none that a key takes has as many."""
Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the keys and the numbers of items above it."""
BINARY_HINT = "give a YAML text file in UTF-8"


@dataclass(slots=True)
class Node:
    """One value of a config. `plain` is a scalar without quotes; `size` counts expanded nodes."""

    value: str | list[Node] | dict[str, Node]
    where: str
    plain: bool = False
    size: int = field(default=1, repr=False)


def node_of(value: object, where: str, path: Path = ()) -> Node:
    """Plain data as a node, each scalar as YAML spells it; NumPy's numbers are numbers.

    `path` is where the value stands. Raises `ConfigError` for what a config has no word for.
    """
    value = value.value if isinstance(value, Enum) else value
    if len(path) > DEEPEST:
        raise _unsaid(where, path[:1], f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        named = {str(key): node_of(each, where, (*path, str(key))) for key, each in value.items()}
        return _of_children(named, named.values(), where, path)
    if isinstance(value, list | tuple):
        items = [node_of(each, where, (*path, at)) for at, each in enumerate(value)]
        return _of_children(items, items, where, path)
    if isinstance(value, str | PurePath):
        return Node(str(value), where)
    if isinstance(value, Integral):
        value = value if isinstance(value, bool) else int(value)
        if abs(value) >= 10**MOST_DIGITS:
            raise _unsaid(where, path, f"has more than {MOST_DIGITS} digits")
    elif isinstance(value, Real):
        value = float(value)
    elif value is not None:
        raise _unsaid(where, path, f"is of type {type(value).__name__}")
    spelled = json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")
    return Node(spelled, where, plain=True)


def _of_children(
    value: list[Node] | dict[str, Node], children: Collection[Node], where: str, path: Path
) -> Node:
    size = 1 + sum(child.size for child in children)
    if size > MOST_NODES:
        raise _unsaid(where, path, f"holds more than {MOST_NODES} values")
    return Node(value, where, size=size)


def _unsaid(where: str, path: Path, problem: str) -> ConfigError:
    hint = "give texts, numbers, true or false, lists and mappings, no more than a file would hold"
    return ConfigError(where, dotted(path), None, problem, hint)


def dotted(path: Path) -> str:
    """The key of a place: `policy.few_shots[0].question`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).removeprefix(".")


def read_yaml(path: File, shown: str) -> Node:
    """The file's one document, a mapping. `shown` names the file in errors."""
    return parse_yaml(_read_text(path, shown), shown)


def parse_yaml(text: str, shown: str) -> Node:
    """The one mapping that `text` holds."""
    node = parse_value(text, shown, numbered=True)
    if node is None:
        raise ConfigError(shown, "", None, "the file is empty", "treewright ls configs shows some")
    if not isinstance(node.value, dict):
        found = "a list" if isinstance(node.value, list) else "a single value"
        raise ConfigError(shown, "", None, f"holds {found}, not a mapping", "write key: value")
    return node


def parse_value(text: str, shown: str, *, key: str = "", numbered: bool = False) -> Node | None:
    """The value of `key` in `text`; None when it holds nothing. `numbered`: places have lines."""
    try:
        return _Reader(text, shown, numbered).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark and numbered else shown
        tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
        hint = "indent with spaces, not tabs" if tab else "check indentation, quotes and colons"
        raise ConfigError(place, key, None, f"not YAML: {error.problem}", hint) from None
    except yaml.YAMLError as error:
        raise ConfigError(shown, key, None, f"not YAML: {error}", BINARY_HINT) from None


def _read_text(path: File, shown: str) -> str:
    try:
        if path.is_dir():
            raise ConfigError(shown, "", None, "is a directory", "give a YAML file in it")
        if path.exists() and not path.is_file():  # a pipe may never end, and is read only once
            raise ConfigError(shown, "", None, "is not a regular file", "give a YAML file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(shown, "", None, "no such file", _neighbours(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(shown, "", None, f"cannot be read: {reason}", "check the path") from None
    if len(data) > LARGEST_FILE:
        problem = f"is larger than {LARGEST_FILE // 1024} KiB"
        raise ConfigError(shown, "", None, problem, "a config is a short YAML file")
    return decoded(data, shown)


def decoded(data: bytes, shown: str) -> str:
    """Bytes as a text in UTF-8. Raises `ConfigError`."""
    if b"\0" in data:
        raise ConfigError(shown, "", None, "is a binary file (or UTF-16 text)", BINARY_HINT)
    try:
        return data.decode("utf-8-sig")  # a byte order mark is harmless: tolerated
    except UnicodeDecodeError as error:
        raise ConfigError(
            shown, "", None, f"is not UTF-8 text (byte {error.start})", BINARY_HINT
        ) from None


def _neighbours(path: File) -> str:
    folder = path.parent
    found = sorted(chain(folder.glob("*.yaml"), folder.glob("*.yml"))) if folder.is_dir() else []
    names = [str(folder / neighbour.name) for neighbour in found if neighbour.is_file()][:20]
    return suggest(str(path), [*names, *configs()])


class _Reader:
    """Builds nodes from parser events in one pass, refusing what it does not like as it goes."""

    def __init__(self, text: str, shown: str, numbered: bool) -> None:
        self._shown = shown
        self._numbered = numbered
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def document(self) -> Node | None:
        """The one value of the stream."""
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        node = self._node(next(self._events))
        next(self._events)  # document end
        extra = next(self._events)
        if not isinstance(extra, yaml.StreamEndEvent):
            self._refuse(extra, "", "a second document (---)", "keep one document per file")
        return None if node.value == "" and node.plain else node

    def _node(self, event: Any, where: str = "") -> Node:
        where = where or self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            hint = "leave tags out; quote a text that looks like a number"
            self._refuse(event, event.tag, "YAML tags are not allowed", hint)
        node = Node("", where)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(event.value, where, plain=not event.style)
        else:
            self._container(event, node)
        if node.size > MOST_NODES:
            self._refuse(event, "", f"more than {MOST_NODES} values", "use fewer aliases")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _container(self, event: Any, node: Node) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(event, "", f"nested deeper than {DEEPEST} levels", "no config needs that")
        mapping = isinstance(event, yaml.MappingStartEvent)
        children = self._mapping(node.where) if mapping else self._list()
        node.value = children
        values = children.values() if isinstance(children, dict) else children
        node.size = 1 + sum(child.size for child in values)
        self._depth -= 1

    def _list(self) -> list[Node]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event))
        return items

    def _mapping(self, where: str) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, entries)
            node = self._node(next(self._events), self._place(event))
            if key == "<<":
                merged |= self._merge(node, where)
            else:
                entries[key] = node
        return merged | entries

    def _key(self, event: Any, entries: dict[str, Node]) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            self._refuse(event, "", "a key must be plain text", "write key: value")
        if event.value in entries:
            first = entries[event.value].where.rpartition(":")[2]
            problem = f"duplicate key, first given on line {first}"
            self._refuse(event, event.value, problem, "remove one")
        return str(event.value)

    def _merge(self, node: Node, where: str) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise ConfigError(where, "<<", None, "must merge a mapping", "write <<: *anchor")
        return node.value

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            name = f"*{event.anchor}"
            self._refuse(event, name, "an alias before the end of its anchor", "define it above")
        return node

    def _place(self, event: Any) -> str:
        line = f":{event.start_mark.line + 1}" if self._numbered else ""
        return f"{self._shown}{line}"

    def _refuse(self, event: Any, key: str, problem: str, hint: str) -> NoReturn:
        raise ConfigError(self._place(event), key, None, problem, hint)
