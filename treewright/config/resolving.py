"""OmegaConf's part: the defaults underneath, `${…}` resolved, the dataclasses made."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import (
    GrammarParseError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from search.custom import raised
from treewright.config import environment
from treewright.config.compose import KIND
from treewright.config.kinds import SECTIONS, settings_class
from treewright.config.location import find
from treewright.config.schema import join
from treewright.errors import ConfigError

T = TypeVar("T")

FILES = ("policy.model", "scorer.model", "dataset.path", "dataset.exclude")
FIELD = re.compile(r"([A-Za-z_][\w.\[\]]*): (.*)", re.DOTALL)
"""How a dataclass reports a bad field."""
JARGON = re.compile(r"^KeyError raised while resolving interpolation: |^While dereferencing ")
"""What OmegaConf says before it says what is wrong."""
DOLLAR_HINT = (
    r"${oc.env:NAME,default} reads the environment, ${policy.model} another key; "
    r"write a literal ${ as \${"
)


OmegaConf.register_resolver("oc.env", environment.variable, replace=True)


def resolve(
    schema: type[T],
    plain: dict[str, Any],
    where: Callable[[str], str],
    unknown: Collection[str] = (),
) -> T:
    """An instance of `schema` from fitted data; the sections that are `unknown` stay mappings.

    Raises `ConfigError`, placed by `where`.
    """
    made: object = None
    try:
        merged = _merge(schema, plain, unknown)
        for key in FILES:
            _find_file(merged, key)
        for key, node in _containers(merged, ""):
            made = _make(node, key, where)
    except RecursionError:
        raise ConfigError(where(""), "", None, "a value refers to itself", DOLLAR_HINT) from None
    except (OmegaConfBaseException, TypeError) as error:
        raise explain(error, "", where) from error
    assert isinstance(made, schema)  # the last container is the whole
    return made


def _make(node: Any, key: str, where: Callable[[str], str]) -> object:
    try:
        return OmegaConf.to_object(node)
    except RecursionError:
        raise
    except (Exception, SystemExit) as error:  # a custom part's own checks may raise anything
        raise explain(error, key, where) from error


def explain(error: BaseException, key: str, where: Callable[[str], str]) -> ConfigError:
    """What OmegaConf or a dataclass found wrong at `key`, as one line."""
    problem = JARGON.sub("", str(error).partition("\n")[0])
    if not isinstance(error, (OmegaConfBaseException, TypeError, ValueError)):
        problem = f"raised {raised(error)}"
    if isinstance(error, OmegaConfBaseException):
        key = error.full_key or key
        hint = ""
        if isinstance(error, (GrammarParseError, InterpolationResolutionError)):
            hint = DOLLAR_HINT
        if isinstance(error, MissingMandatoryValue):
            problem, hint = "??? stands for a value that must be given", "give one"
        return ConfigError(where(key), key, None, problem, hint)
    if named := FIELD.fullmatch(problem):
        section = key.rpartition(".")[2]
        key, problem = join(key, named[1].removeprefix(f"{section}.")), named[2]
    return ConfigError(where(key), key, None, problem)


def _merge(schema: type, plain: dict[str, Any], unknown: Collection[str]) -> DictConfig:
    defaults = OmegaConf.structured(schema)
    OmegaConf.set_readonly(defaults, False)
    values = dict(plain)
    for section in SECTIONS:
        settings = dict(plain[section])
        kind = settings.pop(KIND)
        known = section not in unknown
        defaults[section] = (
            OmegaConf.structured(settings_class(section, kind)) if known else OmegaConf.create({})
        )
        values[section] = settings
    merged = OmegaConf.merge(defaults, values)
    assert isinstance(merged, DictConfig)
    return merged


def _find_file(tree: DictConfig, key: str) -> None:
    """What is found here becomes an absolute path: actors work in other folders."""
    path = OmegaConf.select(tree, key, default=None)
    found = find(path) if isinstance(path, str) else None
    if found is not None:
        OmegaConf.set_readonly(tree[key.partition(".")[0]], False)
        OmegaConf.update(tree, key, str(found))


def _containers(node: DictConfig | ListConfig, key: str) -> Iterator[tuple[str, Any]]:
    """Every mapping and list, the innermost first, so that a fault is found where it is."""
    named = isinstance(node, DictConfig)
    for name in list(node) if named else range(len(node)):
        child = node[name]
        if isinstance(child, (DictConfig, ListConfig)):
            yield from _containers(child, join(key, str(name)) if named else f"{key}[{name}]")
    yield key, node
