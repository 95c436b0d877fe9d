"""Sweeps: one run for all that share it, and only what is missing."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swept_doubles import INDEX, Ports, Write, error, index, runs, watched
from treewright.cli import main
from treewright.running.lock import RunLock
from treewright.running.run_folder import RunFolder, Status

pytestmark = pytest.mark.usefixtures("write")


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    """What every session asks."""
    return watched(monkeypatch)


# --- Working it off -------------------------------------------------------------------------------


def test_cells_that_differ_in_what_is_reported_share_a_generation(ports: Ports) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(index()) == 48
    assert len(runs()) == 3
    assert len(ports.opened) == 1
    assert {cell["status"] for cell in index()} == {"complete"}


def test_the_figures_of_a_cell_are_those_of_its_own_run(write: Write) -> None:
    write(
        "{grid: {strategy.kind: [best_of_n, beam], aggregate: [min, [last, mean]],"
        " scorer.missing: [0.3]}, zip: {missing: [worst, fail], grading.kind: [numeric, exact]}}"
    )
    assert main(["sweep", "sweep.yaml"]) == 0
    for cell in (cell for cell in index() if cell["cell"] % 3 == 2):
        folder = f"output_dir=alone{cell['cell']}"
        main(["run", "config.yaml", folder, *cell["overrides"]])
        (alone,) = Path(f"alone{cell['cell']}").glob("*/*/metrics.json")
        arms = {(arm["aggregation"], arm["selection"]): arm for arm in load(alone)["arms"]}
        assert cell["arms"] == list(arms.values())


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_a_shared_run_reports_what_any_of_its_cells_reports() -> None:
    assert main(["sweep", "sweep.yaml", "sweep.grid.strategy=[{n: 2}, {n: 3}]"]) == 0
    for run in runs():
        arms = {
            (arm["aggregation"], arm["selection"]) for arm in load(run / "metrics.json")["arms"]
        }
        assert len(arms) == 4 * 2 + 2


def test_repeated_it_asks_nothing_and_starts_no_engine(ports: Ports) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    before, asked = INDEX.read_bytes(), len(ports.asked)
    assert main(["sweep", "sweep.yaml"]) == 0
    assert (len(ports.opened), len(ports.asked)) == (1, asked)
    assert INDEX.read_bytes() == before


def test_told_to_stop_it_is_resumable_and_the_next_time_asks_only_what_is_missing(
    ports: Ports, capsys: pytest.CaptureFixture[str]
) -> None:
    ports.stop_at = 12
    assert main(["sweep", "sweep.yaml", "--at-once", "1"]) == 130
    assert "interrupted: 0 of 3 runs are done" in capsys.readouterr().err
    assert {cell["status"] for cell in index()} == {"interrupted", "pending"}
    assert not any(cell["arms"] for cell in index())
    ports.stop_at = 0
    assert main(["sweep", "sweep.yaml"]) == 0
    assert {cell["status"] for cell in index()} == {"complete"}
    assert len(runs()) == 3
    assert sum("best_of_n" in (Path(run) / "config.yaml").read_text() for run in ports.asked) == 40


def test_the_index_names_the_runs_that_are_at_work(ports: Ports) -> None:
    """Every run is there by the time that its first question is asked."""
    seen: list[tuple[str, str]] = []

    def look(apart: Ports) -> None:
        seen.extend((cell["run"], cell["status"]) for cell in index() if cell["run"] == apart.cache)

    ports.on_asked = look
    assert main(["sweep", "sweep.yaml", "--at-once", "1"]) == 0
    assert {status for _, status in seen} == {"running"}
    assert {run for run, _ in seen} == set(map(str, runs()))


def test_a_complete_run_that_lost_a_record_is_asked_for_it(ports: Ports) -> None:
    one = ["sweep", "sweep.yaml", "sweep.grid.aggregate=[min]", "sweep.grid.select=[best]"]
    assert main(one) == 0
    before, asked = index(), len(ports.asked)
    journal = Path(index()[0]["run"]) / "journal/driver.jsonl"
    records = journal.read_bytes().splitlines(keepends=True)
    del records[next(at for at, record in enumerate(records) if b'"kind":"policy"' in record)]
    journal.write_bytes(b"".join(records))
    assert main(one) == 0
    assert len(ports.asked) == asked + 1
    assert index() == before


def test_what_ended_with_failures_is_tried_again_and_told_when_it_cannot_be(ports: Ports) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    RunFolder(runs()[0]).set_status(Status.INCOMPLETE)
    ports.refused = "Scripted"
    assert main(["sweep", "sweep.yaml"]) == 1
    assert [cell["status"] for cell in index()].count("failed") == 16


def test_new_cells_of_a_known_run_are_read_from_it(ports: Ports, write: Write) -> None:
    write("{grid: {aggregate: [min]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    asked = len(ports.asked)
    write("{grid: {aggregate: [min, mean], select: [best, weighted]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    assert (len(ports.asked), len(runs()), len(index())) == (asked, 1, 4)


KILLED = """
import os, signal, sys
from policies.scripted import ScriptedPolicy
extend, calls = ScriptedPolicy.extend, []
async def killing(self, batch):
    calls.extend(batch)
    if len(calls) > 60:
        os.kill(os.getpid(), signal.SIGKILL)
    return await extend(self, batch)
ScriptedPolicy.extend = killing
from treewright.cli import main
sys.exit(main(["sweep", "sweep.yaml", "--at-once", "1"]))
"""


def test_killed_and_repeated_it_ends_as_if_nobody_had_disturbed_it() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    statuses = [cell["status"] for cell in index()]
    assert statuses.count("complete") == 16
    first = next(run for run in runs() if RunFolder(run).status() is Status.COMPLETE)
    journal = (first / "journal/driver.jsonl").read_bytes()
    assert main(["sweep", "sweep.yaml"]) == 0
    assert (first / "journal/driver.jsonl").read_bytes() == journal
    killed = [{**cell, "run": None} for cell in index()]
    assert main(["sweep", "sweep.yaml", "output_dir=undisturbed"]) == 0
    undisturbed = load(Path("undisturbed/swept/sweep.json"))["cells"]
    assert killed == [{**cell, "run": None} for cell in undisturbed]


# --- Several engines, and cells that fail ---------------------------------------------------------


def test_cells_with_other_models_have_engines_of_their_own_one_set_after_the_other(
    ports: Ports, write: Write
) -> None:
    write("{grid: {seed: [0, 1], policy.accuracy: [0.5, 0.9]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(ports.opened) == 2
    assert len(runs()) == 4


def test_a_strategy_that_asks_no_verifier_shares_the_engines_of_those_that_do(
    ports: Ports, write: Write
) -> None:
    write(
        "{zip: {strategy.kind: [majority, best_of_n, greedy], aggregate: [[], [min], []],"
        " select: [majority, best, first]}}"
    )
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(ports.opened) == 1


def test_engines_that_do_not_start_stop_no_cell_but_their_own(
    ports: Ports, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    ports.refused = "accuracy=0.5"
    write("{grid: {policy.accuracy: [0.5, 0.9]}}")
    assert main(["sweep", "sweep.yaml"]) == 1
    assert [cell["status"] for cell in index()] == ["failed", "complete"]
    assert index()[0]["fault"] == "the policy cannot be started: no such model"
    assert "failed: cells 1: the policy cannot be started" in capsys.readouterr().err


def test_a_run_that_is_in_use_stops_no_cell_but_its_own() -> None:
    assert main(["sweep", "sweep.yaml", "--json"]) == 0
    busy = RunFolder(Path(index()[20]["run"]))
    busy.set_status(Status.INTERRUPTED)
    other = RunFolder(Path(index()[40]["run"]))
    other.set_status(Status.INTERRUPTED)
    with RunLock(busy.path):
        assert main(["sweep", "sweep.yaml"]) == 2
    failed = [cell["cell"] for cell in index() if cell["status"] == "failed"]
    assert failed == list(range(17, 33))
    assert other.status() is Status.COMPLETE


def test_more_failures_than_are_tolerated_are_exit_code_3(write: Write) -> None:
    Path("bad.jsonl").write_text(Path("data.jsonl").read_text() + '\n{"problem": "no answer"}')
    write("{grid: {dataset.path: [data.jsonl, bad.jsonl], fail_on_error: [0, 1]}}")
    assert main(["sweep", "sweep.yaml"]) == 3
    assert [cell["failures"] for cell in index()] == [0, 0, 1, 1]
    assert main(["sweep", "sweep.yaml", "sweep.grid.fail_on_error=[1, 2]"]) == 0


def test_a_cell_without_scores_has_no_accuracy(write: Write) -> None:
    write("{grid: {scorer.missing: [1], select: [best], aggregate: [min]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    assert [arm["accuracy"] for arm in index()[0]["arms"]] == [None]


def test_the_folder_of_a_sweep_given_as_a_run_is_told_what_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    folder = INDEX.parent
    capsys.readouterr()
    told = error(capsys, "report", str(folder))
    assert f"it is of a sweep: give its runs, {folder}/*-*" in told


def test_two_sweeps_of_one_name_do_not_run_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/swept").mkdir(parents=True)
    with RunLock(Path("runs/swept")):
        assert main(["sweep", "sweep.yaml"]) == 2
    assert "in use by pid" in capsys.readouterr().err


# --- What is told ---------------------------------------------------------------------------------


def test_a_dry_run_shows_cells_runs_and_costs_and_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "sweep.yaml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "48 cells, 3 runs, 0 of them complete" in out
    assert "kind=beam paths=4 children=2" in out
    assert not Path("runs").exists()


def test_a_dry_run_knows_what_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "sweep.yaml", "sweep.grid.aggregate=[min]", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"] == index()
    assert main(["sweep", "sweep.yaml", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [each["cells"] for each in plan["generations"]] == [16, 16, 16]
    assert {cell["status"] for cell in plan["cells"]} == {"complete"}


def test_a_dry_run_sums_what_is_left_to_generate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "sweep_arithmetic", "--limit", "2", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (len(plan["cells"]), len(plan["generations"])) == (48, 3)
    # Thrice: going on, whole where that cannot be read, and once again.
    assert plan["generations"][0]["tokens"] == 2 * 16 * (256 + 3 * 1901)
    assert plan["tokens"] == sum(each["tokens"] for each in plan["generations"])


def test_the_table_has_one_row_for_cells_that_come_to_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    told = capsys.readouterr()
    assert sum(" kind=" in row for row in told.out.splitlines()) == 3 * (4 * 2 + 2)
    assert "1, 5, 9, 13" in told.out
    assert "24/24 problems" in told.err


def test_values_are_shown_as_text_and_are_no_markup(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write('{grid: {aggregate: [[min, last]], policy.accuracy: [0.9], scorer.skill: ["0.8"]}}')
    assert main(["sweep", "sweep.yaml", "--dry-run"]) == 0
    assert "[min, last]" in capsys.readouterr().out
