"""The sections of a config that are chosen by `kind`, and the dataclass behind every kind.

A registry lives beside what it lists (`policies/registry.py`, …); only the module of the chosen
kind is imported. A kind of one's own is an import path, `my_module:MyClass`. `imported` is what
`treewright import` makes a run of; it belongs to no lower package, so its lines are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module

from policies.engine import EngineConfig
from policies.registry import POLICIES
from scorers.registry import SCORERS
from search.custom import is_import_path
from search.strategies import STRATEGIES
from treewright.config.parts import custom_class

IMPORTED = "imported"
PARTS = "treewright.exchange.imported"

SECTIONS: Mapping[str, Mapping[str, str | type]] = {
    "policy": {**POLICIES, IMPORTED: f"{PARTS}:ImportedFile"},
    "scorer": {**SCORERS, IMPORTED: f"{PARTS}:ImportedFile"},
    "strategy": {**STRATEGIES, IMPORTED: f"{PARTS}:Imported"},
}


def listed_as(section: str, kind: str) -> str:
    """The name of a listed kind that was said by its import path; any other kind as it is.

    Runs imported before `imported` had a name say it so.
    """
    return next((name for name, listed in SECTIONS[section].items() if listed == kind), kind)


def is_kind(section: str, kind: str) -> bool:
    """Whether a section may name this kind; a custom one need not exist."""
    return kind in SECTIONS[section] or is_import_path(kind)


def settings_class(section: str, kind: str) -> type:
    """The dataclass whose fields are the keys of `section` beside `kind`.

    Raises `PartError` for a custom kind that cannot be used.
    """
    kind = listed_as(section, kind)
    if is_import_path(kind):
        return custom_class(section, kind)
    listed = SECTIONS[section][kind]
    if isinstance(listed, type):
        return listed
    module, _, name = listed.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)
    assert is_dataclass(found)
    return found


def engine_of(settings: object) -> EngineConfig | None:
    """The settings of the engine that runs a part's model; None where no engine of ours does."""
    found = getattr(settings, "engine", None)
    return found if isinstance(found, EngineConfig) else None


def kind_of(section: str, settings: object) -> str:
    """The kind whose dataclass `settings` is an instance of; its import path if it is custom."""
    own = type(settings)
    path = f"{own.__module__}:{own.__qualname__}"
    return next((k for k, listed in SECTIONS[section].items() if listed in (own, path)), path)
