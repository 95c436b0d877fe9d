"""Text becomes typed values: a config tree is fitted to the dataclasses that it configures.

A person who is refused is told the file, the line and the nearest spelling. Only the type of a
field tells whether `no` is a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from treewright.config.compose import COMMAND_LINE
from treewright.config.kinds import kinds_within, of_kind
from treewright.config.location import kept
from treewright.config.yamlfile import Node, parse_value
from treewright.errors import ConfigError, suggest

Plain: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None
"""What a config file can say."""

INT = re.compile(r"[-+]?[0-9][0-9_]{0,30}")
FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.?(inf|nan)", re.IGNORECASE
)
NULL = ("", "~", "null", "Null", "NULL")
BOOL = {"true": True, "false": False}
EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}
INTERPOLATION = "${"


def fit(node: Node, hint: Any, key: str) -> Plain:
    """The node as plain data for a field of type `hint`. Raises `ConfigError` naming the key.

    Text with `${` passes as it is: what it stands for is known, and checked, only later.
    """
    optional, kind = unwrap(hint)
    for opening in opened_by(kind):
        node = unfold(node, opening, key)
    if isinstance(node.value, str) and INTERPOLATION in node.value:
        return node.value
    if optional and _is_null(node):
        return None
    if kind is Any:
        return _untyped(node, key)
    if (part := part_of(kind)) is not None and (part is kind or isinstance(node.value, dict)):
        return _mapping(node, part, key)
    if get_origin(kind) is dict:
        return _dict(node, get_args(kind)[1], key)
    if get_origin(kind) in (list, tuple):
        return _list(node, kind, key)
    return _scalar(node, kind, key)


def opened_by(kind: Any) -> str:
    """How a value of this type begins where a command line spells it in YAML."""
    if kind is Any:
        return "{["
    if get_origin(kind) in (list, tuple):
        return "["
    mapping = get_origin(kind) is dict or part_of(kind) is not None
    return "{" if mapping else ""


def check_keys(
    node: Node, known: Iterable[str], key: str, deeper: Iterable[str] = ()
) -> dict[str, Node]:
    """The entries of a mapping that may hold only `known` keys.

    `deeper` are dotted keys that an unknown one may have meant.
    """
    if not isinstance(node.value, dict):
        hint = f"write {key}.NAME=value" if node.where == COMMAND_LINE else "indent its keys below"
        raise ConfigError(node.where, key, _shown(node), "must be a mapping", hint)
    names = list(known)
    for name, child in node.value.items():
        if name not in names:
            leaves = {dotted.rpartition(".")[2]: dotted for dotted in reversed(list(deeper))}
            meant = [] if get_close_matches(name, names, n=1) else _nearest(name, leaves)
            hint = f"did you mean {leaves[meant[0]]}?" if meant else suggest(name, names)
            raise ConfigError(child.where, join(key, name), None, "no such key", hint)
    return node.value


def _nearest(name: str, leaves: Iterable[str]) -> list[str]:
    """The key of a deeper section that is meant, if one is hard to mistake."""
    return get_close_matches(name.rpartition(".")[2], leaves, n=1, cutoff=0.8)


def join(*parts: str) -> str:
    """A dotted key."""
    return ".".join(part for part in parts if part)


def dotted_keys(kind: type, key: str) -> Iterator[str]:
    """Every key of a dataclass and of the dataclasses in it, dotted, below `key`."""
    hints = hints_of(kind)
    for f in fields(kind):
        yield join(key, f.name)
        inner = of_kind(unwrap(hints[f.name])[1])
        if (part := part_of(inner)) is not None:
            yield from dotted_keys(part, join(key, f.name))


@cache
def hints_of(kind: type) -> Mapping[str, Any]:
    """The types of a dataclass's fields, by name."""
    return get_type_hints(kind)


def default_of(field: Field[Any]) -> Any:
    """What holds where nothing is said; `MISSING` where something must be."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def required(kind: type) -> list[str]:
    """The fields of a dataclass that have no default."""
    return [f.name for f in fields(kind) if f.default is f.default_factory is MISSING]


def is_enum(kind: Any) -> bool:
    """Whether a type is an enum."""
    return isinstance(kind, type) and issubclass(kind, Enum)


def _mapping(node: Node, kind: type, key: str) -> dict[str, Any]:
    kind = _of_kind(node, kind, key)
    hints = hints_of(kind)
    entries = check_keys(node, (f.name for f in fields(kind)), key, dotted_keys(kind, key))
    for name in required(kind):
        if name not in entries:
            raise ConfigError(node.where, join(key, name), None, "missing", f"add {name}: VALUE")
    return {name: fit(child, hints[name], join(key, name)) for name, child in entries.items()}


def _of_kind(node: Node, base: type, key: str) -> Any:
    """The dataclass that a mapping is fitted to. Raises `ConfigError` for a kind that is none."""
    said = node.value.get("kind") if isinstance(node.value, dict) else None
    noun, known = kinds_within(base)
    if said is None or not known:
        if known and of_kind(base) is base:
            problem, hint = "missing", f"choose from {', '.join(known)}"
            raise ConfigError(node.where, join(key, "kind"), None, problem, hint)
        return of_kind(base)
    kind = str(fit(said, str, join(key, "kind")))
    if kind not in known:
        hint = suggest(kind, known)
        raise ConfigError(said.where, join(key, "kind"), kind, f"no such {noun}", hint)
    return of_kind(base, kind)


def _untyped(node: Node, key: str) -> Plain:
    """A value of which nothing is known: by the rules of YAML, what is quoted a text."""
    if isinstance(node.value, dict):
        return _dict(node, Any, key)
    if isinstance(node.value, list):
        return [fit(item, Any, f"{key}[{index}]") for index, item in enumerate(node.value)]
    return _typed(node.value) if node.plain else node.value


def _dict(node: Node, kind: Any, key: str) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        raise ConfigError(node.where, key, _shown(node), "must be a mapping", "write {name: value}")
    return {name: fit(child, kind, join(key, name)) for name, child in node.value.items()}


def _list(node: Node, kind: Any, key: str) -> list[Any]:
    """A list; a command line may also spell it `a,b`, or nothing for none."""
    items = node.value
    if isinstance(items, str) and node.where == COMMAND_LINE:
        parts = [part.strip() for part in items.split(",")] if items else []
        items = [Node(part, node.where, plain=True) for part in parts]
    if not isinstance(items, list):
        raise ConfigError(node.where, key, _shown(node), "must be a list", "write [a, b]")
    hints = items_of(kind, len(items))
    if len(hints) != len(items):
        problem = f"has {len(items)} items, it must have {len(hints)}"
        raise ConfigError(node.where, key, None, problem)
    return [
        fit(item, hint, f"{key}[{at}]")
        for at, (item, hint) in enumerate(zip(items, hints, strict=True))
    ]


def items_of(kind: Any, count: int) -> tuple[Any, ...]:
    """The types of the items of a list that has so many."""
    hints = get_args(kind) or (Any,)
    return hints if get_origin(kind) is tuple and hints[-1] is not ... else hints[:1] * count


def unfold(node: Node, opening: str, key: str) -> Node:
    """A list or a mapping that a command line spells in YAML."""
    folded = isinstance(node.value, str) and node.value.lstrip().startswith(opening)
    if folded and node.where == COMMAND_LINE:
        return parse_value(str(node.value), COMMAND_LINE, key=key) or node
    return node


def _scalar(node: Node, kind: Any, key: str) -> Plain:
    if not isinstance(node.value, str):
        found = "a list" if isinstance(node.value, list) else "a mapping"
        raise ConfigError(node.where, key, None, f"is {found}", "give a single value")
    if choices := choices_of(kind):
        if node.value not in choices:
            hint = suggest(node.value, choices)
            raise ConfigError(node.where, key, node.value, "not a choice", hint)
        return choices[node.value]
    if kind is str:
        if _is_null(node):
            raise ConfigError(node.where, key, None, "is empty", 'give a text; "" is the empty one')
        return _text(kept(node.value, key), node.where, key)
    value = _typed(node.value)
    wanted = kind if isinstance(kind, list) else [kind]
    if not any(_is_a(value, one) for one in wanted):
        problem = f"must be {' or '.join(map(_expected, wanted))}"
        raise ConfigError(node.where, key, node.value or "''", problem)
    return value


def _text(text: str, where: str, key: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        hint = "give it in UTF-8; rename a file or a folder that is not"
        raise ConfigError(where, key, text, "is not UTF-8 text", hint) from None
    return text


def _typed(text: str) -> str | int | float | bool | None:
    """A scalar by the rules of YAML 1.2, where `no` is a text and `1e3` a number."""
    if text in NULL:
        return None
    if INT.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return BOOL.get(text.lower(), text)


def _is_a(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is kind


def _is_null(node: Node) -> bool:
    """Whether nothing is said. On a command line `key=` is the empty text, `key=null` nothing."""
    return node.plain and node.value in NULL


def choices_of(kind: Any) -> dict[str, str | int]:
    """What may be chosen by its spelling; none where a type lists no values."""
    if get_origin(kind) is Literal:
        return {str(choice): choice for choice in get_args(kind)}
    if is_enum(kind):
        return {str(member.value): member.value for member in kind}
    return {}


def unwrap(hint: Any) -> tuple[bool, Any]:
    """Whether None is allowed, and the type without it: a list where there are several."""
    if get_origin(hint) not in (Union, UnionType):
        return False, hint
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    optional = len(kinds) < len(get_args(hint))
    return optional, kinds[0] if len(kinds) == 1 else kinds


def _expected(kind: Any) -> str:
    """A type in the words of an error."""
    return "a mapping" if is_dataclass(kind) else EXPECTED.get(kind, kind.__name__)


def part_of(kind: Any) -> type | None:
    """The dataclass that a value is, or may be in place of a single value."""
    kinds = kind if isinstance(kind, list) else [kind]
    return next((each for each in kinds if isinstance(each, type) and is_dataclass(each)), None)


def _shown(node: Node) -> str | None:
    return node.value if isinstance(node.value, str) else None
