"""The sections of a config that are chosen by `kind`, and the dataclass behind every kind.

A registry lives beside what it lists (`policies/registry.py`, …); only the module of the chosen
kind is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module

from policies.registry import POLICIES
from scorers.registry import SCORERS
from search.strategies import STRATEGIES

SECTIONS: Mapping[str, Mapping[str, str | type]] = {
    "policy": POLICIES,
    "scorer": SCORERS,
    "strategy": STRATEGIES,
}


def settings_class(section: str, kind: str) -> type:
    """The dataclass whose fields are the keys of `section` beside `kind`."""
    listed = SECTIONS[section][kind]
    if isinstance(listed, type):
        return listed
    module, _, name = listed.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)
    assert is_dataclass(found)
    return found


def kind_of(section: str, settings: object) -> str:
    """The kind whose dataclass `settings` is an instance of."""
    own = type(settings)
    names = (own, f"{own.__module__}:{own.__qualname__}")
    return next(kind for kind, listed in SECTIONS[section].items() if listed in names)
