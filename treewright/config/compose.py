"""A config file, the files it extends and the command line's overrides become one tree.

Later wins: the files of `extends` in their order, then the file itself, then the overrides.
Mappings merge key by key, lists are replaced, and a section whose `kind` or `preset` changes starts
anew, because its other keys belonged to the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engines.registry import DEFAULT
from search.strategies.presets import PRESETS
from treewright.config.location import exists, find_config
from treewright.config.trust import in_a_run
from treewright.config.yamlfile import DEEPEST, Node, parse_value, read_yaml
from treewright.errors import ConfigError

COMMAND_LINE = "command line"
MOST_FILES = 50
KIND = "kind"
PRESET = "preset"
ENGINE = "engine"
FIRST = (PRESET, KIND)
"""Overrides of these come before those of other keys, in this order: they start a section anew."""
FOLDED = "{"
"""How a mapping begins that an override spells in YAML; keys within it may be said beside it."""


class Composed(NamedTuple):
    """A whole tree, `extends` consumed; `of_a_run`: a file of it lies in a run's folder."""

    tree: Node
    of_a_run: bool


def compose(path: str, overrides: Sequence[str] = ()) -> Composed:
    """Read the file and those that it extends, and override. Raises `ConfigError`."""
    if not path.strip():
        raise ConfigError(COMMAND_LINE, "CONFIG", path, "names no file", "give a YAML file")
    file, files = find_config(path), _Files()
    tree = files.read(file, str(file), ())
    return Composed(overridden(tree, overrides), files.of_a_run)


def overridden(tree: Node, overrides: Sequence[str]) -> Node:
    """The tree with what a command line says. Raises `ConfigError`."""
    parsed = [Override.parse(text) for text in overrides]
    _check_kinds({keys: value for override in parsed for keys, value in override.said()})
    for override in sorted(parsed, key=Override.rank):
        tree = merge(tree, override.tree(tree))
    return tree


def merge(base: Node, top: Node, unsaid: str = "") -> Node:
    """`top` over `base`; neither is changed. `unsaid`: the kind of a mapping that says none."""
    if isinstance(top.value, dict):
        base = _unfolded(base)
    if not isinstance(base.value, dict) or not isinstance(top.value, dict):
        return top
    if _starts_anew(base, top, unsaid):
        return top
    entries = dict(base.value)
    for key, node in top.value.items():
        unsaid = DEFAULT if key == ENGINE else ""
        entries[key] = merge(entries[key], node, unsaid) if key in entries else node
    return Node(entries, base.where)


def place(tree: Node, key: str) -> str:
    """Where the value of a dotted key was written; its nearest section if it was not."""
    node = tree
    for part in key.replace("[", ".").replace("]", "").split("."):
        below = child(node, part)
        if below is None:
            break
        node = below
    return node.where


def child(node: Node, part: str) -> Node | None:
    """The value of a key, or of a position in a list; None where there is none."""
    if isinstance(node.value, dict):
        return node.value.get(part)
    if isinstance(node.value, list) and part.isdecimal() and int(part) < len(node.value):
        return node.value[int(part)]
    return None


def kind_said(node: Node) -> str:
    """The kind that is said, or that the preset implies."""
    preset = PRESETS.get(_text(node, PRESET) or "")
    return _text(node, KIND) or (preset.kind if preset else "")


@dataclass(frozen=True, slots=True)
class Override:
    """A `key=value` of the command line. The value stays text: its field decides what it means."""

    keys: tuple[str, ...]
    value: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Override:
        """Read `a.b=value`, `--a.b=value`, `a.0=value` or `a[0]=value`."""
        key, equals, value = text.removeprefix("--").partition("=")
        if not equals:
            hint = "write key=value (or --key=value), quoted where the shell needs it"
            raise ConfigError(COMMAND_LINE, text, None, "not an override", hint)
        keys = tuple(key.strip().replace("[", ".").replace("]", "").split("."))
        if not all(keys):
            raise ConfigError(COMMAND_LINE, text, None, "an empty key", "write section.key=value")
        if keys[0] == "extends":
            hint = "write a config file that extends it"
            raise ConfigError(COMMAND_LINE, text, None, "extends is read from files only", hint)
        return cls(keys, value, text)

    def rank(self) -> tuple[int, int]:
        """Which overrides come first: a section, its preset, its kind, then those in it."""
        if self.value.lstrip().startswith(FOLDED):
            return len(self.keys), -1
        starts = self.keys[-1] in FIRST
        return (len(self.keys) - 1, FIRST.index(self.keys[-1])) if starts else (DEEPEST, 0)

    def said(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every text that is said, below its keys; `strategy={kind: beam}` says two keys deep."""
        found = _unfolded(Node(self.value, COMMAND_LINE), ".".join(self.keys)).value
        below = found.items() if isinstance(found, dict) else ()
        yield self.keys, self.value
        yield from (((*self.keys, k), n.value) for k, n in below if isinstance(n.value, str))

    def tree(self, base: Node) -> Node:
        """The override as a tree to be merged over `base`, which tells lists from mappings."""
        return self._tree(base, self.keys)

    def _tree(self, base: Node | None, keys: tuple[str, ...]) -> Node:
        if not keys:
            return Node(self.value, COMMAND_LINE, plain=self.value != "")
        first, rest = keys[0], keys[1:]
        if base is not None and isinstance(base.value, list):
            return self._replaced(base.value, first, rest)
        below = child(base, first) if base is not None else None
        return Node({first: self._tree(below, rest)}, COMMAND_LINE)

    def _replaced(self, items: list[Node], index: str, rest: tuple[str, ...]) -> Node:
        if not index.isdecimal() or int(index) > len(items):
            hint = f"0 to {len(items) - 1} replace, {len(items)} appends"
            problem = f"{index} is no position in a list of {len(items)}"
            raise ConfigError(COMMAND_LINE, self.text, None, problem, hint)
        at = int(index)
        base = items[at] if at < len(items) else None
        top = self._tree(base, rest)
        item = merge(base, top) if base is not None else top
        return Node([*items[:at], item, *items[at + 1 :]], COMMAND_LINE)


class _Files:
    """Reads a file after those it extends, refusing cycles."""

    def __init__(self) -> None:
        self._count = 0
        self.of_a_run = False

    def read(self, path: Path, shown: str, chain: tuple[Path, ...]) -> Node:
        self._count += 1
        self.of_a_run |= in_a_run(path)
        if self._count > MOST_FILES:
            problem = f"extends more than {MOST_FILES} files"
            raise ConfigError(shown, "extends", None, problem, "extend fewer")
        node = read_yaml(path, shown)
        assert isinstance(node.value, dict)
        chain = (*chain, path.resolve())
        if "extends" in node.value and in_a_run(path):
            where, problem = node.value["extends"].where, "is not followed out of a run's folder"
            raise ConfigError(where, "extends", None, problem, "a run's config is whole: remove it")
        own = Node({key: value for key, value in node.value.items() if key != "extends"}, shown)
        tree = Node({}, shown)
        for base in _names(node.value.get("extends")):
            tree = merge(tree, self._base(base, path, chain))
        return Node(merge(tree, own).value, shown)

    def _base(self, base: Node, path: Path, chain: tuple[Path, ...]) -> Node:
        name = str(base.value)
        beside = path.parent / name
        file = beside if exists(beside) and not beside.is_dir() else find_config(name)
        if not exists(file) or file.is_dir():
            found = beside if exists(beside) else file
            problem = f"{found} is a directory" if exists(found) else f"no such file: {beside}"
            hint = "extends is relative to the file that says it, or names a shipped config"
            raise ConfigError(base.where, "extends", name, problem, hint)
        if file.resolve() in chain:
            circle = " → ".join(step.name for step in (*chain, file.resolve()))
            raise ConfigError(base.where, "extends", name, f"a circle: {circle}", "break it")
        return self.read(file, str(file), chain)


def _names(extends: Node | None) -> list[Node]:
    if extends is None or (extends.plain and extends.value in ("", "null", "~")):
        return []
    nodes = extends.value if isinstance(extends.value, list) else [extends]
    for node in nodes:
        if not isinstance(node.value, str) or not node.value:
            hint = "write extends: base.yaml or extends: [a.yaml, b.yaml]"
            raise ConfigError(extends.where, "extends", None, "must name files", hint)
    return nodes


def _unfolded(node: Node, key: str = "") -> Node:
    """A mapping that an override spells in YAML, as a mapping."""
    text = node.value
    if isinstance(text, str) and node.where == COMMAND_LINE and text.lstrip().startswith(FOLDED):
        return parse_value(text, COMMAND_LINE, key=key) or node
    return node


def _check_kinds(said: Mapping[tuple[str, ...], str]) -> None:
    """A preset and a kind on one command line must agree: neither is the later one."""
    for keys, kind in said.items():
        name = said.get((*keys[:-1], PRESET), "")
        if keys[-1] == KIND and name in PRESETS and PRESETS[name].kind != kind:
            problem = f"contradicts preset {name}, which is of kind {PRESETS[name].kind}"
            key = ".".join(keys)
            raise ConfigError(COMMAND_LINE, key, kind, problem, "leave one of the two out")


def _starts_anew(base: Node, top: Node, unsaid: str) -> bool:
    """Whether `top` says another kind or another preset than `base`; `preset: null` is none."""
    preset = _text(top, PRESET)
    if preset is not None and preset != (_text(base, PRESET) or ""):
        return True
    kind, before = _text(top, KIND), kind_said(base) or unsaid
    return bool(kind and before) and kind != before


def _text(node: Node, key: str) -> str | None:
    """A scalar of a mapping, empty where it is null; None where there is none."""
    said = child(node, key)
    if said is None or not isinstance(said.value, str):
        return None
    return "" if said.plain and said.value in ("null", "~") else said.value
