"""A key that is a single value, or a mapping: `scorer.chains`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from scorers.scripted import ScriptedScorerConfig
from search.contest import AdaptiveChains
from treewright.config.fingerprint import identity_of
from treewright.config.keys import keys
from treewright.config.load import config_from, to_yaml
from treewright.config.notes import SIZES, notes
from treewright.config.parts import custom_class
from treewright.errors import ConfigError
from written_configs import BASE, Load

ADAPTIVE = "scorer.chains={least: 1, most: 3}"


@dataclass(frozen=True)
class MyScorerConfig(ScriptedScorerConfig):
    """A scorer of one's own that has the keys of a listed one."""


async def build(config: MyScorerConfig) -> None:
    """Never called."""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (["scorer.chains=4"], 4),
        ([ADAPTIVE], AdaptiveChains(1, 3)),
        (["scorer.chains.most=3"], AdaptiveChains(1, 3)),
        ([ADAPTIVE, "scorer.chains.until=0.2"], AdaptiveChains(1, 3, 0.2)),
        ([ADAPTIVE, "scorer.chains=2"], 2),
    ],
)
def test_it_is_said_either_way(load: Load, said: list[str], meant: object) -> None:
    config = load(BASE, *said)
    assert isinstance(config.scorer, ScriptedScorerConfig)
    assert config.scorer.chains == meant
    again = config_from(to_mapping(to_yaml(config, resolved=True)))
    assert again.scorer == config.scorer


def to_mapping(text: str) -> dict[str, object]:
    import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

    said: dict[str, object] = yaml.safe_load(text)
    return said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("scorer.chains=x", "scorer.chains: x: must be a whole number or a mapping"),
        ("scorer.chains.mst=2", "scorer.chains.mst: no such key; did you mean most?"),
        ("scorer.chains.most=0", "scorer.chains.most: 0 must be 1 or more|most: 0 must be least"),
        ("scorer.chains.until=2", "scorer.chains.until: 2.* must be from 0 to 1"),
        ("scorer.chains=0", "scorer.chains: 0 must be 1 or more"),
    ],
)
def test_what_it_cannot_be_is_told_in_one_line(load: Load, said: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(BASE, said)


def test_only_where_it_is_said_it_is_part_of_the_fingerprint(load: Load) -> None:
    plain, adaptive = identity_of(load(BASE), ""), identity_of(load(BASE, ADAPTIVE), "")
    assert not any(key.startswith("scorer.chains") for key in plain)
    new = {f"scorer.chains.{name}" for name in ("least", "most", "until")}
    assert adaptive.keys() - plain.keys() == new
    assert {key: adaptive[key] for key in plain} == plain


def test_a_person_is_told_both_and_what_a_search_makes_of_it(load: Load) -> None:
    key = keys(ScriptedScorerConfig)["chains"]
    assert (key.values, key.part) == ("whole number or mapping", AdaptiveChains)
    told = [note for note in notes(load(BASE, ADAPTIVE)) if note.startswith("scorer.chains")]
    assert told == [
        "scorer.chains: from 1 to 3 for each judgement, one more while it is on the wrong side of "
        "the 1 best of a question with a probability of 0.05 or more; tokens are counted for 3",
        f"scorer.chains: {SIZES}",
    ]
    tree = "strategy={kind: beam, paths: 4, children: 2}"
    assert not any(note.endswith(SIZES) for note in notes(load(BASE, ADAPTIVE, tree)))
    assert not any(note.startswith("scorer.chains") for note in notes(load(BASE)))


def test_a_part_of_ones_own_may_have_such_a_key_too() -> None:
    assert custom_class("scorer", f"{__name__}:MyScorerConfig") is MyScorerConfig
