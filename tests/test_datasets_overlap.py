"""Which questions of one dataset stand in another, and leaving them out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets import DatasetConfig, load_dataset
from benchmarks.datasets.overlap import find_overlaps, main, runs

QUESTION = "a train leaves the town at noon and drives north for two hours at ninety"
WORDS = QUESTION.split()


def write(path: Path, *questions: str) -> str:
    rows = [{"problem": question, "answer": "1"} for question in questions]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_copy_is_found_whatever_its_case_and_spacing() -> None:
    (found,) = find_overlaps({"q": QUESTION}, [(1, "else"), (2, f" {QUESTION.upper()}\n")])
    assert (found.id, found.share, found.copy, found.row) == ("q", 1.0, True, 2)


def test_the_share_is_that_of_the_questions_runs_of_eight_tokens() -> None:
    """15 tokens are 8 runs; the last 11 of them are 4 runs."""
    seen = [(7, "Yesterday " + " ".join(WORDS[4:]) + ", it seems.")]
    (found,) = find_overlaps({"q": QUESTION}, seen, share=0.5)
    assert (len(runs(QUESTION)), found.share, found.copy, found.row) == (8, 0.5, False, 7)
    assert find_overlaps({"q": QUESTION}, seen, share=0.51) == []


def test_one_question_must_hold_the_share_and_not_many_together() -> None:
    halves = [(1, " ".join(WORDS[:11])), (2, " ".join(WORDS[4:]))]
    assert find_overlaps({"q": QUESTION}, halves, share=0.6) == []


def test_a_copy_counts_more_than_a_question_that_holds_it() -> None:
    seen = [(1, QUESTION), (2, f"{QUESTION} Why?"), (3, QUESTION)]
    (found,) = find_overlaps({"q": QUESTION}, seen[::-1])
    assert (found.copy, found.row) == (True, 3)
    (within,) = find_overlaps({"q": QUESTION}, [seen[1]])
    assert (within.share, within.copy) == (1.0, False)


def test_signs_tell_short_questions_apart() -> None:
    assert find_overlaps({"q": "2 + 3?"}, [(1, "2 - 3?")]) == []
    assert find_overlaps({"q": "2 + 3?"}, [(1, "2+3?")])[0].share == 1.0


@given(st.lists(st.text(max_size=40), max_size=6), st.lists(st.text(max_size=40), max_size=6))
def test_every_question_overlaps_itself_and_the_share_is_a_share(
    asked: list[str], others: list[str]
) -> None:
    questions = {str(number): text for number, text in enumerate(asked)}
    seen = list(enumerate([*others, *asked]))
    found = find_overlaps(questions, seen)
    assert [overlap.id for overlap in found] == list(questions)
    assert all(overlap.copy and overlap.share == 1 for overlap in found)
    for overlap in find_overlaps(questions, list(enumerate(others)), share=1e-9):
        assert 0 < overlap.share <= 1


def test_the_command_lists_them_and_writes_what_exclude_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write(tmp_path / "asked.jsonl", "1 + 1?", QUESTION, "What else \x1b[31m is there?")
    seen = write(tmp_path / "seen.jsonl", f"{QUESTION} Why?", "what else \x1b[31m IS there?")
    output = tmp_path / "found.jsonl"
    assert main([asked, seen, "--output", str(output)]) == 0
    told = capsys.readouterr().out
    assert told.endswith(f"2 of 3 questions are in {seen}, 1 word for word\n")
    assert "\x1b" not in told
    left = load_dataset(DatasetConfig(path=asked, exclude=str(output)))
    assert ([s.problem.question for s in left.samples], left.excluded) == (["1 + 1?"], 2)
    assert main([asked, seen, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["questions"], [row["row"] for row in said["rows"]]) == (3, [1, 2])


def test_a_split_of_a_dataset_with_a_name_can_be_compared_and_excluded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = load_dataset(DatasetConfig(name="arithmetic", split="train")).samples[0]
    mine = write(tmp_path / "mine.jsonl", first.problem.question.upper(), "1 + 1?")
    assert main([mine, "arithmetic/train"]) == 0
    assert "1 of 2 questions are in arithmetic/train" in capsys.readouterr().out
    left = load_dataset(DatasetConfig(path=mine, exclude="arithmetic/train"))
    assert [sample.problem.question for sample in left.samples] == ["1 + 1?"]


@pytest.mark.parametrize("split", ["validation", "train"])
def test_the_embedded_test_questions_are_nowhere_else(
    split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["arithmetic_levels", f"arithmetic_levels/{split}"]) == 0
    assert capsys.readouterr().out.startswith("0 of 500 questions")


@pytest.mark.parametrize(
    ("asked", "seen", "told"),
    [
        ("nothing.jsonl", "arithmetic", "nothing.jsonl: no such file"),
        ("arithmetic", "arithmetic/dev", "has no split 'dev'; it has train, validation, test"),
        ("arithmetic", "{empty}", "has no questions to compare with"),
    ],
)
def test_data_that_cannot_be_had_ends_with_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, seen: str, told: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("{}\n")
    assert main([asked, seen.format(empty=tmp_path / "empty.jsonl")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert told in line
