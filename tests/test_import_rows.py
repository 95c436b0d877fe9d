"""`import`: how its rows are read, and what it says of bad ones."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from their_rows import (
    ROWS,
    Imported,
    Row,
    Treewright,
    changed,
    samples,
    write,
)
from treewright.exchange.step_splitting import split_steps

# --- Steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scores", "steps"),
    [
        ("a\n\nb", 2, ["a\n\n", "b"]),
        ("a\n\nb\n\n", 2, ["a\n\n", "b\n\n"]),
        ("a\n\nb\n\n", 3, ["a\n\n", "b\n\n", ""]),
        ("a\nb\n\nc", 2, ["a\nb\n\n", "c"]),
        ("a\nb\n\nc", 3, ["a\n", "b\n\n", "c"]),
        ("a\nb\n\nc", 4, ["a\n", "b\n", "\n", "c"]),
        ("\n\na\n\nb", 2, ["\n\na\n\n", "b"]),
        ("a\n\nb", 1, ["a\n\nb"]),
        ("a\n\nb", 0, ["a\n\n", "b"]),
        ("", 1, [""]),
    ],
)
def test_steps_are_split_as_the_verifiers_split_them(
    text: str, scores: int, steps: list[str]
) -> None:
    assert split_steps(text, scores) == (steps, True)


def test_where_no_rule_fits_the_boundaries_are_a_guess() -> None:
    assert split_steps("a\n\nb\n\nc\n\nd", 3) == (["a\n\n", "b\n\n", "c\n\nd"], False)
    assert split_steps("a", 3) == (["a", "", ""], False)


@given(st.text(alphabet="ab \n"), st.integers(0, 6))
def test_steps_join_to_their_text_and_are_one_per_score(text: str, scores: int) -> None:
    steps, _ = split_steps(text, scores)
    assert "".join(steps) == text
    assert len(steps) == scores or scores == 0


# --- Which problem a row is about -----------------------------------------------------------------


def test_rows_find_their_problem_by_id_or_by_question(
    imported: Imported, treewright: Treewright
) -> None:
    asked = [
        {"id": "algebra/2", "problem": "What is 2 + 2?", "answer": "4"},
        {"id": "other", "problem": "What  is 1 + 2?", "answer": "3"},
    ]
    write("asked.jsonl", asked)
    run = imported(ROWS, "--dataset", "asked.jsonl")
    found = {row["problem_id"]: row["text"] for row in samples(treewright, run)}
    assert found == {"algebra/2": ROWS[1]["completions"][1], "other": ROWS[0]["completions"][1]}


def test_a_problem_without_completions_is_a_failure_and_no_wrong_answer(
    treewright: Treewright,
) -> None:
    asked = [*ROWS, {"problem": "What is 5 + 5?", "answer": "10", "unique_id": "algebra/3"}]
    write("asked.jsonl", asked)
    write("theirs.jsonl", ROWS)
    code, out, err = treewright(
        *("import", "theirs.jsonl", "--dataset", "asked.jsonl"),
        *("grading.kind=numeric", "--json"),
    )
    assert code == 3
    assert "algebra/3: the file has no completions" in err
    printed = json.loads(out)
    assert (printed["problems"], printed["failures"]) == (3, 1)
    assert {arm["problems"] for arm in printed["arms"]} == {2}
    assert "without a result: 1 problem" in treewright("export", printed["run"])[2]


def test_named_datasets_are_found_and_misspelt_ones_told(treewright: Treewright) -> None:
    write("theirs.jsonl", ROWS)
    assert (
        "asks what no problems of the dataset ask"
        in treewright("import", "theirs.jsonl", "--dataset", "arithmetic")[2]
    )
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "arithmetik")
    assert code == 2
    assert "did you mean arithmetic?" in err


# --- Bad input ------------------------------------------------------------------------------------

BAD: dict[str, tuple[list[Row] | str, str]] = {
    "empty": ("", "is empty"),
    "not JSON": (json.dumps(ROWS[0]) + "\n{oops\n", "row 2: not JSON"),
    "not an object": ("[1]\n", "not an object but a number"),
    "no problem": (changed(problem=None), "row 2: has no problem"),
    "no answer": (changed(answer=None), "row 2: the answer (answer) is missing"),
    "no completions": (changed(completions=None), "row 2: has no completions"),
    "no completion": (changed(completions=[], scores=[]), "row 2: has no completions"),
    "no scores": (changed(scores=None), "row 2: has no scores"),
    "a text for completions": (changed(completions="a"), "completions is a text, not a list"),
    "a number among them": (changed(completions=["a", 1]), "completions[1] is a number"),
    "scores not aligned": (changed(scores=[[0.5]]), "has 1 scores for 2 completions"),
    "flat scores": (changed(scores=[0.5, 0.5]), "scores[0] is a number, not a list"),
    "above one": (changed(scores=[[0.5], [0.5, 1.5]]), "scores[1][1] is 1.5, not a probability"),
    "negative": (changed(scores=[[0.5], [-0.5]]), "scores[1][0] is -0.5, not a probability"),
    "NaN": (changed(scores=[[0.5], [math.nan]]), "scores[1][0] is nan, not a probability"),
    "a flag": (changed(scores=[[0.5], [True]]), "scores[1][0] is a boolean, not a number"),
    "tokens not aligned": (changed(completion_tokens=[1]), "1 completion_tokens for 2 completions"),
    "half a token": (changed(completion_tokens=[1, 2.5]), "completion_tokens[1] is 2.5"),
    "unknown stop": (changed(stop_reasons=["eos", "tired"]), "'tired' is not a valid StopReason"),
    "the same id": (changed(unique_id="algebra/1"), "row 2: the id 'algebra/1' is row 1's as well"),
}


@pytest.mark.parametrize(("rows", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_one_line_and_no_run(
    treewright: Treewright, rows: list[Row] | str, told: str
) -> None:
    write("theirs.jsonl", rows)
    code, out, err = treewright("import", "theirs.jsonl")
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: theirs.jsonl")
    assert told in err
    assert not Path("runs").exists()


def test_a_problem_twice_without_ids_is_told(treewright: Treewright) -> None:
    rows = [{key: value for key, value in ROWS[0].items() if key != "unique_id"}] * 2
    write("theirs.jsonl", rows)
    code, _, err = treewright("import", "theirs.jsonl")
    assert code == 2
    assert "row 2: asks the same as row 1" in err


def test_two_rows_about_one_problem_of_a_dataset_are_told(treewright: Treewright) -> None:
    write("asked.jsonl", [{"id": "one", "problem": "What is 1 + 2?", "answer": "3"}])
    write("theirs.jsonl", [ROWS[0], {**ROWS[0], "unique_id": "again"}])
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "asked.jsonl")
    assert code == 2
    assert "row 2: is about the same problem as row 1: one" in err


def test_an_id_with_another_question_is_told(treewright: Treewright) -> None:
    write("asked.jsonl", [{"id": "algebra/1", "problem": "What is 9 + 9?", "answer": "18"}])
    write("theirs.jsonl", ROWS)
    code, _, err = treewright("import", "theirs.jsonl", "--dataset", "asked.jsonl")
    assert code == 2
    assert "row 1: asks something else than problem algebra/1" in err
