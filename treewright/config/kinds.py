"""The sections of a config that are chosen by `kind`, and the dataclass behind every kind.

A registry lives beside what it lists (`policies/registry.py`, …); only the module of the chosen
kind is imported. A kind of one's own is an import path, `my_module:MyClass`. `imported` is what
`treewright import` makes a run of; it belongs to no lower package, so its lines are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from engines.config import EngineConfig
from engines.registry import DEFAULT, ENGINES
from engines.traits import Traits, traits_of
from policies.registry import POLICIES
from scorers.members import Member, member_class
from scorers.registry import SCORERS
from search.custom import is_import_path
from search.strategies import STRATEGIES
from treewright.config.parts import custom_class
from treewright.config.stand_in import StandIn

if TYPE_CHECKING:
    from treewright.config.config import Config

IMPORTED = "imported"
PARTS = "treewright.exchange.imported"

SECTIONS: Mapping[str, Mapping[str, str]] = {
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
    listed = SECTIONS[section].get(listed_as(section, kind))
    return _imported(listed) if listed else custom_class(section, kind)


def of_kind(base: Any, kind: object = None) -> Any:
    """The dataclass behind a mapping in a section: of its kind if it has one, else `base`.

    An engine that says none is of the default kind; a scorer within a scorer must say one.
    """
    if base is EngineConfig:
        return _imported(ENGINES[str(kind or DEFAULT)])
    return member_class(str(kind)) if base is Member and kind else base


def kinds_within(base: Any) -> tuple[str, Mapping[str, str]]:
    """What a mapping in a section with a kind is called, and its kinds; none where it has none."""
    if base is EngineConfig:
        return "engine", ENGINES
    return ("scorer", SCORERS) if base is Member else ("", {})


def engines_like(part: type) -> dict[type, str]:
    """Where a dataclass is of a kind of engine, those of all kinds, each with its kind."""
    kinds = {_imported(path): kind for kind, path in ENGINES.items()}
    return kinds if part in kinds else {}


def _imported(path: str) -> type:
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)
    assert is_dataclass(found)
    return found


def is_own_code(section: str, kind: str) -> bool:
    """Whether a kind is a part that Treewright does not bring: it may be a stranger's code."""
    return is_import_path(listed_as(section, kind))


def sides(config: Config) -> dict[str, Traits]:
    """The sections with a model, and what they say of themselves."""
    return {"policy": traits_of(config.policy), "scorer": traits_of(config.scorer)}


def kind_of(section: str, settings: object) -> str:
    """The kind whose dataclass `settings` is an instance of; its import path if it is custom."""
    if isinstance(settings, StandIn):
        return settings.kind
    own = type(settings)
    return listed_as(section, f"{own.__module__}:{own.__qualname__}")
