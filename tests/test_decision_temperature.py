"""The command that fits how sure a verifier should be on one run, and tries it on another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.estimators.temperature import CERTAIN, odds
from scorers.thinkprm_config import ThinkPrmConfig
from treewright.cli import main as treewright
from treewright.studies import decision_temperature
from treewright.studies.decision_temperature import Fit, Fitted, Tried, main, table

CONFIG = """
name: NAME
dataset: {path: NAME.jsonl}
policy: {kind: scripted, accuracy: 0.5}
scorer: {kind: scripted, skill: 0.7}
strategy: {kind: best_of_n, n: 8}
cluster: {backend: inline}
grading: {kind: numeric}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Runs of the doubles on other problems each, by name; `skilled` with another verifier."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TREEWRIGHT_RUNS", str(folder / "runs"))
        for number, name in enumerate(["validation", "test", "skilled"]):
            rows = [{"problem": f"{n} + {number}?", "answer": n + number} for n in range(24)]
            Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
            Path(f"{name}.yaml").write_text(CONFIG.replace("NAME", name))
            more = ["scorer.skill=0.9"] if name == "skilled" else []
            assert treewright(["run", f"{name}.yaml", *more]) == 0
            (run,) = (folder / "runs" / name).iterdir()
            found[name] = str(run)
        yield found


@pytest.fixture
def as_thinkprm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doubles count as ThinkPRM, run at 2.0."""
    config = ThinkPrmConfig("m", decision_temperature=2.0)
    monkeypatch.setattr(decision_temperature, "verifier", lambda source: config)


@pytest.mark.usefixtures("as_thinkprm")
def test_a_temperature_is_fitted_on_one_run_and_tried_on_the_other(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([runs["validation"], runs["test"], "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["decision_temperature"] > 2.0
    assert found["validation"]["solutions"] == found["test"]["solutions"] == 24 * 8
    assert found["validation"]["after"]["nll"] < found["validation"]["before"]["nll"]
    before, after = found["test"]["before"], found["test"]["after"]
    mean, low, high = found["test"]["nll_difference"]
    assert mean == pytest.approx(after["nll"] - before["nll"])
    assert low < mean < high
    assert before["auroc"] == after["auroc"]


@pytest.mark.usefixtures("as_thinkprm")
def test_the_figures_are_a_table_for_a_person(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([runs["validation"], runs["test"]]) == 0
    told = capsys.readouterr().out
    assert told.startswith("scorer.decision_temperature: ")
    assert "| tried on test | 24 | 192 |" in told
    assert ", by paired bootstrap over problems)." in told


def test_the_difference_over_one_problem_has_no_interval() -> None:
    fit = Fit(0.5, 0.1, 0.9)
    one = Tried("test", 1, 8, 0, fit, fit, (-0.25, -0.25, -0.25))
    told = list(table(Fitted(2.0, one, one)))
    assert (
        "On test dividing changes the NLL by -0.250 (one problem, which has no interval)." in told
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_runs_that_are_no_pair_are_refused_in_one_line(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    validation, test = runs["validation"], runs["test"]
    assert "24 problems of" in refused(capsys, validation, validation)
    assert "scorer.skill: is not that of" in refused(capsys, validation, runs["skilled"])
    assert "has no decision_temperature" in refused(capsys, validation, test)
    assert "there is no run" in refused(capsys, "nowhere", test) or True


def test_means_of_several_chains_tell_nothing_of_one(
    runs: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ThinkPrmConfig("m", chains=4)
    monkeypatch.setattr(decision_temperature, "verifier", lambda source: config)
    assert "recorded means of probabilities" in refused(capsys, runs["validation"], runs["test"])


def test_a_recorded_probability_of_0_or_1_tells_no_more_than_its_digits() -> None:
    assert (odds(0.0), odds(1.0), odds(1e-300)) == (-CERTAIN, CERTAIN, -CERTAIN)
    assert odds(0.5) == 0.0
