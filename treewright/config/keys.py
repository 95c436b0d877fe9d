"""A key of a config as a person is told of it: what may be said, what holds else, what it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from treewright.config.kinds import of_kind
from treewright.config.schema import choices_of, default_of, hints_of, part_of, unwrap
from treewright.config.sentences import sentences
from treewright.config.yamldump import to_plain

WORDS = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    NoneType: "`null`",
    Any: "value",
}


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
        return default_of(self.field)

    @property
    def part(self) -> type | None:
        """The dataclass that the value is, or that its items are."""
        kind = unwrap(self.hint)[1]
        if get_origin(kind) in (list, tuple):
            kind = get_args(kind)[0]
        return part_of(of_kind(kind))

    @property
    def values(self) -> str:
        """What may be said, in words."""
        optional, kind = unwrap(self.hint)
        kinds = [*(kind if isinstance(kind, list) else [kind]), *([NoneType] if optional else [])]
        return " or ".join(map(_named, kinds))

    @property
    def default_text(self) -> str:
        """The default as a config would say it; of a mapping what differs from its own defaults."""
        value = self.default
        if value is MISSING:
            return ""
        if is_dataclass(value) and not isinstance(value, type):
            own = keys(type(value))
            changed = {name: getattr(value, name) for name in own}
            value = {n: each for n, each in changed.items() if each != own[n].default}
            return _said(value) if value else ""
        return _said(value)

    @property
    def meaning(self) -> str:
        """The sentence under the field; empty where there is none."""
        return sentences(self.owner).get(self.name, "")

    def same_as(self, other: Key | None) -> bool:
        """Whether the same can be said, and saying nothing means the same."""
        return other is not None and (self.hint, self.default) == (other.hint, other.default)


def keys(kind: type) -> Mapping[str, Key]:
    """The keys that a dataclass makes, by name."""
    return {f.name: Key(kind, f, hints_of(kind)[f.name]) for f in fields(kind)}


def _said(value: Any) -> str:
    """A value as YAML on one line; a text as it is."""
    plain = to_plain(value)
    return plain if isinstance(plain, str) and plain else json.dumps(plain, ensure_ascii=False)


def _named(kind: Any) -> str:
    """A type in a person's words, Markdown."""
    if choices := choices_of(kind):
        return ", ".join(f"`{choice}`" for choice in choices)
    if get_origin(kind) in (list, tuple):
        return f"list of {_named(get_args(kind)[0])}s"
    if get_origin(kind) is dict:
        return f"mapping of names to {_named(get_args(kind)[1])}s"
    return WORDS.get(kind, "mapping")
