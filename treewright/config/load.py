"""How the config of one experiment is read from YAML and a command line, and written back.

    config = load_config("configs/quickstart.yaml", ["strategy.n=4", "seed=1"])

`policy`, `scorer` and `strategy` are chosen by their `kind`; what else they may say is the fields
of the kind's own dataclass. Everything is checked here, before any engine starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import yaml  # type: ignore[import-untyped]  # PyYAML, which OmegaConf brings, ships no types

from search.selection import SELECTIONS
from treewright.config.checks import check, check_models, unjudged
from treewright.config.compose import KIND, child, compose, place
from treewright.config.config import Config
from treewright.config.kinds import SECTIONS, kind_of, settings_class
from treewright.config.location import portable
from treewright.config.redaction import redact
from treewright.config.resolving import FILES, resolve
from treewright.config.schema import check_keys, dotted_keys, fit, required, unfold
from treewright.config.yamldump import dump, to_plain
from treewright.config.yamlfile import Node
from treewright.errors import ConfigError, suggest

KEYS = tuple(f.name for f in fields(Config) if f.name != "written")
"""What a YAML file may say, besides `extends`."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read, compose, override, type and check a config.

    Args:
        path: a YAML file, or the name of a config that ships with Treewright.
        overrides: `key=value` each, `key` dotted; they win over the file.

    Raises:
        ConfigError: for the first fault, naming file, line, key, value and what to do.
    """
    tree = compose(str(path), overrides)
    entries = check_keys(tree, KEYS, "", _deeper(tree))
    entries.setdefault("name", Node(Path(path).stem, tree.where))
    plain = _fit(tree, entries)
    for section, key in (dotted.split(".") for dotted in FILES):
        if isinstance(plain[section], dict) and isinstance(plain[section].get(key), str):
            plain[section][key] = portable(plain[section][key])
    where = partial(place, tree)
    config = _report(resolve(Config, plain, where), plain)
    check(config, where)
    return replace(config, written=dump(plain))


def load_runnable(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """`load_config` for a run: its models must be where it says, while scoring needs none."""
    config = load_config(path, overrides)
    check_models(config, partial(place, compose(str(path), overrides)))
    return config


def to_yaml(config: Config, *, resolved: bool) -> str:
    """The config as YAML without secrets.

    As it was written, `${…}` and all (`load_config` reads it back), or `resolved`: every value and
    every default, for a person to read.
    """
    written = yaml.safe_load(config.written)
    if not resolved:
        return dump(redact(written))
    plain = {key: to_plain(getattr(config, key)) for key in KEYS}
    for section in SECTIONS:
        plain[section] = {KIND: kind_of(section, getattr(config, section)), **plain[section]}
    return dump(redact(plain, written))


def _deeper(tree: Node) -> Iterator[str]:
    """The dotted keys of all sections whose kind is known: `n` may mean `strategy.n`."""
    for key, hint in get_type_hints(Config).items():
        if isinstance(hint, type) and is_dataclass(hint):
            yield from dotted_keys(hint, key)
    for section, kinds in SECTIONS.items():
        node = child(tree, section)
        kind = child(node, KIND) if node is not None else None
        if kind is not None and isinstance(kind.value, str) and kind.value in kinds:
            yield from dotted_keys(settings_class(section, kind.value), section)


def _fit(tree: Node, entries: dict[str, Node]) -> dict[str, Any]:
    """Plain data for every key, in the order of `Config`; sections still hold their `kind`."""
    hints = get_type_hints(Config)
    plain: dict[str, Any] = {}
    for key in KEYS:
        if key in SECTIONS:
            plain[key] = _fit_section(tree, entries, key)
        elif key in entries:
            plain[key] = fit(entries[key], hints[key], key)
        elif key in required(Config):
            raise ConfigError(tree.where, key, None, "missing", f"add {key}:")
    return plain


def _fit_section(tree: Node, entries: dict[str, Node], section: str) -> dict[str, Any]:
    kinds = SECTIONS[section]
    node = unfold(entries.get(section, Node({}, tree.where)), "{", section)
    known = node.value if isinstance(node.value, dict) else ()
    said = check_keys(node, known, section)
    if KIND not in said:
        hint = f"choose from {', '.join(kinds)}"
        raise ConfigError(node.where, f"{section}.{KIND}", None, "missing", hint)
    kind = fit(said[KIND], str, f"{section}.{KIND}")
    if kind not in kinds:
        hint = suggest(str(kind), kinds)
        raise ConfigError(said[KIND].where, f"{section}.{KIND}", kind, f"no such {section}", hint)
    rest = Node({key: child for key, child in said.items() if key != KIND}, node.where)
    fitted = fit(rest, settings_class(section, str(kind)), section)
    assert isinstance(fitted, dict)
    return {KIND: kind, **fitted}


def _report(config: Config, said: Mapping[str, Any]) -> Config:
    """Fill in `aggregate` and `select` where nothing was said."""
    scored = unjudged(config) == ""
    if "aggregate" not in said:
        config = replace(config, aggregate=("min", "product", "last") if scored else ())
    if "select" not in said:
        names = (name for name, known in SELECTIONS.items() if scored or not known.needs_score)
        config = replace(config, select=tuple(names))
    return config
