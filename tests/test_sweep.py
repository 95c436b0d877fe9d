"""Sweeps: what a grid says, one generation for all that share it, and only what is missing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.ports import Failure, PolicyCall, PolicyReply, ScorerCall, ScorerReply
from treewright.cli import main
from treewright.cluster.cluster import ClusterError
from treewright.config.load import load_config
from treewright.config.sweep import combinations
from treewright.config.yamlfile import parse_yaml
from treewright.running import session
from treewright.running.lock import RunLock
from treewright.running.run_folder import RunFolder, Status
from treewright.sweeping.cell import load_cells

BASE = """
name: alone
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline, problems_in_flight: 2}
grading: {kind: numeric}
"""
GRID = """
  grid:
    strategy: [{kind: best_of_n, n: 5}, {kind: beam, paths: 4, children: 2}, {kind: dvts, paths: 4}]
    aggregate: [min, product, last, mean]
    select: [first, best, weighted, majority]
"""
INDEX = Path("runs/swept/sweep.json")


@dataclass
class Ports:
    """The scripted ports, with a note of which run asked; after `stop_at` calls they say stop."""

    stop_at: int = 0
    refused: str = ""
    opened: list[object] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    cache: str = ""
    on_asked: Callable[["Ports"], None] = lambda ports: None

    def __post_init__(self) -> None:
        self.policy, self.scorer = self, self

    def apart(self, cache: str) -> "Ports":
        return Ports(self.stop_at, self.refused, self.opened, self.asked, cache, self.on_asked)

    def stats(self) -> dict[str, Any]:
        return {}

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        self.asked.append(self.cache)
        self.on_asked(self)
        if len(self.asked) == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        return await ScriptedPolicy(ScriptedPolicyConfig()).extend(batch)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        return await ScriptedScorer(ScriptedScorerConfig()).judge(batch)


@pytest.fixture(autouse=True)
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Eight problems and a config; writes sweep.yaml over it, whose `sweep:` is line 3."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    rows = (json.dumps({"problem": f"{number} + 1?", "answer": number + 1}) for number in range(8))
    Path("data.jsonl").write_text("\n".join(rows))
    Path("config.yaml").write_text(BASE)

    def written(sweep: str) -> None:
        Path("sweep.yaml").write_text(f"extends: config.yaml\nname: swept\nsweep: {sweep}")

    written(GRID)
    return written


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    shared = Ports()

    @asynccontextmanager
    async def opened(cluster: object, policy: object, scorer: object) -> AsyncIterator[Ports]:
        if shared.refused and shared.refused in repr(policy):
            raise ClusterError("the policy cannot be started: no such model")
        shared.opened.append(policy)
        yield shared

    monkeypatch.setattr(session, "open_cluster", opened)
    return shared


def index() -> list[dict[str, Any]]:
    """The cells of sweep.json."""
    cells: list[dict[str, Any]] = json.loads(INDEX.read_text())["cells"]
    return cells


def runs() -> list[Path]:
    """The run folders of the sweep."""
    return [path.parent for path in Path("runs/swept").glob("*/manifest.json")]


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command ends with, at exit code 2."""
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    return told[0]


# --- What a grid says -----------------------------------------------------------------------------


def overrides(sweep: str) -> list[tuple[str, ...]]:
    """Of each combination of a `sweep:` in flow style."""
    return [one.overrides for one in combinations(parse_yaml(sweep, "test"))]


def test_each_value_of_a_grid_meets_each_of_the_others() -> None:
    assert overrides("grid: {seed: [0, 1], strategy.n: [4, 8]}") == [
        ("seed=0", "strategy.n=4"),
        ("seed=0", "strategy.n=8"),
        ("seed=1", "strategy.n=4"),
        ("seed=1", "strategy.n=8"),
    ]


def test_lists_that_are_zipped_go_together() -> None:
    assert overrides("zip: {seed: [0, 1], strategy.n: [4, 8]}") == [
        ("seed=0", "strategy.n=4"),
        ("seed=1", "strategy.n=8"),
    ]


def test_a_grid_and_several_zips_multiply() -> None:
    said = "{grid: {missing: [skip]}, zip: [{seed: [0, 1]}, {strategy.n: [4, 8], a: [x, y]}]}"
    assert overrides(said)[1:3] == [
        ("missing=skip", "seed=0", "strategy.n=8", "a=y"),
        ("missing=skip", "seed=1", "strategy.n=4", "a=x"),
    ]


def test_a_mapping_says_several_keys_and_sections_may_be_nested() -> None:
    said = "grid: {strategy: [{kind: beam, paths: 8}], policy: {sampling: {top_p: [0.9]}}}"
    assert overrides(said) == [
        ("strategy.kind=beam", "strategy.paths=8", "policy.sampling.top_p=0.9")
    ]


def test_excluded_are_the_cells_that_have_all_values_of_a_rule() -> None:
    rules = "[{seed: 1, strategy.kind: [beam, dvts]}, {seed: 2}]"
    swept = "{seed: [0, 1, 2], strategy: [{kind: greedy}, {kind: beam}, {kind: dvts}]}"
    assert overrides(f"{{grid: {swept}, exclude: {rules}}}") == [
        ("seed=0", "strategy.kind=greedy"),
        ("seed=0", "strategy.kind=beam"),
        ("seed=0", "strategy.kind=dvts"),
        ("seed=1", "strategy.kind=greedy"),
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_a_grid_is_what_is_excluded_and_what_is_left(sizes: list[int], data: st.DataObject) -> None:
    axes = {f"a{at}": list(range(size)) for at, size in enumerate(sizes)}
    cells = list(product(*axes.values()))
    rule = data.draw(st.sampled_from(cells))
    names = data.draw(st.sets(st.sampled_from(list(axes)), min_size=1))
    excluded = {name: value for name, value in zip(axes, rule, strict=True) if name in names}
    kept = [
        tuple(f"{name}={value}" for name, value in zip(axes, cell, strict=True))
        for cell in cells
        if any(cell[list(axes).index(name)] != value for name, value in excluded.items())
    ]
    if kept:
        assert overrides(json.dumps({"grid": axes, "exclude": [excluded]})) == kept


def test_a_section_whose_kind_changes_starts_anew_in_a_cell(write: Callable[[str], None]) -> None:
    write("{grid: {strategy.depth: [7], strategy.kind: [beam]}}")
    (cell,) = load_cells("sweep.yaml")
    assert (type(cell.config.strategy).__name__, cell.config.strategy.depth) == ("Beam", 7)


def test_a_cell_is_what_its_overrides_make_of_the_config() -> None:
    for cell in load_cells("sweep.yaml")[::7]:
        assert cell.config == load_config("config.yaml", ["name=swept", *cell.overrides])


def test_a_command_line_overrides_the_config_and_the_grid() -> None:
    cells = load_cells("sweep.yaml", ["dataset.limit=2", "sweep.grid.aggregate=[mean]"])
    assert len(cells) == 12
    assert {cell.config.dataset.limit for cell in cells} == {2}


# --- Working it off -------------------------------------------------------------------------------


def test_cells_that_differ_in_what_is_reported_share_a_generation(ports: Ports) -> None:
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(index()) == 48
    assert len(runs()) == 3
    assert len(ports.opened) == 1
    assert {cell["status"] for cell in index()} == {"complete"}


def test_the_figures_of_a_cell_are_those_of_its_own_run(write: Callable[[str], None]) -> None:
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


def test_the_run_of_a_generation_reports_what_any_of_its_cells_reports() -> None:
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
    assert "interrupted: 0 of 3 generations are done" in capsys.readouterr().err
    assert {cell["status"] for cell in index()} == {"interrupted", "pending"}
    assert not any(cell["arms"] for cell in index())
    ports.stop_at = 0
    assert main(["sweep", "sweep.yaml"]) == 0
    assert {cell["status"] for cell in index()} == {"complete"}
    assert len(runs()) == 3
    assert sum("best_of_n" in (Path(run) / "config.yaml").read_text() for run in ports.asked) == 40


def test_the_index_names_the_runs_that_are_at_work(ports: Ports) -> None:
    """Every generation is there by the time that its first question is asked."""
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


def test_new_cells_of_a_known_generation_are_read_from_it(
    ports: Ports, write: Callable[[str], None]
) -> None:
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
    ports: Ports, write: Callable[[str], None]
) -> None:
    write("{grid: {seed: [0, 1], policy.accuracy: [0.5, 0.9]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(ports.opened) == 2
    assert len(runs()) == 4


def test_a_strategy_that_asks_no_verifier_shares_the_engines_of_those_that_do(
    ports: Ports, write: Callable[[str], None]
) -> None:
    write(
        "{zip: {strategy.kind: [majority, best_of_n, greedy], aggregate: [[], [min], []],"
        " select: [majority, best, first]}}"
    )
    assert main(["sweep", "sweep.yaml"]) == 0
    assert len(ports.opened) == 1


def test_engines_that_do_not_start_stop_no_cell_but_their_own(
    ports: Ports, write: Callable[[str], None], capsys: pytest.CaptureFixture[str]
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


def test_more_failures_than_are_tolerated_are_exit_code_3(write: Callable[[str], None]) -> None:
    Path("bad.jsonl").write_text(Path("data.jsonl").read_text() + '\n{"problem": "no answer"}')
    write("{grid: {dataset.path: [data.jsonl, bad.jsonl], fail_on_error: [0, 1]}}")
    assert main(["sweep", "sweep.yaml"]) == 3
    assert [cell["failures"] for cell in index()] == [0, 0, 1, 1]
    assert main(["sweep", "sweep.yaml", "sweep.grid.fail_on_error=[1, 2]"]) == 0


def test_a_cell_without_scores_has_no_accuracy(write: Callable[[str], None]) -> None:
    write("{grid: {scorer.missing: [1], select: [best], aggregate: [min]}}")
    assert main(["sweep", "sweep.yaml"]) == 0
    assert [arm["accuracy"] for arm in index()[0]["arms"]] == [None]


def test_two_sweeps_of_one_name_do_not_run_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/swept").mkdir(parents=True)
    with RunLock(Path("runs/swept")):
        assert main(["sweep", "sweep.yaml"]) == 2
    assert "in use by pid" in capsys.readouterr().err


# --- What is told ---------------------------------------------------------------------------------


def test_a_dry_run_shows_cells_generations_and_costs_and_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sweep", "sweep.yaml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "48 cells, 3 generations, 0 of them complete" in out
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
    assert plan["generations"][0]["tokens"] == 2 * 16 * (192 + 2 * 385)
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
    write: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write('{grid: {aggregate: [[min, last]], policy.accuracy: [0.9], scorer.skill: ["0.8"]}}')
    assert main(["sweep", "sweep.yaml", "--dry-run"]) == 0
    assert "[min, last]" in capsys.readouterr().out


# --- Bad input ------------------------------------------------------------------------------------

MANY = f"{{seed: {list(range(101))}, strategy.n: {list(range(100))}}}"
BAD = {
    "": "3: sweep: '': must be a mapping",
    "{}": "3: sweep: sweeps nothing",
    "\n  grid: {}": "4: sweep.grid: is empty",
    "\n  grid:\n    seed: []": "5: sweep.grid.seed: []: lists no value",
    "\n  grid:\n    seed: 3": "5: sweep.grid.seed: 3: must be a list of values",
    "\n  grids: {seed: [1]}": "4: sweep.grids: no such key; did you mean grid?",
    "\n  grid:\n    sede: [1]": "5: sede: no such key; did you mean seed?",
    "\n  grid:\n    strategy.m: [1]": "5: strategy.m: no such key",
    "\n  grid: {seed: [1,\n  x]}": "5: seed: x: must be a whole number; in the cell seed=x",
    "\n  grid: {seed: [1,\n  1]}": "5: seed: 1: is listed twice",
    "\n  grid: {name: [a]}": "4: sweep.grid.name: cannot be swept",
    "\n  grid: {seed: [1]}\n  zip:\n    seed: [2]": "6: seed: is swept twice",
    "\n  grid: {strategy: [{n: 3}],\n   strategy.n: [4]}": "5: strategy.n: is swept twice",
    "\n  zip:\n    seed: [1, 2]\n    strategy.n: [1]": "6: sweep.zip.strategy.n: lists of unequal "
    "length: 1 values, and seed has 2",
    "\n  grid: {seed: [1]}\n  exclude: [{seed: 2}]": "5: sweep.exclude[0]: {seed: 2}: matches no "
    "cell",
    "\n  grid: {seed: [1]}\n  exclude: [{strategy.n: 2}]": "5: sweep.exclude[0]: strategy.n: is "
    "not swept",
    "\n  grid: {seed: [1]}\n  exclude: {seed: 1}": "5: sweep.exclude: leaves no cell",
    "\n  grid: {strategy.kind: [best_of_n,\n   majority], select: [best]}": "5: select: needs a "
    "verifier",
    f"\n  grid: {MANY}": "3: sweep: makes 10,100 cells; at most 10,000",
}
"""By what stands after `sweep:`, the line and the words that it gets."""


@pytest.mark.parametrize("sweep", BAD)
def test_a_sweep_that_cannot_be_is_told_in_one_line_with_its_place(
    sweep: str, write: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    write(sweep)
    assert error(capsys, "sweep", "sweep.yaml").startswith(f"error: sweep.yaml:{BAD[sweep]}")
    assert not Path("runs").exists()


def test_a_config_without_a_sweep_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    told = error(capsys, "sweep", "config.yaml")
    assert told.startswith("error: config.yaml: sweep: missing")
    assert "`treewright run`" in told


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_a_verb_for_one_run_refuses_a_sweep(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = error(capsys, verb, "sweep.yaml")
    assert told.startswith("error: sweep.yaml:3: sweep: ")
    assert "use `treewright sweep CONFIG`" in told


def test_a_command_line_may_not_say_one_value_for_what_is_swept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = error(capsys, "sweep", "sweep.yaml", "aggregate=min")
    assert told.startswith("error: command line: aggregate: is swept")
