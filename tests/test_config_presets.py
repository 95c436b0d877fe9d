"""Presets in a config: what they fill in, and what cannot be said beside them."""

from __future__ import annotations

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from search.strategies import strategy_class
from search.strategies.beam import Beam
from search.strategies.presets import PRESETS
from treewright.config.fingerprint import fingerprint
from treewright.config.load import to_yaml
from treewright.config.yamldump import to_plain
from written_configs import BASE, Load, refused

PRESET = BASE.replace("{kind: best_of_n, n: 4}", "\n  preset: rebase_code\n  width: 8")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_strategy_with_its_rules_and_sizes(load: Load, name: str) -> None:
    preset = PRESETS[name]
    config = load(BASE.replace("kind: best_of_n, n: 4", f"preset: {name}"))
    assert type(config.strategy) is strategy_class(preset.kind)
    for field, value in {**preset.sizes, **preset.rules}.items():
        assert to_plain(getattr(config.strategy, field)) == to_plain(value), field


def test_a_preset_fills_what_is_not_said(load: Load) -> None:
    strategy = load(PRESET, "strategy.temperature=0.5").strategy
    assert (strategy.width, strategy.temperature, strategy.allocation) == (8, 0.5, "code")


def test_a_preset_is_the_strategy_with_its_fields_spelled_out(load: Load) -> None:
    rules = {**PRESETS["rebase_code"].sizes, **PRESETS["rebase_code"].rules, "width": 8}
    spelled = ", ".join(f"{key}: {value}" for key, value in {"kind": "rebase", **rules}.items())
    other = load(BASE.replace("kind: best_of_n, n: 4", spelled))
    assert other.strategy == load(PRESET).strategy
    assert fingerprint(other, "x") == fingerprint(load(PRESET), "x")


def test_a_preset_stays_in_the_config_of_a_run_and_reads_back(load: Load) -> None:
    config = load(PRESET, "strategy.temperature=0.5")
    written, resolved = (yaml.safe_load(to_yaml(config, resolved=full)) for full in (False, True))
    said = {"preset": "rebase_code", "kind": "rebase", "width": 8, "temperature": 0.5}
    assert written["strategy"] == said
    assert list(resolved["strategy"])[:2] == ["preset", "kind"]
    assert resolved["strategy"]["allocation"] == "code"
    for text in (written, resolved):
        again = load(yaml.safe_dump(text))
        assert again == config
        assert again.written["strategy"]["preset"] == "rebase_code"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["preset: rebase_cod"], ["strategy.preset: rebase_cod: no such preset", "rebase_code?"]),
        (["preset: 7"], ["no such preset"]),
        (["preset: [rebase_code]"], ["strategy.preset: is a list"]),
        (["preset: rebase_code", "kind: beam"], ["strategy.kind: beam", "of kind rebase"]),
        (["preset: rebase_code", "kind: beem"], ["strategy.kind: beem", "of kind rebase"]),
        (
            ["preset: rebase_code", "allocation: paper"],
            ["strategy.allocation: paper: contradicts preset rebase_code, where it is code"],
        ),
        (
            ["preset: rebase_code", "allocation: paper"],
            ["leave allocation out; or leave the preset out, and say kind: rebase"],
        ),
        (["preset: rebase_code", "allocation: ${missing_rule}"], ["missing_rule"]),
        (["preset: rebase_code", "allocation: ${name}"], ["strategy.allocation: paper: contrad"]),
        (["preset: rebase_code", "allocation: rest"], ["not a choice"]),
        (["preset: rebase_code", "paths: 4"], ["strategy.paths: no such key"]),
        (["preset: rebase_code", "width: 0"], ["strategy.width: 0"]),
    ],
)
def test_a_preset_that_cannot_be_is_one_line_at_its_place(
    load: Load, lines: list[str], words: list[str]
) -> None:
    text = BASE.replace("strategy: {kind: best_of_n, n: 4}", "\n  ".join(["strategy:", *lines]))
    error = refused(load, text.replace("name: base", "name: paper"))
    assert [word for word in words if word not in str(error)] == []
    assert error.where.endswith(f".yaml:{5 + len(lines)}")


def test_a_rule_that_is_said_too_and_agrees_is_allowed(load: Load) -> None:
    assert load(PRESET, "strategy.allocation=code") == load(PRESET)
    assert load(PRESET, "strategy.kind=rebase").strategy == load(PRESET).strategy


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["strategy.preset=rebase_paper"], {"preset": "rebase_paper", "kind": "rebase"}),
        (["strategy.preset=rebase_code"], {"preset": "rebase_code", "kind": "rebase", "width": 8}),
        (
            ["strategy.paths=4", "strategy.preset=snell"],
            {"preset": "snell", "kind": "beam", "paths": 4},
        ),
        (["strategy.kind=rebase"], {"preset": "rebase_code", "kind": "rebase", "width": 8}),
        (["strategy.kind=greedy"], {"kind": "greedy"}),
        (["strategy.kind=rebase", "strategy.preset=null"], {"kind": "rebase"}),
    ],
)
def test_a_section_whose_preset_changes_starts_anew(
    load: Load, overrides: list[str], said: dict[str, object]
) -> None:
    aside = ["aggregate=[]", "select=[first]"] if "greedy" in overrides[0] else []
    written = load(PRESET, *overrides, *aside).written["strategy"]
    assert written == said


def test_a_preset_over_a_kind_starts_anew(load: Load) -> None:
    assert load(BASE, "strategy.preset=rebase_code", "strategy.width=3").strategy.width == 3


@pytest.mark.parametrize(
    "overrides",
    [
        ["strategy.preset=snell", "strategy.kind=dvts"],
        ["strategy.kind=dvts", "strategy.preset=snell"],
        ["strategy={preset: snell}", "strategy.kind=dvts"],
    ],
)
def test_a_preset_and_another_kind_on_one_command_line_are_refused(
    load: Load, overrides: list[str]
) -> None:
    """Neither is the later one; before, one of them was dropped without a word."""
    error = refused(load, BASE, *overrides)
    assert "strategy.kind: dvts: contradicts preset snell, which is of kind beam" in str(error)


@pytest.mark.parametrize("last", [False, True])
def test_a_section_in_yaml_and_a_key_of_it_on_one_command_line_are_both_heard(
    load: Load, last: bool
) -> None:
    overrides = ["strategy={preset: snell, paths: 8}", "strategy.depth=3"]
    strategy = load(BASE, *(reversed(overrides) if last else overrides)).strategy
    assert isinstance(strategy, Beam)
    assert (strategy.paths, strategy.depth) == (8, 3)
    error = refused(load, BASE, *overrides, "strategy.finish=bank")
    assert "strategy.finish: bank: contradicts preset snell" in str(error)


@pytest.mark.parametrize("order", [1, -1])
def test_a_section_in_a_section_is_not_lost_when_the_kind_is_said_beside_it(
    load: Load, order: int
) -> None:
    said = ["strategy.kind=mcts", "strategy.widen={c: 2}"][::order]
    assert load(BASE, *said).strategy.widen.c == 2.0
