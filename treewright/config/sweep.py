"""The key `sweep`: values for keys of the config become combinations, one for each cell.

    sweep:
      grid: {strategy.kind: [best_of_n, beam], seed: [0, 1]}    # each value with each of the others
      zip: {policy.model: [a, b], policy.revision: [x, y]}      # the first of each, the second, …
      exclude: [{strategy.kind: beam, seed: 1}]                 # left out of all combinations
      against: 1                                                # the cell that all are held against

`zip` may be a list of such mappings. A value may be a mapping that says several keys at once:
`strategy: [{kind: beam, paths: 8}]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, product
from math import prod

from treewright.config.compose import COMMAND_LINE
from treewright.config.schema import check_keys, join, unfold
from treewright.config.swept import Combination, Point, leaves_of, text
from treewright.config.yamlfile import Node
from treewright.errors import ConfigError, suggest

SWEEP = "sweep"
GRID, ZIP, EXCLUDE, AGAINST = "grid", "zip", "exclude", "against"
MOST_CELLS = 10_000
FIXED = ("name", "output_dir", "python_path", "extends", SWEEP)
"""What all runs of a sweep have in common: where they are, and what they are read from."""
EXAMPLE = "write grid: {seed: [0, 1]}, say"


def combinations(sweep: Node) -> list[Combination]:
    """All combinations that are not excluded: grid keys first, the last one changes fastest.

    Raises:
        ConfigError: nothing is swept, or too much, or two keys contradict one another.
    """
    said = check_keys(unfold(sweep, "{", SWEEP), (GRID, ZIP, EXCLUDE, AGAINST), SWEEP)
    axes = [*_grid(said.get(GRID)), *_zips(said.get(ZIP))]
    if not axes:
        raise ConfigError(sweep.where, SWEEP, None, "sweeps nothing", EXAMPLE)
    _check_axes(axes)
    if (size := prod(map(len, axes))) > MOST_CELLS:
        problem, hint = f"makes {size:,} cells", f"at most {MOST_CELLS:,}: sweep it in parts"
        raise ConfigError(sweep.where, SWEEP, None, problem, hint)
    found = [Combination(dict(chain.from_iterable(p.items() for p in ps))) for ps in product(*axes)]
    for combination in found:
        _check_leaves(combination)
    return _without(found, said.get(EXCLUDE))


def reference(sweep: Node, cells: int) -> int | None:
    """The number, from 1, of the cell that the others are held against; None where none is said.

    Raises `ConfigError` for what is the number of none of so many `cells`.
    """
    node = unfold(sweep, "{", SWEEP)
    said = node.value.get(AGAINST) if isinstance(node.value, dict) else None
    number = "null" if said is None else text(said)
    if said is None or number == "null":
        return None
    if not (number.isascii() and number.isdigit() and 0 < int(number) <= cells):
        hint = f"say a number from 1 to {cells}; `--dry-run` lists them"
        problem = "is the number of no cell"
        raise ConfigError(said.where, join(SWEEP, AGAINST), number, problem, hint)
    return int(number)


def _grid(node: Node | None) -> Iterator[list[Point]]:
    if node is not None:
        for key, values in _lists(node, join(SWEEP, GRID)).items():
            yield [{key: value} for value in values]


def _zips(node: Node | None) -> Iterator[list[Point]]:
    groups = node.value if node is not None and isinstance(node.value, list) else [node]
    for group in groups:
        if group is not None:
            yield _zip(group)


def _zip(group: Node) -> list[Point]:
    key = join(SWEEP, ZIP)
    lists = _lists(group, key)
    first, *others = lists
    for name in others:
        if len(lists[name]) != len(lists[first]):
            problem = (
                f"lists of unequal length: {len(lists[name])} values, "
                f"and {first} has {len(lists[first])}"
            )
            where = lists[name][0].where
            raise ConfigError(where, join(key, name), None, problem, "give each the same number")
    rows = zip(*lists.values(), strict=True)
    return [dict(zip(lists, row, strict=True)) for row in rows]


def _lists(node: Node, key: str) -> dict[str, list[Node]]:
    """The lists of values of a mapping, by the config key that they are for."""
    node = unfold(node, "{", key)
    found: dict[str, list[Node]] = {}
    for name, values in leaves_of(node, ""):
        at = join(key, name)
        if not name:
            raise ConfigError(node.where, key, None, "must be a mapping", EXAMPLE)
        if name.partition(".")[0] in FIXED:
            hint = "all runs of a sweep have it in common"
            raise ConfigError(values.where, at, None, "cannot be swept", hint)
        if name in found and values.where != COMMAND_LINE:
            raise _twice(values, name)
        found[name] = _values(values, at)
    if not found:
        raise ConfigError(node.where, key, None, "is empty", EXAMPLE)
    return found


def _values(node: Node, key: str) -> list[Node]:
    values = unfold(node, "[", key).value
    if not isinstance(values, list):
        raise ConfigError(node.where, key, text(node), "must be a list of values", "write [a, b]")
    if not values:
        raise ConfigError(node.where, key, "[]", "lists no value", "give one, or leave the key out")
    return values


def _check_axes(axes: Sequence[Sequence[Point]]) -> None:
    """No key may be swept twice, and no value listed twice."""
    keys: set[str] = set()
    for points in axes:
        for key, node in points[0].items():
            if key in keys:
                raise _twice(node, key)
            keys.add(key)
        seen: set[tuple[str, ...]] = set()
        for point in points:
            said = tuple(map(text, point.values()))
            if said in seen:
                key, node = next(iter(point.items()))
                raise ConfigError(node.where, key, text(node), "is listed twice", "remove one")
            seen.add(said)


def _check_leaves(combination: Combination) -> None:
    """Of two swept keys one may hold the other, but not say the same leaf."""
    seen: set[str] = set()
    for key, node in combination.values.items():
        for leaf, value in leaves_of(node, key):
            if leaf in seen:
                raise _twice(value, leaf)
            seen.add(leaf)


def _twice(node: Node, key: str) -> ConfigError:
    return ConfigError(node.where, key, None, "is swept twice", "say it in one place")


def _without(found: list[Combination], node: Node | None) -> list[Combination]:
    """The combinations that no rule of `exclude` matches."""
    if node is None:
        return found
    rules = node.value if isinstance(node.value, list) else [node]
    excluded: set[int] = set()
    for index, rule in enumerate(rules):
        excluded |= _matched(rule, found, f"{join(SWEEP, EXCLUDE)}[{index}]")
    kept = [combination for at, combination in enumerate(found) if at not in excluded]
    if not kept:
        raise ConfigError(node.where, join(SWEEP, EXCLUDE), None, "leaves no cell", "exclude less")
    return kept


def _matched(rule: Node, found: Sequence[Combination], key: str) -> set[int]:
    """The numbers of the combinations that have, for every key of the rule, one of its values."""
    if not isinstance(rule.value, dict) or not rule.value:
        hint = "write exclude: [{seed: 1, strategy.kind: beam}]"
        raise ConfigError(rule.where, key, text(rule), "must be a mapping", hint)
    wanted = {name: _either(node) for name, node in leaves_of(rule, "")}
    swept = dict.fromkeys(chain.from_iterable(combination.leaves for combination in found))
    for name, node in leaves_of(rule, ""):
        if name not in swept:
            raise ConfigError(node.where, key, name, "is not swept", suggest(name, swept))
    matched = {
        at
        for at, combination in enumerate(found)
        if all(
            name in combination.leaves and text(combination.leaves[name]) in values
            for name, values in wanted.items()
        )
    }
    if not matched:
        hint = "values are compared as they are written; correct or remove it"
        raise ConfigError(rule.where, key, text(rule), "matches no cell", hint)
    return matched


def _either(node: Node) -> set[str]:
    """The texts that a rule accepts: the value, or any one of a list."""
    items = node.value if isinstance(node.value, list) else []
    return {text(node), *map(text, items)}
