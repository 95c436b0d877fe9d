"""Columns that are a part of the question: asked where that is said, and else told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets import Dataset, DatasetConfig, load_dataset
from treewright.cli import main

MCQ = {"question": "Which is even?", "choices": ["1", "4", "3"], "answer": 1}
BODY = {"Body": "There are 87 oranges.", "Question": "How many?", "Answer": 87}


def load(folder: Path, row: dict[str, Any], **config: Any) -> Dataset:
    """A file of this one row."""
    file = folder / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    return load_dataset(DatasetConfig(path=str(file), **config))


@pytest.mark.parametrize(
    ("row", "column", "field"),
    [
        (MCQ, "choices", "options"),
        ({**MCQ, "choices": None, "Options": {"A": "1", "B": "4"}}, "Options", "options"),
        (BODY, "Body", "context"),
        ({"instruction": "Add.", "input": "1 + 1", "answer": "2"}, "instruction", "context"),
        ({"question": "Add.", "input": "1 + 1", "answer": "2"}, "input", "context"),
    ],
)
def test_a_column_that_is_not_asked_is_told(
    tmp_path: Path, row: dict[str, Any], column: str, field: str
) -> None:
    (note,) = load(tmp_path, row).notes
    assert note.startswith(f"{tmp_path}/rows.jsonl: column {column!r} is not asked, only ")
    assert note.endswith(f"dataset.fields.{field}={column} would ask it too")
    assert load(tmp_path, row, fields={field: column}).notes == ()


@pytest.mark.parametrize("empty", [None, "", []])
def test_an_empty_column_is_not_told(tmp_path: Path, empty: object) -> None:
    assert load(tmp_path, {"question": "1 + 1?", "input": empty, "answer": 2}).notes == ()


def test_a_context_stands_before_its_question(tmp_path: Path) -> None:
    (sample,) = load(tmp_path, BODY, fields={"context": "Body"}).samples
    assert sample.problem.question == "There are 87 oranges.\n\nHow many?"
    assert (sample.answer, sample.metadata) == ("87", {})
    (without,) = load(tmp_path, {**BODY, "Body": ""}, fields={"context": "Body"}).samples
    assert without.problem.question == "How many?"


LABELLED = {"label": ["1", "2", "3"], "text": ["1", "4", "3"]}


@pytest.mark.parametrize(
    ("choices", "answer", "right"),
    [
        (MCQ["choices"], 1, "B"),
        (MCQ["choices"], "B", "B"),
        (MCQ["choices"], "4", "B"),
        (MCQ["choices"], "2", "C"),
        ([10, 20], 20, "B"),
        ({"A": "1", "B": "4"}, "B", "B"),
        ({"X": "1", "Y": "4"}, "Y", "B"),
        ({"label": ["P", "Q"], "text": ["1", "4"]}, "Q", "B"),
        (LABELLED, "2", "B"),
        (LABELLED, "3", "C"),
    ],
)
def test_the_right_option_is_said_by_number_label_or_text(
    tmp_path: Path, choices: object, answer: object, right: str
) -> None:
    row = {**MCQ, "choices": choices, "answer": answer}
    (sample,) = load(tmp_path, row, fields={"options": "choices"}).samples
    assert sample.answer == right
    assert sample.problem.question.startswith("Which is even?\n\nA. 1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "D"}, "'D' names no option, by label or by text"),
        ({"answer": 7}, "'7' names no option"),
        ({"choices": ["B", "4"], "answer": "B"}, "'B' names more than one option"),
        ({"choices": ["4", "4"], "answer": "4"}, "'4' names more than one option"),
        ({"choices": "1, 4"}, "the options (choices) are a text, not a list of texts"),
        ({"choices": None}, "the options (choices) are null, not a list of texts"),
        ({"choices": ["1"], "answer": 0}, "has 1 options"),
        ({"choices": {"label": ["A"], "text": ["1", "4"]}}, "are 2, and have 1 labels"),
    ],
)
def test_an_answer_that_names_no_one_option_spoils_its_row(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in (MCQ, {**MCQ, **change})))
    data = load_dataset(DatasetConfig(path=str(file), fields={"options": "choices"}))
    assert reason in data.bad_rows[0].reason


def test_options_of_a_file_are_shuffled_and_listed_as_those_of_a_benchmark(tmp_path: Path) -> None:
    said: dict[str, Any] = {"fields": {"options": "choices"}, "option_format": "list"}
    (sample,) = load(tmp_path, MCQ, option_seed=3, **said).samples
    assert sample.problem.question.startswith("Which is even?\nProvided options: [")
    shown = sample.metadata["options"]
    assert isinstance(shown, list)
    assert shown[int(str(sample.answer))] == "4"
    with pytest.raises(ValueError, match=r"only with .*fields\.options"):
        load(tmp_path, MCQ, option_seed=3)


def test_validate_run_and_sweep_say_what_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    load(tmp_path, MCQ)
    Path("mine.yaml").write_text(
        "dataset: {path: rows.jsonl}\npolicy: {kind: scripted}\nscorer: {kind: none}\n"
        "strategy: {kind: greedy}\ncluster: {backend: inline}\n"
    )
    told = "rows.jsonl: column 'choices' is not asked, only 'question'"
    assert main(["validate", "mine.yaml"]) == 0
    assert told in capsys.readouterr().out
    assert main(["run", "mine.yaml"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("note: ")
    assert told in err.splitlines()[0]
    assert main(["sweep", "mine.yaml", "sweep={grid: {seed: [0, 1]}}", "--dry-run"]) == 0
    assert capsys.readouterr().err.count(told) == 1
    main(["doctor", "mine.yaml"])
    assert "warn  dataset" in capsys.readouterr().out
    with_options = ["dataset.fields={options: choices}", "grading.kind=option"]
    assert main(["validate", "mine.yaml", *with_options]) == 2
    assert "use dataset.option_format=list" in capsys.readouterr().err
