"""kill -9 inside searches: the resumed run ends with the same trees and asks nothing twice.

Each run is killed seven times: in its first session and in six that resume it, at random bytes of
the journal, half of them inside a line.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

PROBLEMS = 3
KILLS = 7
"""Kills of one run."""

CONFIG = """
name: doubles
dataset: {{path: {data}}}
policy: {{kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1, length_cv: 0.5}}
scorer: {{{scorer}}}
strategy: {{{strategy}}}
cluster: {{backend: inline, problems_in_flight: 2}}
grading: {{kind: numeric}}
"""
BEAM = "kind: beam, paths: 6, children: 3, lookahead: 1, depth: 6"
DVTS = "kind: dvts, paths: 6, children: 2, depth: 6"
STRATEGIES = {
    "best_of_n": "kind: best_of_n, n: 8",
    "beam": BEAM,
    "dvts": DVTS,
    "rebase": "kind: rebase, width: 6, depth: 6",
    "particles": "kind: particles, particles: 6, ess: 0.5, depth: 6",
    "mcts": "kind: mcts, simulations: 12, parallel: 3",
    "best_first": "kind: best_first, expand: 2, children: 2, expansions: 12, depth: 6",
    "backtrack": "kind: backtrack, chains: 2, until: step, depth: 6",
    "sequential": "kind: sequential, chains: 3, revisions: 2, accept: 0.9",
    "majority until it is sure": "kind: majority, n: 16, stop: beta, wave: 2",
    "best_of_n until it is settled": "kind: best_of_n, n: 12, stop: best, wave: 2",
    "beam in a budget": f"{BEAM}, budget: {{total_tokens: 4000}}",
    "dvts in a budget": f"{DVTS}, budget: {{total_tokens: 2400}}",
    "beam that adds chains": BEAM,
    "beam that goes on": BEAM,
    "mcts that goes on": "kind: mcts, simulations: 12, parallel: 3",
    "mcts in a budget": "kind: mcts, value: judge, budget: {total_tokens: 4000}",
}
SCORER = "kind: scripted, skill: 0.8, missing: 0.1, length_cv: 0.5"
CAREFUL = "kind: careful_kind:Careful, incremental: true"
SCORERS = {
    "beam that adds chains": f"{SCORER}, chains: {{least: 1, most: 3, until: 0.1}}",
    "beam that goes on": f"{CAREFUL}, keep_prompt: true",
    "mcts that goes on": f"{CAREFUL}, chains: {{least: 1, most: 3}}, after_incorrect: inherit",
}
"""Those of the cases that have another scorer."""
RUNS = {"best_of_n": 4, "beam": 3, "dvts": 2, "rebase": 2, "particles": 2, "mcts": 3}
"""Runs that are killed, of each case; else 1."""


@dataclass
class Session:
    """How one process ended, what it asked, and what the journal held when it began."""

    code: int
    asked: list[str]
    recorded: set[str]
    torn: bool


@dataclass
class Run:
    """A run in a folder of its own, and the sessions that worked at it."""

    output: Path
    sessions: list[Session] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        (folder,) = self.output.glob("*/*")
        return folder

    @property
    def journal(self) -> bytes:
        """All that is on disk; nothing before the first session."""
        return b"".join(path.read_bytes() for path in self.output.glob("*/*/journal/driver.jsonl"))

    @property
    def records(self) -> list[bytes]:
        """The whole lines."""
        return [line for line in self.journal.splitlines(keepends=True) if line.endswith(b"\n")]

    @property
    def metrics(self) -> bytes:
        return (self.folder / "metrics.json").read_bytes()

    @property
    def trees(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob("trees/*.json")}


@dataclass
class Forks:
    """The process that forks one child per session."""

    process: subprocess.Popen[str]

    def begin(self, run: Run, end: int | None = None, *, tear: bool = False) -> int:
        """`treewright run`, killed when the journal has `end` bytes; returns its exit code."""
        config = run.output.parent / "config.yaml"
        return self.work(run, ["run", str(config), f"output_dir={run.output}"], end, tear=tear)

    def resume(self, run: Run) -> int:
        return self.work(run, ["resume", str(run.folder), "--trust"])

    def draw(self, run: Run) -> int:
        return self.work(run, ["tree", str(run.folder), "--all"])

    def work(
        self, run: Run, command: list[str], end: int | None = None, *, tear: bool = False
    ) -> int:
        run.output.mkdir(exist_ok=True)
        recorded = {json.loads(line)["key"] for line in run.records}
        torn = run.journal[-1:] not in (b"", b"\n")
        asked = run.output / f"asked{len(run.sessions)}"
        asked.touch()
        told = str(run.output / "told")
        job = {"command": command, "asked": str(asked), "told": told, "end": end, "tear": tear}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(job)}\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        run.sessions.append(Session(code, asked.read_text().splitlines(), recorded, torn))
        return code


@dataclass
class Case:
    """A run that nobody disturbed, and others that were killed and resumed."""

    name: str
    whole: Run
    killed: list[Run]


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    folder = tmp_path_factory.mktemp("forks")
    write_config(folder, "beam")
    server = Path(__file__).with_name("fork_server.py")
    command = [sys.executable, str(server), str(folder / "config.yaml")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Forks(process)
        process.communicate()


@pytest.fixture(scope="module", params=STRATEGIES)
def case(
    request: pytest.FixtureRequest, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    name: str = request.param
    folder = tmp_path_factory.mktemp("case")
    write_config(folder, name)
    whole = Run(folder / "whole")
    assert (forks.begin(whole), forks.draw(whole)) == (0, 0), (whole.output / "told").read_text()
    rng = Random(name)
    killed = [Run(folder / f"killed{number}") for number in range(RUNS.get(name, 1))]
    for run in killed:
        for end in sorted(rng.sample(range(1, len(whole.journal)), KILLS)):
            forks.begin(run, end, tear=rng.random() < 0.5)
        forks.resume(run)
        forks.draw(run)
    return Case(name, whole, killed)


def write_config(folder: Path, case: str) -> None:
    rows = [
        {"id": f"p{n}", "problem": f"{n} + {n}?", "answer": str(2 * n)} for n in range(PROBLEMS)
    ]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "config.yaml").write_text(
        CONFIG.format(
            data=folder / "data.jsonl",
            scorer=SCORERS.get(case, SCORER),
            strategy=STRATEGIES[case],
        )
    )


def test_each_session_was_killed_but_the_last(case: Case) -> None:
    for run in case.killed:
        assert [session.code for session in run.sessions] == [-9] * KILLS + [0, 0]


def test_the_trees_are_those_of_a_run_that_nobody_disturbed(case: Case) -> None:
    assert len(case.whole.trees) == PROBLEMS
    for run in case.killed:
        assert run.trees == case.whole.trees


def test_the_metrics_are_those_of_a_run_that_nobody_disturbed(case: Case) -> None:
    for run in case.killed:
        assert run.metrics == case.whole.metrics


def test_every_record_is_there_once(case: Case) -> None:
    for run in case.killed:
        assert sorted(run.records) == sorted(case.whole.records)


def test_no_recorded_reply_is_asked_again(case: Case) -> None:
    for run in case.killed:
        for session in run.sessions:
            assert not session.recorded & set(session.asked)
            assert len(set(session.asked)) == len(session.asked)


def test_a_search_is_ended_by_its_budget_where_it_has_one(case: Case) -> None:
    trees = map(json.loads, case.whole.trees.values())
    ended = ["total_tokens" in (tree["graph"]["exhausted"] or "") for tree in trees]
    assert ended == ["budget" in case.name] * PROBLEMS


def test_some_kills_tear_a_line_and_some_do_not(case: Case) -> None:
    torn = {session.torn for run in case.killed for session in run.sessions[1:]}
    assert torn == {False, True}
