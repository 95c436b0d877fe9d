"""A key of a config as a person is told of it: what may be said, what holds else, what it does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from treewright.config.docstrings import CODE, describe, summary
from treewright.config.kinds import of_kind
from treewright.config.remarks import REMARKS
from treewright.config.yamldump import to_plain

WORDS = {int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True)
class Key:
    """A field of a dataclass, and its type."""

    owner: type
    field: Field[Any]
    hint: Any

    @property
    def name(self) -> str:
        """As a config says it."""
        return self.field.name

    @property
    def default(self) -> Any:
        """What holds where nothing is said; `MISSING` where something must be."""
        if self.field.default_factory is not MISSING:
            return self.field.default_factory()
        return self.field.default

    @property
    def part(self) -> type | None:
        """The dataclass that the value is, or that its items are."""
        kind = next(kind for kind in _alternatives(self.hint) if kind is not NoneType)
        if get_origin(kind) in (list, tuple):
            kind = get_args(kind)[0]
        kind = of_kind(kind)
        return kind if isinstance(kind, type) and is_dataclass(kind) else None

    @property
    def values(self) -> str:
        """What may be said, in words."""
        return " or ".join(_named(kind) for kind in _alternatives(self.hint))

    @property
    def default_text(self) -> str:
        """The default as a config would say it; of a mapping what differs from its own defaults."""
        value = self.default
        if value is MISSING:
            return ""
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                key.name: said
                for key in keys(type(value)).values()
                if (said := getattr(value, key.name)) != key.default
            }
            return _said(changed) if changed else ""
        return _said(value)

    @property
    def meaning(self) -> str:
        """What it does, Markdown; empty where nobody says it."""
        names = [(base.__name__, self.name) for base in self.owner.__mro__]
        remarks = (REMARKS[name] for name in names if name in REMARKS)
        said = describe(self.owner)
        told = next(remarks, "") or said.fields.get(self.name) or self._of_type()
        return in_yaml_words(told or said.mentions.get(self.name, ""))

    def same_as(self, other: Key | None) -> bool:
        """Whether the same can be said, and saying nothing means the same."""
        return other is not None and (self.hint, self.default) == (other.hint, other.default)

    def _of_type(self) -> str:
        """What the type of the value says of itself, where it is one of ours."""
        kind = self.part or next(iter(_alternatives(self.hint)))
        ours = self.part is not None or (isinstance(kind, type) and issubclass(kind, Enum))
        return f"{summary(kind.__doc__)}." if ours else ""


def keys(kind: type) -> Mapping[str, Key]:
    """The keys that a dataclass makes, by name."""
    hints = get_type_hints(kind)
    return {f.name: Key(kind, f, hints[f.name]) for f in fields(kind)}


def in_yaml_words(text: str) -> str:
    """Python's `None` is `null` in a config, and stands in backticks."""
    parts = zip([*CODE.findall(text), ""], CODE.split(text), strict=True)
    return "".join(re.sub(r"\b(None|null)\b", "`null`", plain) + code for code, plain in parts)


def _said(value: Any) -> str:
    """A value as YAML on one line; a text as it is."""
    plain = to_plain(value)
    if isinstance(plain, str) and plain:
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _named(kind: Any) -> str:
    """A type in a person's words, Markdown."""
    if kind is bool:
        return "`true` or `false`"
    if kind is NoneType:
        return "`null`"
    if choices := _choices(kind):
        return ", ".join(f"`{choice}`" for choice in choices)
    if get_origin(kind) in (list, tuple):
        return f"list of {_named(get_args(kind)[0])}s"
    if get_origin(kind) is dict:
        return f"mapping of names to {_named(get_args(kind)[1])}s"
    return WORDS.get(kind, "mapping")


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return []


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
