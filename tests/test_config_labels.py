"""Configs of one name are told apart by what they say, and by no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from treewright.config.config import Config
from treewright.config.labels import apart, names, with_values
from treewright.config.load import load_config

DOUBLES = """
dataset: {name: arithmetic, limit: 3}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a config in it."""
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(DOUBLES)


def made(*overrides: str) -> Config:
    """The config, changed as said."""
    return load_config("one.yaml", overrides)


def test_what_is_said_tells_them_apart_and_not_every_default_of_a_kind() -> None:
    beam = made("strategy={kind: beam, paths: 8}", "aggregate=[min]")
    assert apart([made(), beam]) == [
        'kind=best_of_n n=4 aggregate=["min", "product", "last"]',
        'kind=beam paths=8 aggregate=["min"]',
    ]


def test_a_key_is_told_in_full_where_its_last_word_would_not_do() -> None:
    other = made("policy.kind=simulated", "strategy.kind=beam")
    assert apart([made(), other])[1] == "policy.kind=simulated strategy.kind=beam"


def test_a_default_is_told_where_another_says_otherwise() -> None:
    assert apart([made(), made("seed=1")]) == ["seed=0", "seed=1"]


def test_equal_configs_and_what_changes_no_result_tell_nothing() -> None:
    assert names([made(), made("cluster.policy_replicas=2"), made("name=two")]) == [
        "one",
        "one",
        "two",
    ]


def test_long_values_are_cut_and_secrets_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "a-secret-of-mine")
    secret = "dataset.fields.answer=${oc.env:MY_API_KEY}"
    said = made(secret, "dataset.fields.problem=" + "x" * 99)
    told = " ".join(apart([made(), said]))
    assert "a-secret-of-mine" not in told
    assert "x" * 32 not in told
    assert with_values(said, ["seed", "versions.treewright"]) == ["seed=0", "versions.treewright"]
