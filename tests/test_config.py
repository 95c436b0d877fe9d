"""Configs: how they are composed, typed, and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from search.aggregation import MissingRule
from search.strategies import STRATEGIES, strategy_class
from treewright.config.fingerprint import identity_of
from treewright.config.load import load_config, to_yaml
from treewright.errors import ConfigError
from written_configs import BASE, QWEN, Load

# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no", "007", "1e3", "true", "1_000", "null-ish", "2026-01-01"])
def test_a_name_stays_the_text_that_was_written(load: Load, name: str) -> None:
    assert load(BASE.replace("name: base", f"name: {name}")).name == name
    assert load(BASE, f"name={name}").name == name


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("strategy.n=8", "strategy.n", 8),
        ("--strategy.n=8", "strategy.n", 8),
        ("policy.accuracy=1e-3", "policy.accuracy", 0.001),
        ("policy.accuracy=1", "policy.accuracy", 1.0),
        ("policy.faults.die_on=a=b", "policy.faults.die_on", "a=b"),
        ("policy.faults.die_on=", "policy.faults.die_on", ""),
        ("policy.faults.die_on=null", "policy.faults.die_on", None),
        ("dataset.limit=null", "dataset.limit", None),
        ("aggregate=[min, history.last]", "aggregate", ("min", "history.last")),
        ("aggregate=min,last", "aggregate", ("min", "last")),
        ("aggregate=min", "aggregate", ("min",)),
        ("missing=skip", "missing", MissingRule.SKIP),
        ("fail_on_error=3", "fail_on_error", 3),
        ("fail_on_error=0.05", "fail_on_error", 0.05),
        ("dataset.fields={id: uid}", "dataset.fields", {"id": "uid"}),
        ("dataset.fields.id=007", "dataset.fields", {"id": "007"}),
        ("seed=${strategy.n}", "seed", 4),
    ],
)
def test_an_override_means_what_its_field_says(
    load: Load, override: str, key: str, value: object
) -> None:
    found: Any = load(BASE, override)
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_a_whole_section_can_be_that_of_another(load: Load) -> None:
    config = load(QWEN, "policy.engine.max_num_seqs=7", "scorer.engine=${policy.engine}")
    assert config.scorer.engine == config.policy.engine
    assert config.scorer.engine.max_num_seqs == 7


@pytest.mark.parametrize("override", ["aggregate[1]=mean", "aggregate.1=mean"])
def test_an_override_replaces_one_place_of_a_list(load: Load, override: str) -> None:
    text = BASE + "aggregate: [min, last]\n"
    assert load(text, override).aggregate == ("min", "mean")
    assert load(text, override.replace("1", "2")).aggregate == ("min", "last", "mean")


def test_a_prompt_may_hold_dollar_braces_when_escaped(load: Load) -> None:
    config = load(QWEN, r"policy.system_prompt=\${x} stays")
    assert config.policy.system_prompt == "${x} stays"
    assert load(to_yaml(config, resolved=False)).policy.system_prompt == "${x} stays"


def test_the_environment_is_read_where_the_config_says_so(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDS", "hello")
    assert load(QWEN, "policy.system_prompt=${oc.env:WORDS}").policy.system_prompt == "hello"


def test_runs_go_where_the_environment_says(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    assert load().output_dir == "runs"
    monkeypatch.setenv("TREEWRIGHT_RUNS", "elsewhere")
    assert load().output_dir == "elsewhere"
    assert load(BASE, "output_dir=here").output_dir == "here"


def test_the_name_of_the_file_is_the_name_of_the_run(load: Load) -> None:
    assert load(QWEN).name == "test"


def test_a_byte_order_mark_is_tolerated(load: Load) -> None:
    assert load("\ufeff" + BASE) == load(BASE)


def test_anchors_and_merge_keys_work(load: Load) -> None:
    text = BASE.replace("{kind: scripted}", "&double {kind: scripted}", 1)
    assert load(text.replace("scorer: {kind: scripted}", "scorer: {<<: *double}")) == load(BASE)


def test_what_is_reported_by_default_suits_the_scorer(load: Load) -> None:
    assert load().select == ("first", "best", "weighted", "majority")
    assert load().aggregate == ("min", "product", "last")
    unjudged = load(BASE, "scorer.kind=none")
    assert (unjudged.aggregate, unjudged.select) == ((), ("first", "majority"))
    assert load(BASE, "strategy.kind=greedy").aggregate == ()


def test_a_section_whose_kind_changes_starts_anew(load: Load) -> None:
    config = load(QWEN, "policy.kind=scripted", "policy.steps=7")
    assert config.policy.steps == 7


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_can_be_configured(load: Load, kind: str) -> None:
    assert type(load(BASE, f"strategy.kind={kind}").strategy) is strategy_class(kind)


# --- Composition ----------------------------------------------------------------------------------


def test_extends_is_relative_to_its_file_and_later_wins(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "base.yaml").write_text(BASE)
    (tmp_path / "parts" / "more.yaml").write_text("seed: 1\nstrategy: {n: 8}\n")
    (tmp_path / "top.yaml").write_text(
        "extends: [parts/base.yaml, parts/more.yaml]\nseed: 2\naggregate: [last]\n"
    )
    config: Any = load_config(tmp_path / "top.yaml", ["dataset.limit=2"])
    assert (config.seed, config.strategy.n, config.dataset.limit) == (2, 8, 2)
    assert config.name == "base"
    assert "extends" not in config.written


def test_a_shipped_config_can_be_extended_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: quickstart\nname: mine\nseed: 5\n")
    mine, shipped = load_config(tmp_path / "mine.yaml"), load_config("quickstart")
    assert (mine.seed, mine.policy) == (5, shipped.policy)


@pytest.mark.parametrize("said", ["quickstart", "own.yaml"])
def test_a_folder_of_runs_does_not_hide_a_shipped_config(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quickstart").mkdir()
    (tmp_path / "own.yaml").write_text("extends: quickstart\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(said).name == "quickstart"


def test_extends_of_a_folder_elsewhere_says_that_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "own.yaml").write_text("extends: parts\n")
    with pytest.raises(ConfigError, match=r"/parts is a directory"):
        load_config(tmp_path / "own.yaml")


def test_a_cycle_of_extends_names_the_chain(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {base}.yaml\n")
    with pytest.raises(ConfigError, match=r"a\.yaml → b\.yaml → c\.yaml → a\.yaml"):
        load_config(tmp_path / "a.yaml")


def test_extends_that_fan_out_are_stopped(tmp_path: Path) -> None:
    for level in range(12):
        base = f"{level + 1}.yaml"
        (tmp_path / f"{level}.yaml").write_text(f"extends: [{base}, {base}]\n")
    (tmp_path / "12.yaml").write_text(BASE)
    with pytest.raises(ConfigError, match="more than 50 files"):
        load_config(tmp_path / "0.yaml")


def test_an_error_in_a_base_names_the_base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE.replace("n: 4", "n: 0"))
    (tmp_path / "top.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(ConfigError, match=r"base\.yaml:5: strategy\.n: 0 must be 1 or more"):
        load_config(tmp_path / "top.yaml")


# --- Files it names -------------------------------------------------------------------------------


def test_a_model_folder_is_found_here_first_then_beside_the_packages(
    load: Load, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    beside = load(QWEN, "policy.model=benchmarks/arithmetic")
    assert beside.policy.model == str(root / "benchmarks" / "arithmetic")
    here = tmp_path / "benchmarks" / "arithmetic"
    here.mkdir(parents=True)
    assert load(QWEN, "policy.model=benchmarks/arithmetic").policy.model == str(here)


def test_so_are_the_models_of_scorers_within_a_scorer_and_an_adapter(
    load: Load, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped, place = "benchmarks/arithmetic/verifier", root / "benchmarks/arithmetic/verifier"
    thinking = f"{{kind: thinkprm, model: {shipped}}}"
    cascade = load(
        QWEN,
        f"scorer={{kind: cascade, first: {{kind: confidence}}, then: {thinking}}}",
        f"policy.engine.lora={shipped}",
        "policy.confidence=20",
    )
    assert cascade.scorer.then.model == str(place)
    assert cascade.policy.engine.lora == str(place)
    assert cascade.written["scorer"]["then"]["model"] == shipped
    ensemble = load(
        QWEN,
        f"scorer={{kind: ensemble, members: [{{kind: confidence}}, {thinking}]}}",
        "policy.confidence=20",
    )
    assert ensemble.scorer.members[1].model == str(place)
    assert ensemble.written["scorer"]["members"][1]["model"] == shipped


def test_a_run_folder_keeps_paths_that_can_be_found_from_anywhere(
    load: Load, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"problem": "1+1", "answer": "2"}\n')
    text = BASE.replace("name: arithmetic, limit: 4", "path: mine.jsonl")
    assert load(text).written["dataset"]["path"] == str(tmp_path / "mine.jsonl")
    shipped = load(QWEN, "policy.model=benchmarks/arithmetic")
    assert shipped.written["policy"]["model"] == "benchmarks/arithmetic"


# --- Written back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [BASE, QWEN], ids=["doubles", "engines"])
def test_what_is_written_reads_back_the_same(load: Load, text: str) -> None:
    first = load(text, "name=007", "seed=3", "missing=fail", "aggregate=min,history.last")
    again = load(to_yaml(first, resolved=False))
    assert again == first
    assert again.written == first.written
    assert load(to_yaml(first, resolved=True)) == first


def test_secrets_of_the_environment_are_not_written(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    config = load(QWEN, "policy.system_prompt=${oc.env:HF_TOKEN}")
    assert config.policy.system_prompt == "hunter2"
    assert "${oc.env:HF_TOKEN}" in to_yaml(config, resolved=False)
    assert "hunter2" not in to_yaml(config, resolved=True)
    assert "hunter2" not in str(identity_of(config, ""))


@pytest.mark.parametrize("secret", ["hf_abcdefghijklmnopqrst", "sk-abcdefghijklmnopqrstuvwx"])
def test_what_looks_like_a_secret_is_not_written(load: Load, secret: str) -> None:
    config = load(QWEN, f"policy.system_prompt=say {secret} twice")
    for resolved in (False, True):
        assert secret not in to_yaml(config, resolved=resolved)
        assert "say <redacted> twice" in to_yaml(config, resolved=resolved)


def test_counts_of_tokens_are_no_secrets(load: Load) -> None:
    resolved = yaml.safe_load(to_yaml(load(QWEN), resolved=True))
    assert resolved["policy"]["sampling"]["max_tokens"] == 2048
