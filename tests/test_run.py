"""Whole runs with the doubles, through the command a person types: run, resume, score, faults."""

import json
import os
import resource
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treewright.cli import main
from treewright.running.lock import RunLock
from treewright.running.session import Session

Run = Callable[..., tuple[int, dict[str, Any]]]

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: best_of_n, n: 4}
aggregate: [min, product, history.last]
select: [first, best, weighted, majority]
cluster: {backend: inline, problems_in_flight: 4}
grading: {kind: numeric}
"""


def question(number: int) -> dict[str, str]:
    return {
        "problem": f"What is {number} + {7 * number % 13}?",
        "answer": f"{number + 7 * number % 13}",
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a config and twelve problems, and the shell in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    (tmp_path / "config.yaml").write_text(CONFIG)
    rows = [json.dumps(question(number)) for number in range(1, 13)]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def treewright(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with --json; returns the exit code and the object it printed."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*arguments, "--json"])
        printed = capsys.readouterr().out
        told = json.loads(printed) if printed else {}
        told.pop("replicas", None)  # of this session, not of the run
        return code, told

    return run


def journal(folder: str | Path) -> Path:
    return Path(folder) / "journal" / "driver.jsonl"


def metrics(folder: str | Path) -> bytes:
    return (Path(folder) / "metrics.json").read_bytes()


def test_a_run_prints_one_object_with_every_arm(treewright: Run) -> None:
    code, printed = treewright("run", "config.yaml")
    assert code == 0
    assert (printed["problems"], printed["failures"]) == (12, 0)
    arms = {(arm["aggregation"], arm["selection"], arm["n"]) for arm in printed["arms"]}
    unscored = {(None, name, n) for name in ("first", "majority") for n in (1, 2, 4)}
    scored = {
        (aggregation, name, n)
        for aggregation in ("min", "product", "history.last")
        for name in ("best", "weighted")
        for n in (1, 2, 4)
    }
    assert arms == unscored | scored
    for arm in printed["arms"]:
        assert 0 <= arm["ci95"][0] <= arm["accuracy"] <= arm["ci95"][1] <= 1
    assert printed["ledger"]["policy"]["calls"] == 48
    assert all(count >= 0 for side in printed["ledger"].values() for count in side.values())


def test_a_person_sees_the_folder_first_and_then_the_table(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "config.yaml"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("run runs/doubles/")
    table = "\n".join(rest)
    assert "Accuracy in % over 12 problems" in table
    assert "history.last" in table
    assert "verifier tok" in table


def test_the_folder_says_what_the_run_was(treewright: Run) -> None:
    _, printed = treewright("run", "config.yaml")
    folder = Path(printed["run"])
    names = {path.name for path in folder.iterdir()}
    assert names >= {"STATUS", "manifest.json", "config.yaml", "config.resolved.yaml", "env.json"}
    assert (folder / "STATUS").read_text() == "complete\n"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert folder.name.endswith(manifest["fingerprint"][:8])
    assert json.loads((folder / "env.json").read_text())["python"].startswith("3.")


def test_the_same_command_again_is_a_no_op_and_so_is_resume(treewright: Run) -> None:
    _, first = treewright("run", "config.yaml")
    files = [path for path in Path(first["run"]).rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    for command in (("run", "config.yaml"), ("resume", first["run"])):
        assert treewright(*command) == (0, first)
        assert {path: path.read_bytes() for path in files} == before


def test_two_runs_of_one_config_give_the_same_trees(treewright: Run, here: Path) -> None:
    _, one = treewright("run", "config.yaml", "output_dir=one")
    _, two = treewright("run", "config.yaml", "output_dir=two")
    assert one["run"] != two["run"]
    assert metrics(one["run"]) == metrics(two["run"])
    assert replies(one["run"]) == replies(two["run"])


def test_another_seed_gives_other_candidates(treewright: Run) -> None:
    _, one = treewright("run", "config.yaml", "seed=1")
    _, two = treewright("run", "config.yaml", "seed=2")
    assert replies(one["run"]) != replies(two["run"])


@pytest.mark.parametrize("replicas", [2, 4])
def test_the_number_of_replicas_changes_nothing(treewright: Run, replicas: int) -> None:
    _, one = treewright("run", "config.yaml", "output_dir=one")
    many = f"cluster.policy_replicas={replicas}", f"cluster.scorer_replicas={replicas}"
    _, several = treewright("run", "config.yaml", "output_dir=several", *many)
    assert metrics(one["run"]) == metrics(several["run"])
    assert replies(one["run"]) == replies(several["run"])


def test_score_changes_the_table_and_not_one_generation(treewright: Run) -> None:
    _, run = treewright("run", "config.yaml")
    before = {path: path.read_bytes() for path in Path(run["run"]).rglob("*") if path.is_file()}
    code, other = treewright("score", run["run"], "--aggregate", "max,mean", "--select", "best")
    assert code == 0
    assert {arm["aggregation"] for arm in other["arms"]} == {"max", "mean"}
    assert other["ledger"] == run["ledger"]
    assert {path: path.read_bytes() for path in before} == before
    _, same = treewright("score", run["run"])
    assert same == run


def test_changing_the_aggregation_in_the_config_asks_no_model(treewright: Run) -> None:
    _, run = treewright("run", "config.yaml")
    before = journal(run["run"]).read_bytes()
    _, other = treewright("run", "config.yaml", "aggregate=max", "select=best")
    assert other["run"] == run["run"]
    assert journal(run["run"]).read_bytes() == before
    assert {arm["aggregation"] for arm in other["arms"]} == {"max"}
    assert treewright("score", run["run"]) == (0, other), "the folder tells what was said last"


def test_a_torn_journal_resumes_to_the_same_metrics(treewright: Run) -> None:
    _, run = treewright("run", "config.yaml")
    whole, expected = journal(run["run"]).read_bytes(), metrics(run["run"])
    for cut in range(0, len(whole), len(whole) // 60):
        journal(run["run"]).write_bytes(whole[:cut])
        code, _ = treewright("resume", run["run"])
        assert code == 0
        assert metrics(run["run"]) == expected
        assert len(journal(run["run"]).read_bytes().splitlines()) == len(whole.splitlines())


def test_a_flipped_bit_is_set_aside_and_asked_again(treewright: Run) -> None:
    _, run = treewright("run", "config.yaml")
    whole, expected = bytearray(journal(run["run"]).read_bytes()), metrics(run["run"])
    whole[len(whole) // 2] ^= 1
    journal(run["run"]).write_bytes(whole)
    assert treewright("resume", run["run"])[0] == 0
    assert metrics(run["run"]) == expected
    assert journal(run["run"]).with_suffix(".bad").exists()


def test_a_verifier_that_is_down_leaves_majority_and_exits_3(treewright: Run) -> None:
    code, run = treewright("run", "config.yaml", "scorer.faults.fail=1")
    assert code == 3
    assert run["failures"] > 0
    for arm in run["arms"]:
        if arm["aggregation"] is None:
            assert arm["accuracy"] is not None
        else:
            assert (arm["accuracy"], arm["ci95"]) == (None, None)
            assert arm["unscored"] > 0
    assert (Path(run["run"]) / "STATUS").read_text() == "incomplete\n"
    again, same = treewright("score", run["run"])
    assert (again, same) == (0, run)


def test_failures_within_fail_on_error_exit_0(treewright: Run) -> None:
    some = ("run", "config.yaml", "policy.faults.fail=0.05")
    code, run = treewright(*some)
    assert (code, 0 < run["failures"] < 12) == (3, True)
    assert treewright(*some, "fail_on_error=11")[0] == 0
    assert treewright(*some, "fail_on_error=0.99")[0] == 0
    assert treewright(*some, "fail_on_error=0.01")[0] == 3


def test_a_bad_row_is_an_error_record_and_the_rest_goes_on(treewright: Run, here: Path) -> None:
    with (here / "data.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"problem": "no answer here"}))
    code, run = treewright("run", "config.yaml")
    assert (code, run["problems"], run["failures"]) == (3, 13, 1)
    assert all(arm["problems"] + arm["unscored"] <= 12 for arm in run["arms"])


@pytest.mark.parametrize(("side", "n"), [("policy", 16), ("scorer", 5)])
def test_a_poisoned_problem_fails_and_the_rest_finishes(
    treewright: Run, here: Path, side: str, n: int
) -> None:
    """It comes first, so that no reply of another excuses the deaths of the only replica."""
    rows = [{"problem": "POISON 1 + 1?", "answer": "2"}, *map(question, range(1, 13))]
    (here / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    whole = (f"strategy.n={n}", "scorer.missing=0", "policy.cut=0")
    code, run = treewright("run", "config.yaml", f"{side}.faults.die_on=POISON", *whole)
    assert (code, run["problems"], run["failures"]) == (3, 13, 1)
    best = next(arm for arm in run["arms"] if arm["selection"] == "best")
    assert best["problems"] == 12
    assert (Path(run["run"]) / "STATUS").read_text() == "complete\n"
    before = journal(run["run"]).read_bytes()
    assert treewright("resume", run["run"]) == (code, run)
    assert journal(run["run"]).read_bytes() == before


def test_resume_refuses_other_data_and_names_it(
    treewright: Run, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = treewright("run", "config.yaml")
    (here / "data.jsonl").write_text(json.dumps(question(99)))
    assert main(["resume", run["run"]]) == 4
    assert "dataset" in capsys.readouterr().err


def test_a_folder_that_is_no_run_gets_one_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("resume", "score"):
        assert main([verb, str(here / "nowhere")]) == 2
        assert "treewright ls runs" in capsys.readouterr().err
        assert main([verb, str(here)]) == 2
        assert "not a run folder" in capsys.readouterr().err


def test_a_second_run_on_the_folder_is_refused_with_pid_and_host(
    treewright: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = treewright("run", "config.yaml")
    with RunLock(Path(run["run"])):
        assert main(["resume", run["run"]]) == 2
    told = capsys.readouterr().err
    assert str(os.getpid()) in told
    assert socket.gethostname() in told


def test_a_full_disk_stops_the_run_names_the_file_and_loses_nothing(
    treewright: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    _, whole = treewright("run", "config.yaml", "output_dir=whole")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal(whole["run"]).stat().st_size // 2, hard))
    try:
        code = main(["run", "config.yaml"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert "journal/driver.jsonl: cannot be written" in capsys.readouterr().err
    code, resumed = treewright("run", "config.yaml")
    assert code == 0
    assert metrics(resumed["run"]) == metrics(whole["run"])


def test_a_run_that_is_interrupted_before_it_asks_can_be_resumed(
    treewright: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt  # as asyncio does while the journal is replayed

    with monkeypatch.context() as patch:
        patch.setattr(Session, "finish", interrupted)
        assert treewright("run", "config.yaml") == (130, {})
    (status,) = here.glob("runs/*/*/STATUS")
    assert status.read_text() == "interrupted\n"
    assert treewright("resume", str(status.parent))[0] == 0


def test_a_run_without_a_journal_yet_can_be_resumed(treewright: Run) -> None:
    _, run = treewright("run", "config.yaml")
    expected = metrics(run["run"])
    shutil.rmtree(journal(run["run"]).parent)
    assert treewright("resume", run["run"])[0] == 0
    assert metrics(run["run"]) == expected


@pytest.mark.parametrize("strategy", ["{kind: majority, n: 4}", "{kind: greedy}"])
def test_strategies_without_a_verifier_report_their_arms(
    treewright: Run, here: Path, strategy: str
) -> None:
    lines = [
        line
        for line in CONFIG.splitlines()
        if not line.startswith(("strategy", "agg", "sel", "scorer"))
    ]
    (here / "config.yaml").write_text(
        "\n".join([*lines, f"strategy: {strategy}", "scorer: {kind: none}"])
    )
    code, run = treewright("run", "config.yaml")
    assert code == 0
    assert {arm["selection"] for arm in run["arms"]} == {"first", "majority"}
    assert run["ledger"]["verifier"]["calls"] == 0


def replies(folder: str) -> set[str]:
    """What was generated and judged, without the order in which it came."""
    records = [json.loads(line) for line in journal(folder).read_text().splitlines()]
    for record in records:
        record.pop("crc", None)
    return {json.dumps(record, sort_keys=True) for record in records}
