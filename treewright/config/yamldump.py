"""Values as YAML that reads back as the same values, and that a person likes to read."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML, which OmegaConf brings, ships no types


def to_plain(value: Any) -> Any:
    """Dataclasses as mappings, tuples as lists, members of an enum as their values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: to_plain(item) for name, item in value.items()}
    return value.value if isinstance(value, Enum) else value


def dump(plain: dict[str, Any]) -> str:
    """Plain data as a YAML document, keys in their order."""
    sections = [_Section(repr((key, value)), {key: value}) for key, value in plain.items()]
    return "".join(map(_dumped, sections)) or "{}\n"


@dataclass(frozen=True)
class _Section:
    """A key of a document and what it holds; `said` tells it from every other."""

    said: str
    plain: dict[str, Any] = field(compare=False)


@lru_cache(maxsize=256)
def _dumped(section: _Section) -> str:
    """Runs of one process differ in few sections, and a server begins one for every question."""
    options = {"sort_keys": False, "allow_unicode": True, "width": 100}
    return str(yaml.dump(section.plain, Dumper=_DUMPER, **options))


def _represent(dumper: Any, text: str) -> Any:
    """A text of several lines as a block; one with control characters in quotes, escaped."""
    style = None
    if not text.isprintable():
        style = "|" if text.replace("\n", "").isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_DUMPER = type("ConfigDumper", (yaml.SafeDumper,), {})
yaml.add_representer(str, _represent, Dumper=_DUMPER)
