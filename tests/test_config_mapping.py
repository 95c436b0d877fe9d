"""Configs from a mapping of Python, and what `${…}` comes to on the way to a typed value."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from search.aggregation import MissingRule
from search.budget import Budget
from search.strategies.mcts import Mcts
from treewright.config.load import config_from, to_yaml
from treewright.errors import ConfigError
from written_configs import BASE, QWEN, Load

SAID = yaml.safe_load(BASE)
CIRCLE: dict[str, object] = {}
CIRCLE["kind"] = CIRCLE
MANY: list[object] = reduce(lambda inner, _: [inner] * 10, range(7), cast(list[object], ["min"]))


@pytest.mark.parametrize("text", [BASE, QWEN], ids=["doubles", "engines"])
def test_a_mapping_says_what_its_yaml_says(load: Load, text: str) -> None:
    said, file = config_from(yaml.safe_load(text), "test", ["seed=3"]), load(text, "seed=3")
    assert said == file
    assert to_yaml(said, resolved=False) == to_yaml(file, resolved=False)


def test_a_mapping_may_hold_paths_tuples_and_texts_that_look_like_numbers(tmp_path: Path) -> None:
    data = tmp_path / "mine.jsonl"
    data.write_text('{"problem": "1+1", "answer": "2"}\n')
    config = config_from({**SAID, "name": "007", "dataset": {"path": data}, "aggregate": ("min",)})
    assert (config.name, config.dataset.path, config.aggregate) == ("007", str(data), ("min",))


def test_numbers_of_numpy_and_members_of_enums_are_what_they_say() -> None:
    said = {"seed": np.int64(3), "fail_on_error": np.float32(0.5), "missing": MissingRule.SKIP}
    config = config_from({**SAID, **said})
    assert (config.seed, config.fail_on_error, config.missing) == (3, 0.5, MissingRule.SKIP)
    assert (type(config.seed), type(config.fail_on_error)) == (int, float)


@pytest.mark.parametrize(
    ("said", "overrides", "told"),
    [
        ({"seed": "x"}, [], "Python: seed: x: must be a whole number"),
        ({"sead": 1}, [], "Python: sead: no such key; did you mean seed?"),
        ({"seed": 1}, ["seed=x"], "command line: seed: x: must be a whole number"),
        ({"seed": {1, 2}}, [], "Python: seed: is of type set; give texts, numbers, true or false"),
        ({"aggregate": ["min"] * 10_001}, [], "Python: aggregate: holds more than 10000 values"),
        ({"aggregate": MANY}, [], r"Python: aggregate.* holds more than"),
        ({"grading": CIRCLE}, [], "Python: grading: is nested deeper than 50 levels"),
        ({"seed": 10**5000}, [], "Python: seed: has more than 30 digits"),
        (
            {"strategy": {"kind": "best_of_n", "budget": Budget()}},
            [],
            "strategy.budget: is of type",
        ),
        ({"name": "a" * 300_000}, [], "Python: holds more than 256 KiB"),
    ],
)
def test_what_a_mapping_cannot_say_is_one_line(
    said: dict[str, object], overrides: list[str], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        config_from({**SAID, **said}, overrides=overrides)


# --- What ${…} comes to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["seed=${strategy.widen.c}", "strategy.widen={alpha: 1, c: 2}"], "seed", 2),
        (["fail_on_error=${strategy.widen.alpha}", "strategy.widen={}"], "fail_on_error", 0.5),
        (["seed=${cluster.policy_replicas}"], "seed", 1),
        (["fail_on_error=${strategy.exploration}"], "fail_on_error", 0.5),
        (["name=${seed}-${missing}"], "name", "0-worst"),
        (["aggregate=['${strategy.aggregate}']"], "aggregate", ("history.last",)),
        (["aggregate=${select}", "select=[first]"], "aggregate", "first: no such aggregation"),
        (["seed=${name}"], "seed", "seed: base: must be a whole number"),
        (["missing=${name}"], "missing", "missing: base: not a choice"),
        (["strategy.widen=${policy.faults}"], "strategy.widen", r"strategy.widen.\w+: no such key"),
        (["seed=${strategy.kind}"], "seed", "'strategy.kind' not found"),
        (["name=${.seed}"], "name", "0"),
        (["name=${strategy.exploration}", "strategy.exploration=2"], "name", "2"),
        (["seed=1", "strategy.exploration=${seed}", "fail_on_error=.nan"], "x", "must be finite"),
    ],
)
def test_what_is_referred_to_is_fitted_to_its_field(
    load: Load, overrides: list[str], key: str, value: object
) -> None:
    said = ["strategy.kind=mcts", *overrides]
    if isinstance(value, str) and " " in value:
        with pytest.raises(ConfigError, match=value):
            load(BASE, *said)
    else:
        found = getattr(load(BASE, *said), key)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "override", ["grading={kind: '${oc.env:UNSET,exact}'}", "aggregate=['${strategy.aggregate}']"]
)
def test_a_reference_within_yaml_of_the_command_line_is_written_so_that_it_is_read_again(
    load: Load, override: str
) -> None:
    config = load(BASE, override)
    assert load(to_yaml(config, resolved=False)) == config


def test_a_mapping_that_is_said_in_part_keeps_the_rest_of_its_default(load: Load) -> None:
    config = load(BASE, "strategy={kind: mcts, widen: {c: 2}}")
    assert isinstance(config.strategy, Mcts)
    assert config.strategy.widen is not None
    assert (config.strategy.widen.c, config.strategy.widen.alpha) == (2.0, 0.5)
    structured = QWEN.replace("kind: qwen", "kind: structured")
    sampling = load(structured, "policy.sampling.temperature=0.1").policy.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.1, 0.95, 1024)
