"""The cells of a sweep: each a config, made of the file and one combination of swept values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from search.aggregation import MissingRule
from treewright.config.checks import check_models, check_reported
from treewright.config.compose import COMMAND_LINE, FIRST, Override, compose, merge, place
from treewright.config.config import Config
from treewright.config.load import config_of
from treewright.config.schema import INTERPOLATION, fit
from treewright.config.sweep import EXAMPLE, SWEEP, combinations, reference
from treewright.config.swept import Combination, shown, text
from treewright.config.yamlfile import Node, node_of
from treewright.errors import ConfigError

HINTS = get_type_hints(Config)
REPORTING = ("aggregate", "missing", "select")
"""Keys that a run can be reported by anew."""


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep.

    `number`: from 1, in the order of the sweep. `values`: by swept key, as they were written.
    `overrides`: what `treewright run CONFIG` would have to be told beside. `tree`: the whole config
    as it was composed. `reference`: the others are held against it, problem by problem.
    """

    number: int
    values: Mapping[str, str]
    overrides: tuple[str, ...]
    tree: Node
    config: Config
    reference: bool = False


def load_cells(
    path: str, overrides: Sequence[str] = (), models: Sequence[str] = ("policy", "scorer")
) -> list[Cell]:
    """The cells of a sweep. Each is typed and checked; the `models` of these sections must be here.

    Raises:
        ConfigError: the config has no sweep or one that cannot be, or a cell cannot be run.
    """
    tree = compose(path, overrides).tree
    assert isinstance(tree.value, dict)
    if SWEEP not in tree.value:
        hint = f"add one ({EXAMPLE}), or use `treewright run`"
        raise ConfigError(tree.where, SWEEP, None, "missing: nothing is swept", hint)
    base = Node({key: node for key, node in tree.value.items() if key != SWEEP}, tree.where)
    found = combinations(tree.value[SWEEP])
    _check_overrides(overrides, found[0])
    make = _CellConfigs(Path(path).stem, models)
    against = reference(tree.value[SWEEP], len(found))
    cells = [_cell(number, one, base, make) for number, one in enumerate(found, 1)]
    return [replace(cell, reference=cell.number == against) for cell in cells]


def reporting_all(cells: Sequence[Cell]) -> Config:
    """The config of the run that serves these cells: it reports what any of them reports."""
    configs = [cell.config for cell in cells]
    first = cells[0]
    union = {
        key: list(dict.fromkeys(name for config in configs for name in getattr(config, key)))
        for key in ("aggregate", "select")
    }
    return config_of(merge(first.tree, node_of(union, first.tree.where)), first.config.name)


def _cell(number: int, combination: Combination, base: Node, make: _CellConfigs) -> Cell:
    tree = base
    for key, node in sorted(combination.leaves.items(), key=_rank):
        tree = merge(tree, _nested(key, node))
    try:
        config = make(tree, combination)
    except ConfigError as error:
        told = f"in the cell {' '.join(combination.overrides)}"
        hint = f"{error.hint}; {told}" if error.hint else told
        raise ConfigError(error.where, error.key, error.value, error.problem, hint) from error
    values = {key: shown(node) for key, node in combination.values.items()}
    return Cell(number, values, combination.overrides, tree, config)


class _CellConfigs:
    """Makes configs; of those that differ in what they report only, one in full: that takes ms."""

    def __init__(self, name: str, models: Sequence[str]) -> None:
        self._name, self._models = name, models
        self._made: dict[tuple[str, ...], Config] = {}

    def __call__(self, tree: Node, combination: Combination) -> Config:
        """The config of a tree, checked. Raises `ConfigError`."""
        said = {key: node for key, node in combination.leaves.items() if key in REPORTING}
        rest = tuple(f"{k}={text(n)}" for k, n in combination.leaves.items() if k not in said)
        where, made = partial(place, tree), self._made.get(rest)
        if made is None or any(":" in text(n) or INTERPOLATION in text(n) for n in said.values()):
            config = config_of(tree, self._name)
            check_models(config, where, self._models)
            return self._made.setdefault(rest, config)
        assert isinstance(tree.value, dict)
        fitted = {key: fit(tree.value[key], HINTS[key], key) for key in said}
        values: dict[str, Any] = {
            key: tuple(each) if isinstance(each, list) else MissingRule(str(each))
            for key, each in fitted.items()
        }
        config = replace(made, written={**made.written, **fitted}, **values)
        check_reported(config, where)
        return config


def _rank(leaf: tuple[str, Node]) -> tuple[int, int]:
    """A `preset` and a `kind` come first, the outer ones before those in them.

    They start a section anew, as on a command line.
    """
    *outer, last = leaf[0].split(".")
    return FIRST.index(last) if last in FIRST else len(FIRST), len(outer)


def _nested(key: str, node: Node) -> Node:
    """The value below its dotted key. One value for a list of the config is a list of one."""
    if get_origin(HINTS.get(key)) is tuple and isinstance(node.value, str) and node.value:
        node = Node([node], node.where)
    for part in reversed(key.split(".")):
        node = Node({part: node}, node.where)
    return node


def _check_overrides(overrides: Sequence[str], combination: Combination) -> None:
    """A command line may change what is swept, but not say one value for it."""
    for given in overrides:
        key = ".".join(Override.parse(given).keys)
        if key in combination.leaves:
            hint = f"change its values: {SWEEP}.grid.{key}=[a,b]"
            raise ConfigError(COMMAND_LINE, key, None, "is swept", hint)
