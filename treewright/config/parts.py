"""Strategies, policies and scorers of one's own: `kind: my_module:MyClass`, and what it must be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, make_dataclass
from inspect import iscoroutinefunction
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from search.custom import PartError, load_part, raised
from treewright.errors import ConfigError

MEMBERS = {
    "candidates": "how many candidates a search returns at most",
    "draws": "how often it asks the policy at most",
    "judges": "whether it asks the verifier",
}
"""What a strategy says of itself, before it runs."""
OPTIONAL = {
    "judges_prefixes": "whether it asks about unfinished paths",
    "continues": "whether it goes on with unfinished paths that it drew",
    "draws_alike": "whether it draws several children of a path with the same in view",
}
"""What it may say besides, as `search.questions` explains."""
FROZEN = "write @dataclass(frozen=True) above the class"
MANUAL = "docs/custom_parts.md has an example"


def custom_class(section: str, path: str) -> type:
    """The dataclass that an import path names, fit for `section`. Raises `PartError`."""
    found = load_part(path)
    if not isinstance(found, type):
        raise PartError(f"{path} is a {type(found).__name__}, not a class", MANUAL)
    if not is_dataclass(found):
        raise PartError(f"{path} is not a dataclass", FROZEN)
    if not found.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # every dataclass has it
        raise PartError(f"{path} is not frozen, and searches of many problems share it", FROZEN)
    _check_fields(path, found)
    SHAPES[section](path, found)
    return found


def check_members(strategy: object, where: str) -> None:
    """What a strategy says of itself must be numbers and truths. Raises `ConfigError`."""
    kinds: dict[str, Any] = {"candidates": int, "draws": int, "judges": bool}
    kinds |= {member: bool for member in OPTIONAL if hasattr(type(strategy), member)}
    for member, kind in kinds.items():
        try:
            value = getattr(strategy, member)
        except Exception as error:
            problem = f"{type(strategy).__name__}.{member} raised {raised(error)}"
            raise ConfigError(where, "strategy", None, problem, MANUAL) from error
        if type(value) is not kind or (kind is int and value < 1):
            wanted = "true or false" if kind is bool else "a whole number, 1 or more"
            problem = f"{type(strategy).__name__}.{member} is {value!r}, it must be {wanted}"
            raise ConfigError(
                where, "strategy", None, problem, f"it says {(MEMBERS | OPTIONAL)[member]}"
            )


def _check_fields(path: str, found: type) -> None:
    """Every field must have a type that a config can say."""
    from omegaconf import OmegaConf

    try:
        hints = get_type_hints(found)
        OmegaConf.structured(_without_choices(found, hints))
    except Exception as error:
        problem = f"{path} has a field that no config can say: {str(error).partition(chr(10))[0]}"
        hint = "use int, float, str, bool, Literal, Enum, tuples, and dataclasses of these"
        raise PartError(problem, hint) from error


def _without_choices(found: type, hints: Mapping[str, Any]) -> type:
    """The dataclass, without fields that may be a single value or a mapping.

    Those of Treewright's own classes are such; OmegaConf knows no such union.
    """
    whole = [(f.name, hints[f.name]) for f in fields(found) if not _is_choice(hints[f.name])]
    return found if len(whole) == len(fields(found)) else make_dataclass(found.__name__, whole)


def _is_choice(hint: Any) -> bool:
    """Whether a type is a union of a dataclass and others."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return get_origin(hint) is UnionType and len(kinds) > 1 and any(map(is_dataclass, kinds))


def _check_strategy(path: str, found: type) -> None:
    known = {f.name for f in fields(found)}.union(*(vars(base) for base in found.__mro__))
    known -= getattr(found, "__abstractmethods__", frozenset())
    abstract = sorted(getattr(found, "__abstractmethods__", ()))
    lacking = dict.fromkeys([n for n in ("__call__", *MEMBERS) if n not in known] + abstract)
    if lacking:
        told = [f"{name} ({MEMBERS[name]})" if name in MEMBERS else name for name in lacking]
        raise PartError(f"{path} is no strategy: it lacks {', '.join(told)}", MANUAL)


def _check_port(path: str, found: type) -> None:
    build = getattr(sys.modules[found.__module__], "build", None)
    if not iscoroutinefunction(build):
        problem = f"module {found.__module__} has no async def build(config)"
        raise PartError(problem, f"it makes the port of {path}")


SHAPES: Mapping[str, Callable[[str, type], None]] = {
    "strategy": _check_strategy,
    "policy": _check_port,
    "scorer": _check_port,
}
