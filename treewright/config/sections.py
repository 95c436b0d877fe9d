"""Sections that are chosen by `kind`, and a strategy by its `preset`: what is said, what is filled.

A preset implies its kind and sets its rules, which may be repeated but not contradicted; its sizes
are defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search.custom import PartError
from search.strategies.presets import PRESETS
from treewright.config.compose import KIND, PRESET
from treewright.config.kinds import SECTIONS, is_kind, settings_class
from treewright.config.schema import INTERPOLATION, check_keys, fit, unfold
from treewright.config.unknown import Unknown, as_written
from treewright.config.yamldump import to_plain
from treewright.config.yamlfile import Node
from treewright.errors import ConfigError, suggest

PRESET_KEY = f"strategy.{PRESET}"


def fit_section(section: str, node: Node, unknown: Unknown | None = None) -> dict[str, Any]:
    """What a config says of a section, typed: `preset` if there is one, `kind`, then its fields.

    With `unknown`, those of a part that may not be imported stay as they are written.

    Raises `ConfigError`.
    """
    node = unfold(node, "{", section)
    said = check_keys(node, node.value if isinstance(node.value, dict) else (), section)
    preset = _preset(said) if section == "strategy" else {}
    kind = _kind(section, node, said, preset)
    if unknown is not None and unknown.is_so(section, kind, said):
        unknown.note(section, kind, said[KIND].where if KIND in said else node.where)
        return {KIND: kind, **as_written(said)}
    try:
        settings = settings_class(section, kind)
    except PartError as error:
        key = f"{section}.{KIND}"
        raise ConfigError(said[KIND].where, key, None, error.problem, error.hint) from error
    aside = (KIND, PRESET) if section == "strategy" else (KIND,)
    rest = Node({key: child for key, child in said.items() if key not in aside}, node.where)
    fitted = fit(rest, settings, section)
    assert isinstance(fitted, dict)
    if preset:
        literal = {key: value for key, value in fitted.items() if not _is_interpolated(value)}
        check_rules(preset[PRESET], literal, lambda key: said[key.rpartition(".")[2]].where)
    return {**preset, KIND: kind, **fitted}


def filled(plain: Mapping[str, Any]) -> dict[str, Any]:
    """All sections, with what the strategy's preset sets."""
    strategy = dict(plain["strategy"])
    preset = PRESETS.get(strategy.pop(PRESET, ""))
    if preset is not None:
        strategy = {**to_plain(dict(preset.sizes)), **to_plain(dict(preset.rules)), **strategy}
    return {**plain, "strategy": strategy}


def check_rules(name: str, values: Mapping[str, Any], where: Callable[[str], str]) -> None:
    """No value may contradict a rule of the preset. Raises `ConfigError`."""
    preset = PRESETS[name]
    for field, rule in preset.rules.items():
        value, wanted = to_plain(values.get(field, rule)), to_plain(rule)
        if value != wanted:
            key = f"strategy.{field}"
            hint = (
                f"leave {field} out; or leave the preset out, and say kind: {preset.kind} "
                "and its rules (`treewright ls presets`)"
            )
            problem = f"contradicts preset {name}, where it is {wanted}"
            raise ConfigError(where(key), key, value, problem, hint)


def _preset(said: Mapping[str, Node]) -> dict[str, str]:
    """The preset under its key; nothing where none is said."""
    node = said.get(PRESET)
    name = fit(node, str | None, PRESET_KEY) if node is not None else None
    if name is None:
        return {}
    if name not in PRESETS:
        assert node is not None
        raise ConfigError(
            node.where, PRESET_KEY, name, "no such preset", suggest(str(name), PRESETS)
        )
    return {PRESET: str(name)}


def _kind(section: str, node: Node, said: Mapping[str, Node], preset: Mapping[str, str]) -> str:
    """The kind that is said, or that the preset implies; both, if they agree."""
    key = f"{section}.{KIND}"
    implied = PRESETS[preset[PRESET]].kind if preset else ""
    if KIND not in said:
        if implied:
            return implied
        hint = f"choose from {', '.join(SECTIONS[section])}"
        raise ConfigError(node.where, key, None, "missing", hint)
    kind = str(fit(said[KIND], str, key))
    where = said[KIND].where
    if implied and kind != implied:
        problem = f"contradicts preset {preset[PRESET]}, which is of kind {implied}"
        raise ConfigError(where, key, kind, problem, "leave one of the two out")
    if not is_kind(section, kind):
        hint = suggest(kind, SECTIONS[section])
        raise ConfigError(where, key, kind, f"no such {section}", hint)
    return kind


def _is_interpolated(value: object) -> bool:
    return isinstance(value, str) and INTERPOLATION in value
