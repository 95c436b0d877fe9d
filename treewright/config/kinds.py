"""The sections of a config that are chosen by `kind`, and the dataclass behind every kind.

A registry lives beside what it lists (`policies/registry.py`, …); only the module of the chosen
kind is imported. A kind of one's own is an import path, `my_module:MyClass`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module

from policies.registry import POLICIES
from scorers.registry import SCORERS
from search.custom import is_import_path
from search.strategies import STRATEGIES
from treewright.config.parts import custom_class
from treewright.config.stand_in import StandIn

SECTIONS: Mapping[str, Mapping[str, str | type]] = {
    "policy": POLICIES,
    "scorer": SCORERS,
    "strategy": STRATEGIES,
}


IMPORTED = ("treewright.exchange.imported:Imported", "treewright.exchange.imported:ImportedFile")
"""The parts of imported runs, which are named so in their configs."""


def is_kind(section: str, kind: str) -> bool:
    """Whether a section may name this kind; a custom one need not exist."""
    return kind in SECTIONS[section] or is_import_path(kind)


def settings_class(section: str, kind: str) -> type:
    """The dataclass whose fields are the keys of `section` beside `kind`.

    Raises `PartError` for a custom kind that cannot be used.
    """
    if is_import_path(kind) and kind not in shipped(section):
        return custom_class(section, kind)
    listed = SECTIONS[section].get(kind, kind)
    if isinstance(listed, type):
        return listed
    module, _, name = listed.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)
    assert is_dataclass(found)
    return found


def shipped(section: str) -> frozenset[str]:
    """The import paths that mean parts of Treewright: these are no stranger's code."""
    listed = SECTIONS[section].values()
    paths = (each if isinstance(each, str) else path_of(each) for each in listed)
    return frozenset([*paths, *IMPORTED])


def is_own_code(section: str, kind: str) -> bool:
    """Whether a kind is a part that Treewright does not bring."""
    return is_import_path(kind) and kind not in shipped(section)


def path_of(part: type) -> str:
    """The import path of a class."""
    return f"{part.__module__}:{part.__qualname__}"


def kind_of(section: str, settings: object) -> str:
    """The kind whose dataclass `settings` is an instance of; its import path if it is custom."""
    if isinstance(settings, StandIn):
        return settings.kind
    own = type(settings)
    path = path_of(own)
    return next((k for k, listed in SECTIONS[section].items() if listed in (own, path)), path)
