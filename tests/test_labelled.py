"""Solutions with labelled steps: of datasets by name, of files in three schemas, and bad rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import published_rows
from benchmarks import arithmetic
from benchmarks.arithmetic import checker
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured import checker as structured_checker
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.datasets import DATASETS, DatasetError
from benchmarks.datasets.labelled import load_labelled
from benchmarks.structured import option_answer
from scorers.step_texts import untagged

ROW = {"problem": "1 + 1 + 1?", "steps": ["1 + 1 = 2.", "2 + 1 = 4."]}


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_file_of_processbench_is_its_subset_with_first_errors(tmp_path: Path) -> None:
    file = tmp_path / "gsm8k.json"
    file.write_text(json.dumps(published_rows.PROCESSBENCH))
    wrong, right = load_labelled(str(file)).solutions
    assert (wrong.id, wrong.subset, wrong.labels.first_error) == ("gsm8k/gsm8k-0", "gsm8k", 1)
    assert wrong.labels.problem.question == "1 + 1 + 1?"
    assert wrong.labels.steps == ("1 + 1 = 2.", "2 + 1 = 4.")
    assert right.labels.first_error is None


def test_a_file_of_prm800k_takes_minus_one_for_wrong_and_zero_for_not_wrong(
    tmp_path: Path,
) -> None:
    step, labelled = published_rows.step, published_rows.labelled
    broken = labelled(step(1), finish="bad_problem")
    unrated = labelled(step(1), step(None))
    file = write(tmp_path / "phase2.jsonl", *published_rows.PRM800K, broken, unrated)
    data = load_labelled(file)
    wrong, right = data.solutions
    assert wrong.labels.first_error == 2  # 1, 0, then -1
    assert right.labels.first_error is None  # the alternative that was chosen is right
    assert data.unlabelled == 2


def test_rows_of_ones_own_may_label_every_step_and_name_a_subset(tmp_path: Path) -> None:
    file = write(
        tmp_path / "own.jsonl",
        {**ROW, "label": -1, "subset": "easy"},
        {**ROW, "labels": [True, False], "subset": "hard"},
        {"question": "2?", "steps": ["a", "b", "c"], "labels": [False, None, True]},
    )
    data = load_labelled(file)
    assert [each.labels.first_error for each in data.solutions] == [None, 1, 0]
    assert data.subsets == ["easy", "hard", "own"]
    assert load_labelled(file, ["hard"]).subsets == ["hard"]


def test_rows_that_say_the_same_have_ids_of_their_own(tmp_path: Path) -> None:
    row = {**ROW, "label": 1}
    ids = [each.id for each in load_labelled(write(tmp_path / "x.jsonl", row, row)).solutions]
    assert len(set(ids)) == 2
    assert all(id.startswith("x/pb-") for id in ids)


def test_a_limit_is_of_each_subset(tmp_path: Path) -> None:
    rows = [{**ROW, "label": 1, "subset": subset} for subset in "aaabb"]
    data = load_labelled(write(tmp_path / "x.jsonl", *rows), limit=2)
    assert [each.subset for each in data.solutions] == ["a", "a", "b", "b"]


def test_a_split_that_is_named_twice_is_there_once() -> None:
    once, twice = (
        load_labelled("arithmetic_levels_steps", ["test"] * times, 3) for times in (1, 2)
    )
    assert once == twice
    assert len(twice.solutions) == 3


def test_the_digest_changes_with_a_label_and_a_step(tmp_path: Path) -> None:
    rows = [{**ROW, "label": 1}, {**ROW, "label": 0}, {**ROW, "steps": ["a", "b"], "label": 1}]
    found = {load_labelled(write(tmp_path / "x.jsonl", row)).digest for row in rows}
    assert len(found) == 3


BAD_ROWS = [
    ({**ROW, "label": 2}, "the label .* is 2, and there are 2 steps"),
    ({**ROW, "label": "1"}, "the label .* is a text, not a whole number"),
    ({**ROW, "labels": [True]}, "the labels .* are 1, and there are 2 steps"),
    ({**ROW, "labels": [1, -1]}, "label of step 0 .* is 1, not true or false"),
    ({**ROW, "labels": [None, True]}, "label of step 0 .* is null, not true or false"),
    (ROW, "just one of label and labels"),
    ({**ROW, "label": 1, "labels": [True, False]}, "just one of label and labels"),
    ({**ROW, "steps": [], "label": -1}, "the steps .* are none"),
    ({**ROW, "steps": ["1", " \n"], "label": -1}, "step 1 .* says nothing"),
    ({**ROW, "steps": "1", "label": -1}, "the steps .* are a text, not a list of texts"),
    ({"steps": ["a"], "label": 0}, "the problem .* is missing"),
]


@pytest.mark.parametrize(("row", "problem"), BAD_ROWS)
def test_a_bad_row_is_told_with_its_file_number_and_field(
    tmp_path: Path, row: dict[str, Any], problem: str
) -> None:
    good = {**ROW, "label": 1}
    data = load_labelled(write(tmp_path / "x.jsonl", good, row))
    assert len(data.solutions) == 1
    (bad,) = data.bad_rows
    assert bad.number == 2
    with pytest.raises(DatasetError, match=rf"only\.jsonl, row 1: .*{problem}"):
        load_labelled(write(tmp_path / "only.jsonl", row))


def test_what_has_no_labelled_steps_is_told_with_what_has(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="did you mean arithmetic_levels_steps"):
        load_labelled("arithmetic_levels")
    with pytest.raises(
        DatasetError, match=r"these have: arithmetic_levels_steps.*processbench, prm800k"
    ):
        load_labelled("math500")
    file = write(tmp_path / "x.jsonl", {"problem": "1?", "answer": 1})
    with pytest.raises(DatasetError, match="has no labelled steps; it needs problem, steps and"):
        load_labelled(file)
    twice = write(tmp_path / "y.jsonl", *[{**ROW, "id": "a", "label": 1}] * 2)
    with pytest.raises(DatasetError, match=r"y\.jsonl, row 2: the id 'a' is row 1's as well"):
        load_labelled(twice)
    with pytest.raises(DatasetError, match="has no subset 'b'; it has x"):
        load_labelled(write(tmp_path / "x.jsonl", {**ROW, "label": 1}), ["b"])


def test_by_name_all_splits_of_processbench_are_asked_for_and_offline_is_told() -> None:
    with pytest.raises(DatasetError, match=r"processbench.*cannot be downloaded.* with --data"):
        load_labelled("processbench")
    with pytest.raises(DatasetError, match="no split 'train'; it has gsm8k"):
        load_labelled("processbench", ["train"])


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_embedded_labels_are_those_of_the_exact_checkers(split: str) -> None:
    problems = {problem.question: problem for problem in read_split(split)}
    offered = [offer(each, 0) for each in read_split(split)]
    choices = {choice.question: choice for choice in offered}
    for name in ("arithmetic_levels_choices_steps", "arithmetic_levels_steps"):
        data = load_labelled(name, [split])
        assert len(data.solutions) == DATASETS[name].rows[split]
        for each in data.solutions:
            question, steps = each.labels.problem.question, list(each.labels.steps)
            if name == "arithmetic_levels_choices_steps":
                shown = untagged(question, steps, 0)
                labels = structured_checker.check(choices[question], shown)
            else:
                labels = checker.check(problems[question], steps)
            assert each.labels.first_error == (labels.index(False) if False in labels else None)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_embedded_final_answers_are_right_whatever_the_steps_are(split: str) -> None:
    """As ProcessBench has it: a wrong step may still lead to the right answer."""
    solved = {problem.question: problem for problem in read_split(split)}
    choices = [offer(each, 0) for each in read_split(split)]
    answers = {choice.question: str(choice.answer) for choice in choices}
    folder = Path(arithmetic.__file__).parent
    for file in (folder / "data", folder / "structured" / "data"):
        lucky = 0
        for row in map(json.loads, (file / f"labelled_{split}.jsonl").read_text().splitlines()):
            question, steps = row["problem"], row["steps"]
            if question in answers:
                right = option_answer("".join(steps), 0) == answers[question]
            else:
                right = checker.is_solved(solved[question], steps)
            assert row["final_answer_correct"] == right
            lucky += right and row["label"] != -1
        assert lucky
