"""Runs that are made once and compared, and the commands that do so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treewright.cli import main

Run = Callable[..., str]
Verb = Callable[..., dict[str, Any]]
Said = Callable[..., tuple[int, str, str]]
Made = dict[tuple[str, ...], str]
"""The runs that there are, by their overrides."""

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.45, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.85, missing: 0.2}
strategy: {kind: best_of_n, n: 5}
aggregate: [min, history.last]
select: [first, majority, best, weighted]
cluster: {backend: inline}
grading: {kind: numeric}
"""
PROBLEMS = 24


def write_data(name: str, count: int) -> None:
    rows = [{"problem": f"{k} + {7 * k % 13}?", "answer": k + 7 * k % 13} for k in range(count)]
    Path(name).write_text("\n".join(map(json.dumps, rows)))


def saying(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Said:
    """Exit code, stdout and stderr of a command in a folder with a config and its problems."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    Path("config.yaml").write_text(CONFIG)
    write_data("data.jsonl", PROBLEMS)

    def say(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return say


def running(said: Said, made: Made) -> Run:
    """The folder of the config's run with these overrides; it is made once and stays as it is."""

    def start(*overrides: str) -> str:
        if overrides not in made:
            code, out, _ = said("run", "config.yaml", *overrides, "--json")
            assert code in (0, 3)
            made[overrides] = str(json.loads(out)["run"])
        return made[overrides]

    return start


def comparing(said: Said) -> Verb:
    """The object that `compare --json` prints."""

    def ask(*arguments: str) -> dict[str, Any]:
        code, out, err = said("compare", *arguments, "--json")
        assert (code, err) == (0, "")
        printed: dict[str, Any] = json.loads(out)
        return printed

    return ask


def refused(answer: tuple[int, str, str], *told: str, code: int = 2) -> None:
    """One line on stderr that says this, and nothing else."""
    assert answer[0] == code, answer
    assert answer[1] == ""
    assert answer[2].startswith("error: ")
    assert answer[2].count("\n") == 1
    for text in told:
        assert text in answer[2]
