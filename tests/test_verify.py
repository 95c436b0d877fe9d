"""The verb `verify`: judged once, measured, told in a table, as JSON and on a page."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.estimators import clusters
from engines.scripted_world import right_value
from treewright import cli

CONFIG = """
name: NAME
dataset: {name: arithmetic}
policy: {kind: scripted}
scorer: {kind: scripted, skill: SKILL}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
"""
PROBLEMS = 24
JOURNAL = "journal/driver.jsonl"


def rows() -> list[dict[str, Any]]:
    """Solutions in the doubles' world, two of a problem: one right, one wrong at some step."""
    made: list[dict[str, Any]] = []
    for number in range(PROBLEMS):
        question = f"What is {number} + 3?"
        right = [f"the value so far is {right_value(question, step)}" for step in range(4)]
        wrong = number % 4
        steps = [f"{text}{'9' if at == wrong else ''}" for at, text in enumerate(right)]
        subset = "fit" if number % 3 == 0 else "test"
        common = {"problem": question, "subset": subset}
        made += [
            {**common, "steps": right, "label": -1},
            {**common, "steps": steps, "labels": [at != wrong for at in range(4)]},
        ]
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clusters, "RESAMPLES", 200)  # enough to see what is tested
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEWRIGHT_RUNS", "runs")
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    for name, skill in (("good", "0.95"), ("poor", "0.6")):
        Path(f"{name}.yaml").write_text(CONFIG.replace("NAME", name).replace("SKILL", skill))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(["verify", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = told(capsys, *arguments, "--data", "rows.jsonl", "--json")
    assert code == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


def journal(of: dict[str, Any], scorer: int = 0) -> Path:
    return Path(of["scorers"][scorer]["folder"], JOURNAL)


@pytest.mark.usefixtures("folder")
def test_a_perfect_verifier_has_f1_one_and_tells_its_tokens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (scorer,) = found(capsys, "good.yaml", "scorer.skill=1")["scorers"]
    assert (scorer["solutions"], scorer["problems"], scorer["wrong"]) == (48, 24, 24)
    figures = {name: each["value"] for name, each in scorer["figures"].items()}
    assert figures["f1"] == figures["incorrect_f1"] == figures["auroc"] == 1.0
    assert figures["subset test error_accuracy"] == 1.0
    assert scorer["judged_steps"] == scorer["labelled_steps"]
    tokens = scorer["tokens_per_judgement"]
    computed = tokens["prompt"] - tokens["cached"] + tokens["generated"]
    assert figures["tokens"] == pytest.approx(computed)
    assert scorer["temperature"] == []  # its signs tell all right from all wrong


@pytest.mark.usefixtures("folder")
def test_several_scorers_stand_side_by_side_with_paired_differences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = found(capsys, "good.yaml", "poor.yaml")
    good, poor = result["scorers"]
    gaps = {row["figure"]: row for row in result["differences"]}
    for name in ("f1", "incorrect_f1", "auroc"):
        gap, values = gaps[name], [each["figures"][name]["value"] for each in (good, poor)]
        assert gap["difference"]["value"] == pytest.approx(values[1] - values[0])
        assert gap["difference"]["ci95"][0] <= gap["difference"]["value"]
        assert gap["p"] <= gap["p_holm"]
    assert gaps["f1"]["shown"]
    assert gaps["f1"]["difference"]["ci95"][1] < 0
    page = Path(result["report"]).read_text()
    assert "Against good" in page
    assert (Path(result["report"]).parent / "plots/steps-2.svg").is_file()


@pytest.mark.usefixtures("folder")
def test_a_sweep_of_a_scorer_is_side_by_side_and_what_is_the_same_is_judged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    swept = "sweep.grid={scorer.skill: [0.95, 0.6], strategy.n: [2, 3]}"
    code, out, err = told(capsys, "good.yaml", swept, "--data", "rows.jsonl")
    assert code == 0
    assert "2 configs with the scorer of another: judged once" in err
    assert "skill=0.6" in out
    assert "different" in out


@pytest.mark.usefixtures("folder")
def test_temperature_and_threshold_are_fitted_on_other_problems_than_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (crosswise,) = found(capsys, "poor.yaml")["scorers"]
    assert len(crosswise["temperature"]) == len(crosswise["threshold"]) == 2
    (named,) = found(capsys, "poor.yaml", "--fit", "fit")["scorers"]
    assert len(named["temperature"]) == len(named["threshold"]) == 1
    assert named["solutions"] == 32  # those of `fit` are not measured
    assert "subset fit f1" not in named["figures"]
    assert named["figures"]["tempered_nll"]["value"] < named["figures"]["nll"]["value"]


@pytest.mark.usefixtures("folder")
def test_what_is_complete_is_not_asked_again_and_what_is_lost_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = found(capsys, "good.yaml")
    whole = journal(first).read_bytes()
    assert found(capsys, "good.yaml") == first
    assert journal(first).read_bytes() == whole
    lines = whole.splitlines(keepends=True)
    journal(first).write_bytes(b"".join(lines[:20]) + lines[20][:-9])  # as a kill leaves it
    (Path(first["scorers"][0]["folder"]) / "STATUS").write_text("running\n")
    assert found(capsys, "good.yaml") == first
    again = journal(first).read_bytes().splitlines(keepends=True)
    assert again[:20] == lines[:20]
    assert sorted(again) == sorted(lines)


@pytest.mark.usefixtures("folder")
def test_what_a_complete_one_has_lost_is_told_and_asked_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = found(capsys, "good.yaml")
    lines = journal(first).read_bytes().splitlines(keepends=True)
    journal(first).write_bytes(b"".join([*lines[:5], lines[5][:-9] + b"#" * 8 + b"\n", *lines[6:]]))
    code, out, err = told(capsys, "good.yaml", "--data", "rows.jsonl", "--json")
    assert (code, json.loads(out)) == (0, first)
    assert "1 corrupt line" in err
    assert lines[5] in journal(first).read_bytes().splitlines(keepends=True)
    assert Path(first["scorers"][0]["folder"], "STATUS").read_text() == "complete\n"


def test_a_killed_verification_goes_on_where_it_was(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = [
        "good.yaml",
        "scorer.kind=simulated",
        "scorer.skill=0.9",
        "scorer.timing.decode_seconds=0.0005",
        "cluster.calls_in_flight=2",
    ]
    command = ["verify", *slow, "--data", "rows.jsonl"]
    program = f"import sys; from treewright.cli import main; sys.exit(main({command!r}))"
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        written = [path.read_bytes() for path in folder.glob("runs/*/*/*/journal/driver.jsonl")]
        if written and written[0].count(b"\n") >= 6:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    (path,) = folder.glob("runs/*/*/*/journal/driver.jsonl")
    before = path.read_bytes().splitlines(keepends=True)
    assert 6 <= len(before) < 48
    result = found(capsys, *slow)
    assert journal(result).resolve() == path.resolve()
    kept = [line for line in before if line.endswith(b"\n")]
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[: len(kept)] == kept
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys)) == 48


@pytest.mark.usefixtures("folder")
def test_failures_are_failures_and_the_unreadable_is_wrong_and_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["good.yaml", "scorer.missing=0.3", "scorer.faults.fail=0.2", "--data", "rows.jsonl"]
    code, out, err = told(capsys, *command, "--json")
    assert code == 3
    (scorer,) = json.loads(out)["scorers"]
    assert 0 < len(scorer["failures"]) < 20
    assert {each["kind"] for each in scorer["failures"]} == {"unavailable"}
    assert scorer["solutions"] == 48 - len(scorer["failures"])
    assert 0 < scorer["unread"] == sum(scorer["reasons"].values())
    most = 1 - scorer["unread"] / scorer["solutions"]
    accuracies = [
        scorer["figures"][f"subset test {name}"]["value"]
        for name in ("error_accuracy", "correct_accuracy")
    ]
    assert min(accuracies) < most
    assert "unreadable: good" in err
    assert "failed: good" in err
    assert Path(scorer["folder"], "STATUS").read_text() == "incomplete\n"


@pytest.mark.usefixtures("folder")
def test_the_table_and_the_page_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "poor.yaml", "--data", "rows.jsonl", "--split", "test")
    assert code == 0
    assert "32 of 16" in out
    (file,) = Path().glob("runs/verify/poor/*/report.html")
    page = file.read_text()
    for words in ("ProcessBench F1", "step AUROC", "NLL, tempered", "tokens per judgement"):
        line = next(line for line in out.splitlines() if line.startswith(f"│ {words} "))
        assert line.strip("│").split("│")[1].strip() in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "first wrong step" in page
    listed = cli.main(["ls", "verifications"])
    assert listed == 0
    assert f"{file.parent}  complete" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_subset_may_have_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("odd.jsonl").write_text(json.dumps({**rows()[0], "subset": "[/b] [red]\x1b[1m"}) + "\n")
    code, out, err = told(capsys, "good.yaml", "--data", "odd.jsonl")
    assert (code, "internal" in err) == (0, False)
    assert "Verifying odd ([/b] [red]\\x1b[1m)" in out


def test_judgements_are_had_from_a_cache_and_cost_what_they_cost_when_made(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREEWRIGHT_CACHE", str(folder / "kept"))
    few, cache = ["--split", "test", "--limit", "6"], "scorer.cache=shared"
    found(capsys, "good.yaml", cache, "--split", "test", "--limit", "4")
    (had,) = found(capsys, "good.yaml", cache, "name=other", *few)["scorers"]
    (made,) = found(capsys, "good.yaml", "name=none", *few)["scorers"]
    assert had["figures"] == made["figures"]
    assert had["tokens_per_judgement"] == dict.fromkeys(made["tokens_per_judgement"])
    records = [json.loads(line) for line in Path(had["folder"], JOURNAL).read_text().splitlines()]
    assert sum(len(each["data"]["spent"]) == 8 for each in records) == 4


FAULTS = [
    (["good.yaml", "scorer.outcome_only=true"], "scorer.outcome_only: judges finished solutions"),
    (["good.yaml", "scorer={kind: none}", "aggregate=[]", "select=[first]"], "judges nothing"),
    (
        ["good.yaml", "scorer={kind: confidence}", "policy.confidence=20"],
        "these solutions have none",
    ),
    (["scorer.skill=1"], "CONFIG: is missing"),
    (["good.yaml", "--data", "rows.jsonl", "--fit", "test", "--split", "test"], "leaves nothing"),
    (["good.yaml", "--data", "absent.jsonl"], "absent.jsonl: no such file"),
    (["good.yaml", "--data", "math500"], "math500: has no labelled steps"),
    (["good.yaml", "dataset={path: rows.jsonl}"], "rows.jsonl: has no labelled steps; give --data"),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("command", "problem"), FAULTS)
def test_what_cannot_be_verified_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], command: list[str], problem: str
) -> None:
    code, out, err = told(capsys, *command)
    assert code == 2
    assert out == ""
    assert problem in err.splitlines()[-1]


@pytest.mark.usefixtures("folder")
def test_a_split_to_fit_on_may_hold_no_problem_that_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = [{**row, "subset": name} for name in ("a", "b") for row in rows()[:2]]
    Path("shared.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shared))
    code, _, err = told(capsys, "good.yaml", "--data", "shared.jsonl", "--fit", "a")
    assert code == 2
    assert "1 problem of it are measured as well" in err


@pytest.mark.usefixtures("folder")
def test_a_verification_is_no_run_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    where = found(capsys, "good.yaml", "seed=1")["scorers"][0]
    assert cli.main(["report", where["folder"]]) == 2
    assert "it is of a verification" in capsys.readouterr().err
