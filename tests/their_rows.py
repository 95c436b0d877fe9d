"""Rows of candidates from elsewhere, and the commands that take them in and give them out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from treewright.cli import main

Row = dict[str, Any]
Told = tuple[int, str, str]
Treewright = Callable[..., Told]
Imported = Callable[..., Path]

ROWS: list[Row] = [
    {
        "problem": "What is 1 + 2?",
        "answer": "3",
        "unique_id": "algebra/1",
        "solution": "It is $\\boxed{3}$.",
        "level": 2,
        "completions": ["One and two.\n\nSo \\boxed{3}", "Let me see.\n\nSo \\boxed{4}"],
        "scores": [[0.5, 0.75], [0.25, 0.875]],
        "completion_tokens": [7, 8],
    },
    {
        "problem": "What is 2 + 2?",
        "answer": "4",
        "unique_id": "algebra/2",
        "solution": "It is $\\boxed{4}$.",
        "level": 1,
        "completions": ["Two twos.\n\nSo \\boxed{4}", "So \\boxed{4}"],
        "scores": [[0.5, 0.25], [0.125]],
        "completion_tokens": [6, 3],
    },
]
RUN = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1, no_answer: 0.1}
scorer: {kind: scripted, skill: 0.9, missing: 0.1}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""


def commands(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Treewright:
    """Runs a command in an empty folder; returns its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)

    def run(*arguments: object) -> Told:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def importing(treewright: Treewright) -> Imported:
    """Imports rows, or a file's text; returns the folder of the run."""

    def make(rows: list[Row] | str = ROWS, *arguments: str, file: str = "theirs.jsonl") -> Path:
        write(file, rows)
        code, out, err = treewright("import", file, *arguments, "grading.kind=numeric", "--json")
        assert code == 0, err
        return Path(json.loads(out)["run"])

    return make


def write(file: str, rows: list[Row] | str) -> None:
    text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    Path(file).write_text(text)


def read(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def exported(treewright: Treewright, run: Path) -> list[Row]:
    code, _, err = treewright("export", run, "--format", "sal")
    assert code == 0, err
    return read(run / "sal_completions.jsonl")


def samples(treewright: Treewright, run: Path) -> list[Row]:
    code, _, err = treewright("export", run)
    assert code == 0, err
    rows: list[Row] = parquet.read_table(run / "samples.parquet").to_pylist()
    return rows


def of(rows: list[Row], keys: Row) -> list[Row]:
    return [{key: row[key] for key in keys} for row in rows]


def changed(**columns: Any) -> list[Row]:
    """The rows, the second with other columns; None takes one away."""
    second = {key: value for key, value in {**ROWS[1], **columns}.items() if value is not None}
    return [ROWS[0], second]


def accuracies(out: str) -> dict[tuple[str | None, str, int], float]:
    arms = json.loads(out)["arms"]
    return {(arm["aggregation"], arm["selection"], arm["n"]): arm["accuracy"] for arm in arms}


def a_run(treewright: Treewright, *overrides: str, problems: int = 6) -> Path:
    """A run with the doubles over sums."""
    sums = [{"problem": f"What is {n} + 3?", "answer": str(n + 3)} for n in range(problems)]
    write("data.jsonl", sums)
    Path("config.yaml").write_text(RUN)
    code, out, err = treewright("run", "config.yaml", *overrides, "--json")
    assert code == 0, err
    return Path(json.loads(out)["run"])
