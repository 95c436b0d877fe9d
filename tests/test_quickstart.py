"""Runs in real actors: undisturbed, robbed of their actors, killed.

The quickstart with its real engines, on fewer problems, and the doubles, whose metrics must not
change by a byte. Every run is a process of its own, as a person starts it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

N = 4
CONFIG = (
    "quickstart",
    f"strategy.n={N}",
    "cluster.problems_in_flight=4",
    "aggregate=product",
    "select=first,weighted,majority",
)
LIMIT_S = 240.0

DOUBLES = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: simulated, accuracy: 0.4, timing: {speed: 20}}
scorer: {kind: simulated, skill: 0.9, timing: {speed: 20}}
strategy: {kind: best_of_n, n: 4}
cluster: {problems_in_flight: 4}
grading: {kind: numeric}
"""


@dataclass
class Runs:
    """Starts `treewright` in a folder of its own."""

    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "treewright.cli", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "TREEWRIGHT_RUNS": str(self.folder / "runs")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, *arguments: str) -> dict[str, Any]:
        """Run to the end; the object it printed."""
        process = self.start(*arguments, "--json")
        printed, told = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, told
        loaded: dict[str, Any] = json.loads(printed)
        return loaded

    def run_folder(self, name: str = "quickstart") -> Path:
        (found,) = (self.folder / "runs" / name).iterdir()
        return found

    def records(self) -> list[dict[str, Any]]:
        """The whole records of the one journal, none before there is one."""
        found = list(self.folder.glob("runs/*/*/journal/driver.jsonl"))
        text = found[0].read_text() if found else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait_for(self, process: subprocess.Popen[str], replies: int) -> None:
        """Until the journal holds this many replies."""
        end = time.monotonic() + LIMIT_S
        while len(self.records()) < replies:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, "the run made no progress"
            time.sleep(0.05)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    yield Runs(tmp_path)
    for pid in processes(b"treewright.cli", str(tmp_path)):
        os.kill(pid, signal.SIGKILL)


def processes(name: bytes, folder: str = "") -> list[int]:
    """Processes whose command line holds `name` and whose working folder is `folder`, if given."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            named = entry.name.isdigit() and name in (entry / "cmdline").read_bytes()
            if named and folder in ("", str((entry / "cwd").readlink())):
                found.append(int(entry.name))
        except OSError:  # it ended while we looked
            continue
    return found


def actors_of(process: subprocess.Popen[str]) -> list[int]:
    """The actors that this run started: the raylet that is its child is their parent."""
    return [pid for pid in processes(b"ray::PortActor") if process.pid in ancestors(pid)]


def ancestors(pid: int) -> list[int]:
    chain: list[int] = []
    while pid > 1:
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
        chain.append(pid)
    return chain


def limited(problems: int, *more: str) -> tuple[str, ...]:
    """The config over so many problems."""
    return (*CONFIG, f"dataset.limit={problems}", *more)


def check_complete(
    problems: int, measured: dict[str, Any], records: Sequence[dict[str, Any]], n: int = N
) -> None:
    """Every candidate once, every arm over all problems, and nothing failed."""
    assert (measured["problems"], measured["failures"]) == (problems, 0)
    keys = [record["key"] for record in records if record["kind"] in ("policy", "scorer")]
    assert len(keys) == len(set(keys)), "a reply was counted twice"
    assert sum(key.startswith("policy/") for key in keys) == problems * n
    for arm in measured["arms"]:
        assert arm["problems"] + arm["unscored"] == problems
    ledger = measured["ledger"]
    assert ledger["policy"]["calls"] == problems * n
    assert 0 < ledger["policy"]["cached"] < ledger["policy"]["prompt"]
    assert ledger["verifier"]["generated"] > ledger["verifier"]["calls"] > 0


def arm(measured: dict[str, Any], aggregation: str | None, selection: str, n: int) -> float:
    (found,) = (
        arm["accuracy"]
        for arm in measured["arms"]
        if (arm["aggregation"], arm["selection"], arm["n"]) == (aggregation, selection, n)
    )
    assert isinstance(found, float)
    return found


def rob(process: subprocess.Popen[str]) -> None:
    """Kill the policy actor and the verifier actor of a run."""
    victims = actors_of(process)
    assert len(victims) == 2, "a policy actor and a verifier actor"
    for victim in victims:
        os.kill(victim, signal.SIGKILL)


@pytest.mark.engine
def test_the_quickstart_finishes_and_the_verifier_pays(runs: Runs) -> None:
    """One solution is rarely right; a vote that the verifier weighs is more often."""
    asked = limited(40, "strategy.n=8")
    measured = runs.finish("run", *asked)
    check_complete(40, measured, runs.records(), n=8)
    one, weighted = arm(measured, None, "first", 8), arm(measured, "product", "weighted", 8)
    assert 0.1 < one < 0.6
    assert weighted > one
    assert weighted >= arm(measured, None, "majority", 8)
    assert all(each["unscored"] == 0 for each in measured["arms"])
    before = runs.records()
    del measured["replicas"]  # of the session that asked them
    assert runs.finish("run", *asked) == measured
    rescored = runs.finish("score", str(runs.run_folder()), "--aggregate", "product")
    assert rescored["ledger"] == measured["ledger"]
    assert runs.records() == before


@pytest.mark.engine
def test_a_killed_run_goes_on_and_survives_the_death_of_both_actors(runs: Runs) -> None:
    problems = 12
    first = runs.start("run", *limited(problems))
    runs.wait_for(first, problems * N // 4)
    first.kill()
    first.communicate()
    durable = runs.records()

    second = runs.start("resume", str(runs.run_folder()), "--json")
    runs.wait_for(second, problems * N)
    rob(second)
    printed, told = second.communicate(timeout=LIMIT_S)
    assert second.returncode == 0, told
    assert "policy: 1 deaths of a replica" in told
    assert "scorer: 1 deaths of a replica" in told
    check_complete(problems, json.loads(printed), runs.records())
    assert runs.records()[: len(durable)] == durable, "what was paid for was kept"


def test_doubles_robbed_of_both_actors_give_the_undisturbed_metrics(runs: Runs) -> None:
    problems = 40
    rows = [json.dumps({"problem": f"{n} + {n}?", "answer": str(2 * n)}) for n in range(problems)]
    (runs.folder / "data.jsonl").write_text("\n".join(rows))
    (runs.folder / "doubles.yaml").write_text(DOUBLES)
    robbed = runs.start("run", "doubles.yaml")
    runs.wait_for(robbed, problems)
    rob(robbed)
    _, told = robbed.communicate(timeout=LIMIT_S)
    assert robbed.returncode == 0, told
    assert "policy: 1 deaths of a replica" in told
    death = told.index("replica 1 of 1 died: The actor is dead because")
    assert death < told.index(f"{problems}/{problems} problems"), "told when it died"
    disturbed = (runs.run_folder("doubles") / "metrics.json").read_bytes()
    elsewhere = ("output_dir=undisturbed", "cluster.backend=inline")
    undisturbed = Path(runs.finish("run", "doubles.yaml", *elsewhere)["run"])
    assert disturbed == (runs.folder / undisturbed / "metrics.json").read_bytes()
