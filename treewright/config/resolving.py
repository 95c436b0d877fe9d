"""What is said becomes the config: defaults underneath, `${…}` resolved, the dataclasses made.

OmegaConf is asked for one thing, what a `${…}` comes to; that is fitted to its field like all else.
Importing it takes 0.1 s, which a config that is refused before need not wait for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, get_args, get_origin

from search.custom import raised
from treewright.config import environment
from treewright.config.compose import KIND
from treewright.config.kinds import of_kind
from treewright.config.location import find, names_file
from treewright.config.schema import (
    INTERPOLATION,
    default_of,
    fit,
    hints_of,
    is_enum,
    items_of,
    join,
    part_of,
    unwrap,
)
from treewright.config.yamldump import to_plain
from treewright.config.yamlfile import Path, dotted, node_of
from treewright.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

FIELD = re.compile(r"([A-Za-z_][\w.\[\]]*): (.*)", re.DOTALL)
"""How a dataclass reports a bad field."""
JARGON = re.compile(r"^KeyError raised while resolving interpolation: |^While dereferencing ")
"""What OmegaConf says before it says what is wrong."""
DOLLAR_HINT = (
    r"${oc.env:NAME,default} reads the environment, ${policy.model} another key; "
    r"write a literal ${ as \${"
)
UNGIVEN = "???"
"""OmegaConf's word for a value that whoever extends the file must give."""


def values_of(
    schema: type,
    said: Mapping[str, Any],
    kinds: Mapping[str, Any],
    where: Callable[[str], str],
) -> dict[str, Any]:
    """What the fields of `schema` come to, of fitted data; `kinds` are those of its sections.

    Raises `ConfigError`, placed by `where`.
    """
    hints = {**hints_of(schema), **kinds}
    known = over_defaults(schema, said, hints)
    try:
        return _Making(known, where).values(known, hints, ())
    except RecursionError:
        raise ConfigError(where(""), "", None, "a value refers to itself", DOLLAR_HINT) from None


def explain(error: BaseException, key: str, where: Callable[[str], str]) -> ConfigError:
    """What a dataclass found wrong at `key`, as one line."""
    problem = str(error).partition("\n")[0]
    if not isinstance(error, (TypeError, ValueError)):
        problem = f"raised {raised(error)}"
    if named := FIELD.fullmatch(problem):
        section = key.rpartition(".")[2]
        key, problem = join(key, named[1].removeprefix(f"{section}.")), named[2]
    return ConfigError(where(key), key, None, problem)


def over_defaults(
    kind: type, said: Mapping[str, Any], hints: Mapping[str, Any], base: object = None
) -> dict[str, Any]:
    """All that the keys of a dataclass come to, plain, `${…}` as it stands."""
    known = {}
    for f in fields(kind):
        default = default_of(f) if base is None else getattr(base, f.name)
        value = said.get(f.name, default)
        inner = unwrap(hints[f.name])[1]
        if isinstance(inner, type) and is_dataclass(inner) and isinstance(value, Mapping):
            inner = of_kind(inner, value.get(KIND))
            base_of_it = default if isinstance(default, inner) else None
            value = over_defaults(inner, value, hints_of(inner), base_of_it)
        if value is not MISSING:
            known[f.name] = to_plain(value)
    return known


class _Making:
    """Makes typed values of plain data; `${…}` refers to any of it."""

    def __init__(self, known: Mapping[str, Any], where: Callable[[str], str]) -> None:
        self._known = known
        self._where = where

    @cached_property
    def _referred(self) -> DictConfig:
        from omegaconf import OmegaConf

        OmegaConf.register_resolver("oc.env", environment.variable, replace=True)
        return OmegaConf.create(dict(self._known), flags={"allow_objects": True})

    def values(
        self, said: Mapping[str, Any], hints: Mapping[str, Any], path: Path
    ) -> dict[str, Any]:
        """Each of the type that `hints` has for it."""
        return {name: self.value(each, hints[name], (*path, name)) for name, each in said.items()}

    def value(self, said: Any, hint: Any, path: Path) -> Any:
        """One value of the type `hint`. Raises `ConfigError`."""
        key = dotted(path)
        if isinstance(said, str) and INTERPOLATION in said:
            there = f"{self._where(key)}, resolved"
            said = fit(node_of(self._resolved(said, path), there, path), hint, key)
        if said == UNGIVEN:
            problem = f"{UNGIVEN} stands for a value that must be given"
            raise ConfigError(self._where(key), key, None, problem, "give one")
        kind = unwrap(hint)[1]
        if isinstance(said, str):
            found = find(said) if names_file(key) else None
            return str(found or said) if not is_enum(kind) else kind(said)
        if isinstance(said, Mapping) and (part := part_of(kind)) is not None:
            return self._dataclass(of_kind(part, said.get(KIND)), said, path)
        inner = get_args(kind) or (Any,)
        if isinstance(said, Mapping):
            return self.values(said, dict.fromkeys(said, inner[-1]), path)
        if isinstance(said, list):
            hints = items_of(kind, len(said))
            items = [self.value(each, hints[i], (*path, i)) for i, each in enumerate(said)]
            return (get_origin(kind) or list)(items)
        if kind is float and type(said) is int:
            said = float(said)
        if isinstance(said, float) and not isfinite(said):
            raise ConfigError(self._where(key), key, said, "must be finite", "give a number")
        return said

    def _dataclass(self, kind: Any, said: Mapping[str, Any], path: Path) -> object:
        values = self.values(said, hints_of(kind), path)
        try:
            return kind(**values)
        except RecursionError:
            raise
        except (Exception, SystemExit) as error:  # a custom part's own checks may raise anything
            raise explain(error, dotted(path), self._where) from error

    def _resolved(self, said: str, path: Path) -> object:
        """What the text at a place comes to, plain."""
        if said == environment.OUTPUT_DIR:  # nearly every config says it, and no other `${…}`
            return environment.variable(environment.RUNS, "runs")
        from omegaconf import DictConfig, ListConfig, OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        try:
            node: Any = self._referred
            for part in path:
                node = node[part]
            held = isinstance(node, (DictConfig, ListConfig))
            return OmegaConf.to_container(node, resolve=True) if held else node
        except OmegaConfBaseException as error:
            key, problem = error.full_key or dotted(path), str(error).partition("\n")[0]
            said = JARGON.sub("", problem)
            raise ConfigError(self._where(key), key, None, said, DOLLAR_HINT) from error
