"""How the config of one experiment is read from YAML and a command line, and written back.

    config = load_config("configs/quickstart.yaml", ["strategy.n=4", "seed=1"])

`policy`, `scorer` and `strategy` are chosen by their `kind` (a strategy also by a `preset`); what
else they may say is the fields of the kind's own dataclass. Everything is checked here, before any
engine starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from search.custom import importing_is_limited, look_in
from search.selection import SELECTIONS
from treewright.config.checks import check, check_models, unjudged
from treewright.config.combination import outcome_only
from treewright.config.compose import KIND, PRESET, child, compose, kind_said, overridden, place
from treewright.config.config import Config
from treewright.config.kinds import SECTIONS, kind_of, settings_class
from treewright.config.location import exists, find_config, is_run
from treewright.config.redaction import keep_secrets, redact, without_secrets
from treewright.config.resolving import values_of
from treewright.config.schema import check_keys, dotted_keys, fit, hints_of, required
from treewright.config.sections import check_rules, filled, fit_section
from treewright.config.sources import folders
from treewright.config.sweep import SWEEP
from treewright.config.trust import guarded, trust_said
from treewright.config.unknown import Unknown
from treewright.config.yamldump import dump, to_plain
from treewright.config.yamlfile import LARGEST_FILE, Node, node_of
from treewright.errors import ConfigError
from treewright.files.reading import read_inside

PYTHON = "Python"
"""The place of what no file and no command line said."""
PYTHON_PATH = "python_path"
KEYS = tuple(f.name for f in fields(Config) if f.name not in ("written", "untrusted"))
"""What a YAML file may say, besides `extends`."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read, compose, override, type and check a config.

    Args:
        path: a YAML file, or the name of a config that ships with Treewright.
        overrides: `key=value` each, `key` dotted; they win over the file.

    Raises:
        ConfigError: for the first fault, naming file, line, key, value and what to do.
    """
    with composed(path, overrides) as tree:
        return config_of(tree, Path(path).stem)


def load_runnable(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """`load_config` for a run: its models must be where it says, while scoring needs none."""
    with composed(path, overrides) as tree:
        config = config_of(tree, Path(path).stem)
        check_models(config, partial(place, tree))
        return config


@contextmanager
def composed(path: str | Path, overrides: Sequence[str] = ()) -> Iterator[Node]:
    """The tree of a config. Inside the block it is a stranger's where it lies in a run's folder.

    So it is where it extends one that does; any other is one's own.
    """
    file = find_config(str(path))
    if exists(file) and is_run(file.parent):
        read_inside(file.parent, file.name)  # refuses a link and the like
    tree, of_a_run = compose(str(path), overrides)
    with guarded(trust_said()) if of_a_run else nullcontext():
        yield tree


def config_from(
    said: Mapping[str, Any], name: str = "python", overrides: Sequence[str] = ()
) -> Config:
    """The config that a mapping says, as a YAML file would: for import, sweeps and Python.

    Raises `ConfigError`, its place being `Python`; also for more than a run's file can keep.
    """
    tree = node_of(said, PYTHON)
    if len(str(said)) > LARGEST_FILE:
        problem = f"holds more than {LARGEST_FILE // 1024} KiB"
        raise ConfigError(PYTHON, "", None, problem, "a config is short")
    return config_of(overridden(tree, overrides), name)


def config_of(tree: Node, name: str, unknown: Unknown | None = None) -> Config:
    """The config that a composed tree says; `name` is its own where it says none.

    With `unknown` a custom part that may not be imported is a `StandIn`.

    Raises:
        ConfigError: for the first fault, as `load_config`.
    """
    if sweep := child(tree, SWEEP):
        hint = "use `treewright sweep CONFIG`"
        raise ConfigError(sweep.where, SWEEP, None, "makes many runs of the config, not one", hint)
    entries = dict(check_keys(tree, KEYS, "", _deeper(tree)))
    entries.setdefault("name", Node(name, tree.where))
    said = _fit(tree, entries, unknown)
    keep_secrets(said)
    where = partial(place, tree)
    config = _report(_made(said, where, unknown), said)
    config = replace(config, name=without_secrets(config.name))
    if without_secrets(config.output_dir) != config.output_dir:
        problem = "holds a secret, which the names of folders would show"
        raise ConfigError(where("output_dir"), "output_dir", None, problem, "name another folder")
    if preset := said["strategy"].get(PRESET):
        check_rules(preset, vars(config.strategy), where)
    check(config, where)
    found = () if importing_is_limited() else folders(config)
    written = {**said, "python_path": list(found)} if found else said
    barred = importing_is_limited()
    return replace(config, python_path=found, written=written, untrusted=barred)


def to_yaml(config: Config, *, resolved: bool) -> str:
    """The config as YAML without secrets.

    As it was written, `${…}` and all (`load_config` reads it back), or `resolved`: every value and
    every default, for a person to read.
    """
    return dump(plain(config, resolved=resolved))


def plain(config: Config, *, resolved: bool) -> dict[str, Any]:
    """The same as mappings, lists and scalars."""
    written = config.written
    if not resolved:
        return dict(redact(written))
    full = {key: to_plain(getattr(config, key)) for key in KEYS}
    for section in SECTIONS:
        head = {key: written[section][key] for key in (PRESET,) if key in written[section]}
        head[KIND] = kind_of(section, getattr(config, section))
        full[section] = {**head, **full[section]}
    return dict(redact(full, written))


def _deeper(tree: Node) -> Iterator[str]:
    """The dotted keys of all sections whose kind is known: `n` may mean `strategy.n`."""
    for key, hint in hints_of(Config).items():
        if isinstance(hint, type) and is_dataclass(hint):
            yield from dotted_keys(hint, key)
    for section, kinds in SECTIONS.items():
        node = child(tree, section)
        kind = kind_said(node) if node is not None else ""
        if kind in kinds:
            yield from dotted_keys(settings_class(section, kind), section)


def _made(said: dict[str, Any], where: Callable[[str], str], unknown: Unknown | None) -> Config:
    """The config, with a stand-in for each section whose part is not imported."""
    sections = {name: dict(filled(said)[name]) for name in SECTIONS}
    heads = {name: settings.pop(KIND) for name, settings in sections.items()}
    absent = unknown.kinds if unknown is not None else {}
    kinds = {
        name: Any if name in absent else settings_class(name, kind) for name, kind in heads.items()
    }
    values = values_of(Config, {**said, **sections}, kinds, where)
    if unknown is not None:
        values |= {name: unknown.stand_in(name, sections[name]) for name in absent}
    return Config(**values)


def _fit(tree: Node, entries: dict[str, Node], unknown: Unknown | None = None) -> dict[str, Any]:
    """Plain data for every key, in the order of `Config`; sections still hold their `kind`."""
    hints = hints_of(Config)
    plain: dict[str, Any] = {}
    for key in KEYS:
        if key in SECTIONS:
            plain[key] = fit_section(key, entries.get(key, Node({}, tree.where)), unknown)
        elif key in entries:
            plain[key] = fit(entries[key], hints[key], key)
        elif key in required(Config):
            raise ConfigError(tree.where, key, None, "missing", f"add {key}:")
        if key == PYTHON_PATH and plain.get(key) and not importing_is_limited():
            look_in(plain[key])  # before the sections, whose parts may come from there
    return plain


def _report(config: Config, said: Mapping[str, Any]) -> Config:
    """Fill in `aggregate` and `select` where nothing was said."""
    scored = unjudged(config) == ""
    if "aggregate" not in said:
        over_steps = () if outcome_only(config) else ("min", "product", "last")
        config = replace(config, aggregate=(over_steps or ("history.last",)) if scored else ())
    if "select" not in said:
        names = (name for name, known in SELECTIONS.items() if scored or not known.needs_score)
        config = replace(config, select=tuple(names))
    return config
