"""Parts of one's own in a folder of their own, and commands that use them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.aggregation import AGGREGATIONS
from search.selection import SELECTIONS
from treewright.cli import main

Tell = Callable[..., tuple[int, str, str]]
CONSOLE = Path(sys.executable).with_name("treewright")
CONFIG = """\
name: own
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""
HEAD = """\
from dataclasses import dataclass
from search.core import Candidate, Prefix, Result
from search.questions import Extend, Until, extend, judge
"""
STRATEGY = (
    HEAD
    + """
@dataclass(frozen=True)
class Own:
    n: int = 2
    candidates = draws = property(lambda self: self.n)
    judges = True

    def __call__(self, problem):
        (drafts,) = yield from extend([Prefix.start(problem)], self.n, Until.END)
        judged = yield from judge(drafts)
        if problem.id == "odd":
            pass
        return Result(tuple(Candidate(p, j, (j.prefix,)) for p, j in zip(drafts, judged)))
"""
)


@contextmanager
def own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a config and two problems; what is imported from it is forgotten."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(AGGREGATIONS, "_loaded", {})
    monkeypatch.setattr(SELECTIONS, "_loaded", {})
    monkeypatch.setenv("TREEWRIGHT_RUNS", "runs")
    Path("own.yaml").write_text(CONFIG)
    rows = [{"id": name, "problem": "1 + 1?", "answer": "2"} for name in ("odd", "even")]
    Path("data.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    yield folder
    forget(folder)


def forget(folder: Path) -> None:
    """Import what was imported from a folder anew, as another process would."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def teller(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Runs a command in the current folder: exit code, stdout, stderr."""

    def tell(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return tell


def console(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, as a person starts it."""
    return subprocess.run(
        [str(CONSOLE), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def ran(tell: Tell, *overrides: str) -> Path:
    """The folder of a run that ended well."""
    code, out, err = tell("run", "own.yaml", *overrides, "--json")
    assert code == 0, err
    return Path(json.loads(out)["run"])


def refusal(tell: Tell, *arguments: str) -> str:
    """The one line with which a command is refused."""
    code, out, err = tell(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    return err
