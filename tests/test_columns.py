"""A column of the table is one entry: it is then in every place that shows arms."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from compared_runs import Said, saying
from reported_runs import words
from search.wording import percent
from treewright.arms import columns
from treewright.arms.columns import COLUMNS, Column, Place
from treewright.lab.run import Run
from treewright.studies import aggregations, strategies

NEW: Column[Any] = Column(
    "abstained_share",
    "abstained %",
    lambda arm: arm.abstained / arm.problems if arm.problems else None,
    percent,
    "Share of the problems without any answer.",
)
SWEEP = "sweep: {grid: {strategy.n: [2, 3]}}\n"


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """Commands in a folder of this test, with one column more."""
    monkeypatch.setattr(columns, "COLUMNS", (*COLUMNS, NEW))
    return saying(tmp_path, monkeypatch, capsys)


def told(said: Said, *arguments: str) -> str:
    """What a command prints."""
    code, out, _ = said(*arguments)
    assert code == 0
    return out


def test_a_new_column_is_in_every_place_that_shows_arms(
    said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    run = json.loads(told(said, "run", "config.yaml", "dataset.limit=6", "--json"))["run"]
    other = json.loads(told(said, "run", "config.yaml", "dataset.limit=6", "seed=1", "--json"))
    figures = json.loads(Path(run, "metrics.json").read_text())
    assert all("abstained_share" in arm for arm in figures["arms"])
    assert "abstained_share" in Run(run).arms().column_names
    assert NEW.heading in told(said, "score", run)
    assert NEW.heading in told(said, "compare", run)
    row = json.loads(told(said, "compare", run, "--json"))["rows"][0]
    assert "abstained_share" in row["ours"]
    assert "abstained_share" in row["theirs"]
    told(said, "report", run, "--output", "one.html")
    page = words(Path("one.html").read_text())
    assert f"left out {NEW.heading}" in page
    assert NEW.about in page
    told(said, "report", run, str(other["run"]), "--output", "two.html")
    assert f"tokens {NEW.heading}" in words(Path("two.html").read_text())
    config = Path("config.yaml")
    Path("sweep.yaml").write_text(config.read_text() + SWEEP)
    assert NEW.heading in told(said, "sweep", "sweep.yaml", "dataset.limit=3")
    (swept,) = Path("runs").glob("*/sweep.json")
    assert "abstained_share" in swept.read_text()
    capsys.readouterr()
    asked: Sequence[str] = ("--strategies", "greedy", "--budgets", "3000", "--limit", "3")
    bare = config.read_text().replace("aggregate: [min, history.last]\n", "")
    Path("bare.yaml").write_text(bare.replace("select: [first, majority, best, weighted]\n", ""))
    assert strategies.main(asked, Path("bare.yaml")) == 0
    assert f"− majority | {NEW.heading} |" in capsys.readouterr().out
    assert aggregations.main(["--limit", "3"], config) == 0
    assert f"95 % CI | {NEW.heading} |" in capsys.readouterr().out


def test_every_column_has_a_key_of_its_own_and_every_place_names_columns_that_are() -> None:
    keys = [column.key for column in COLUMNS]
    assert len(keys) == len(set(keys))
    assert {column.key for place in Place for column in place.columns} == set(keys)
