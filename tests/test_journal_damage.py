"""A journal that is not whole: one sentence, by all that reads the run or goes on with it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

import treewright as tw
from treewright.cli import main
from treewright.report import report
from treewright.report.view import Follower

CONFIG = """
name: damaged
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""
TOLD = (
    "the journal is not whole: 1 corrupt line left out, 7 torn bytes left out, "
    "1 ended problem without its answers"
)
READERS = {
    "score": ["score"],
    "tree": ["tree", "1"],
    "tree --all": ["tree", "--all"],
    "export": ["export"],
    "report": ["report"],
    "compare": ["compare"],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of three problems."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TREEWRIGHT_RUNS", raising=False)
        rows = [{"problem": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(3)]
        Path("data.jsonl").write_text("\n".join(map(json.dumps, rows)))
        Path("config.yaml").write_text(CONFIG)
        assert main(["run", "config.yaml"]) == 0
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run in the current folder, its first reply broken and a last line cut off."""
    copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    monkeypatch.setattr(report, "write_plots", lambda *_: None)
    (folder,) = Path("runs/damaged").iterdir()
    journal = folder / "journal" / "driver.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"policy"', b'"polizy"', 1) + b'{"v":1,')
    return folder


Told = Callable[[], list[str]]


@pytest.fixture
def told(run: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """The lines on stderr since the run was damaged that tell of its journal."""
    capsys.readouterr()
    return lambda: [line for line in capsys.readouterr().err.splitlines() if "journal" in line]


@pytest.mark.parametrize("verb", READERS)
def test_every_verb_that_reads_tells_it_once(run: Path, told: Told, verb: str) -> None:
    name, *rest = READERS[verb]
    code = main([name, str(run), *rest])
    if verb == "compare":  # an arm over some of the problems is no arm
        assert code == 2
        (line,) = told()
        assert f"({TOLD})" in line
        return
    assert code == (2 if verb == "tree" else 0)
    assert told() == [f"{run}: {TOLD}"]


def test_python_and_the_page_that_is_served_tell_it(run: Path, told: Told) -> None:
    assert len(tw.Run(run).problems) == 2
    assert told() == [f"{run}: {TOLD}"]
    follower = Follower(run)
    asyncio.run(follower.begin())
    assert told() == [f"{run}: {TOLD}"]
    assert f"T{TOLD[1:]}." in follower.edition.page.decode()
    asyncio.run(follower.look())
    assert told() == []


def test_resume_tells_it_asks_again_and_then_nothing_is_amiss(run: Path, told: Told) -> None:
    whole = json.loads((run / "metrics.json").read_text())
    assert main(["resume", str(run)]) == 0
    assert told() == [f"{run}: {TOLD.rpartition(', ')[0]}"]
    assert json.loads((run / "metrics.json").read_text()) == whole
    assert (run / "journal" / "driver.bad").read_bytes().count(b"polizy") == 1
    assert main(["score", str(run)]) == 0
    assert told() == [f"{run}: the journal is not whole: 1 corrupt line left out"]


def test_a_run_that_goes_on_has_no_holes_yet(run: Path, told: Told) -> None:
    (run / "STATUS").write_text("interrupted\n")
    assert main(["score", str(run)]) == 0
    (line,) = told()
    assert "without its answers" not in line
