"""The embedded domain: generator, splits, dataset, checker and made-up errors."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic import splits
from benchmarks.arithmetic.checker import check, is_solved, read_steps
from benchmarks.arithmetic.errors import corrupt
from benchmarks.arithmetic.lessons import policy_lessons
from benchmarks.arithmetic.problems import (
    LEVELS,
    ArithmeticProblem,
    Operation,
    draw_problem,
    problems,
    write_solution,
)
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.load import load_dataset

SEEDS = st.integers(min_value=0, max_value=2**32)
PROBLEM = ArithmeticProblem(
    kind="expression",
    start=12,
    operations=(
        Operation("+", 7),
        Operation("*", 3),
        Operation("-", 9),
        Operation("/", 4),
        Operation("+", 5),
    ),
    question="What is ((12 + 7) * 3 - 9) / 4 + 5?",
)
RIGHT = [
    "12 + 7 = 19",
    "19 * 3 = 57",
    "57 - 9 = 48",
    "48 / 4 = 12",
    r"12 + 5 = 17. The answer is \boxed{17}",
]


def edited(index: int, text: str) -> list[str]:
    return [*RIGHT[:index], text, *RIGHT[index + 1 :]]


# --- Generator ----------------------------------------------------------------------------------


@given(SEEDS, st.sampled_from(sorted(LEVELS)))
@settings(max_examples=50)
def test_a_problem_keeps_to_its_level_and_its_solution_is_right(seed: int, number: int) -> None:
    problem, level = draw_problem(random.Random(seed), number), LEVELS[number]
    least, most = level.steps
    assert least <= len(problem.operations) <= most
    assert all(1 <= value <= level.largest for value in problem.values)
    for value, operation in zip(problem.values, problem.operations, strict=False):
        assert operation.symbol != "/" or value % operation.operand == 0
    assert check(problem, problem.solution()) == [True] * len(problem.operations)
    assert is_solved(problem, problem.solution())


@given(SEEDS, st.sampled_from(sorted(LEVELS)))
@settings(max_examples=30)
def test_the_text_states_the_chain(seed: int, number: int) -> None:
    """Python reads a formula by the usual precedence, an independent way to the answer."""
    problem = draw_problem(random.Random(seed), number)
    if problem.kind == "expression":
        formula = "".join(c for c in problem.question if c in "0123456789+-*/() ")
        assert eval(formula) == problem.answer
    else:
        stated = [int(number) for number in re.findall(r"\d+", problem.question)]
        assert stated == [problem.start, *(each.operand for each in problem.operations)]


def test_no_division_comes_after_a_hard_operation_where_it_could_hide_a_slip() -> None:
    late = 0
    for problem in islice(problems(0), 1_000):
        hard = [o.operand > (20 if o.symbol in "+-" else 9) for o in problem.operations]
        first = hard.index(True) if True in hard else len(hard)
        assert all(o.symbol != "/" for o in problem.operations[first:])
        late += first < len(hard) and any(o.symbol == "/" for o in problem.operations)
    assert late > 100, "before it there are divisions"


def test_the_levels_come_in_turn_and_no_chain_comes_twice() -> None:
    drawn = list(islice(problems(1), 100))
    assert [problem.level for problem in drawn[:6]] == [1, 2, 3, 4, 5, 1]
    assert len({problem.key for problem in drawn}) == 100
    banned = frozenset(problem.key for problem in drawn[:50])
    assert not banned & {problem.key for problem in islice(problems(1, banned), 200)}


def test_the_same_seed_gives_the_same_problems_and_another_seed_others() -> None:
    first, again, other = (list(islice(problems(seed), 20)) for seed in (1, 1, 2))
    assert first == again
    assert not {p.key for p in first} & {p.key for p in other}


def test_two_wordings_of_one_chain_have_the_same_key() -> None:
    assert replace(PROBLEM, kind="word", question="A story.").key == PROBLEM.key


# --- Splits -------------------------------------------------------------------------------------


def test_the_committed_splits_are_what_the_command_writes() -> None:
    assert splits.main(["--check"]) == 0


def test_training_draws_no_problem_of_the_test_or_validation_split() -> None:
    held_out = {p.question for split in ("test", "validation") for p in splits.read_split(split)}
    drawn = islice(policy_lessons(splits.SEED, splits.held_out_keys()), 200)
    assert not any(question in lesson.prompt for lesson in drawn for question in held_out)


def test_the_dataset_gives_the_problems_with_their_answers_and_levels() -> None:
    loaded = load_dataset(DatasetConfig(name="arithmetic_levels", split="validation", limit=5))
    expected = splits.read_split("validation")[:5]
    assert [sample.answer for sample in loaded.samples] == [str(p.answer) for p in expected]
    assert [sample.metadata["level"] for sample in loaded.samples] == [1, 2, 3, 4, 5]


def test_a_changed_split_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(splits, "FOLDER", tmp_path)
    assert splits.main([]) == 0
    path = tmp_path / "test.jsonl"
    path.write_text(path.read_text().replace("12", "13", 1))
    assert splits.main(["--check"]) == 1
    assert "test.jsonl" in capsys.readouterr().err


def test_no_chain_and_no_id_is_in_two_splits() -> None:
    rows = [p for split in splits.SIZES for p in splits.read_split(split)]
    assert len({p.key for p in rows}) == len({p.id for p in rows}) == sum(splits.SIZES.values())


def test_the_rows_of_a_split_read_back() -> None:
    rows = splits.read_split("test")
    assert all(splits.read_row(splits.write_row(p)) == p for p in rows)


def test_training_excludes_the_validation_and_the_test_problems() -> None:
    keys = splits.held_out_keys()
    assert {p.key for p in splits.read_split("test")} <= keys
    assert {p.key for p in splits.read_split("validation")} <= keys
    assert not {p.key for p in splits.read_split("train")} & keys


# --- The problems of earlier versions -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "option_seed", "digest"),
    [
        ("arithmetic", None, "500031005bcede837e88d3e502a65ce2"),
        ("arithmetic_choices", None, "12e267df7210790c0e5dffc45fd39ec4"),
        ("arithmetic_choices", 5, "c6d2799de19e65de699d9b027ed50673"),
    ],
)
def test_runs_of_earlier_versions_find_their_rows_unchanged(
    name: str, option_seed: int | None, digest: str
) -> None:
    """The digests are those of the rows as version 1 had them: ids, questions, options, answers."""
    loaded = load_dataset(DatasetConfig(name=name, split="test", option_seed=option_seed))
    assert (len(loaded.samples), loaded.digest) == (512, digest)


# --- Checker ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "text"),
    [
        pytest.param(1, "19 * 3 = 47", id="arithmetic"),
        pytest.param(1, "19 * 4 = 76", id="operand"),
        pytest.param(1, "19 + 3 = 22", id="operation"),
        pytest.param(2, "56 - 9 = 47", id="copied value"),
        pytest.param(1, "3 * 19 = 57", id="not in the domain's form of the product"),
        pytest.param(3, r"48 / 4 = 12. The answer is \boxed{12}", id="answer too early"),
        pytest.param(4, r"12 + 5 = 17. The answer is \boxed{16}", id="box differs from the result"),
        pytest.param(2, "fifty-seven minus nine is 48", id="unreadable"),
        pytest.param(2, "", id="empty"),
    ],
)
def test_each_kind_of_wrong_step_is_the_first_error_and_what_follows_is_not_judged(
    index: int, text: str
) -> None:
    labels = check(PROBLEM, edited(index, text))
    assert labels == [True] * index + [False] + [None] * (len(RIGHT) - index - 1)


def test_a_skipped_step_is_wrong_where_the_next_one_took_its_place() -> None:
    steps = ["12 + 7 = 19", "19 - 9 = 10", "10 / 4 = 2", r"2 + 5 = 7. The answer is \boxed{7}"]
    assert check(PROBLEM, steps) == [True, False, None, None]


def test_honest_steps_after_an_error_are_not_called_right() -> None:
    steps = ["12 + 7 = 18", "18 * 3 = 54", "54 - 9 = 45"]
    assert check(PROBLEM, steps) == [False, None, None]


def test_an_extra_step_after_the_last_operation_is_wrong() -> None:
    steps = [*RIGHT[:4], "12 + 5 = 17", "17 + 5 = 22"]
    assert check(PROBLEM, steps) == [True] * 5 + [False]


def test_an_unfinished_right_solution_has_no_wrong_step_and_is_not_solved() -> None:
    assert check(PROBLEM, RIGHT[:3]) == [True] * 3
    assert not is_solved(PROBLEM, RIGHT[:3])


def test_a_lucky_answer_is_solved_although_a_step_is_wrong() -> None:
    steps = [*edited(3, "48 / 4 = 13")[:4], r"13 + 4 = 17. The answer is \boxed{17}"]
    assert is_solved(PROBLEM, steps)
    assert False in check(PROBLEM, steps)


def test_no_steps_have_no_labels() -> None:
    assert check(PROBLEM, []) == []
    assert not is_solved(PROBLEM, [])


@given(SEEDS)
def test_a_written_solution_splits_back_into_its_steps(seed: int) -> None:
    steps = draw_problem(random.Random(seed), 1 + seed % 5).solution()
    assert read_steps(write_solution(steps)) == steps


def test_text_before_the_first_marker_is_a_step_of_its_own() -> None:
    assert read_steps("Sure.\nStep 1: 1 + 1 = 2") == ["Sure.", "1 + 1 = 2"]


# --- Wrong solutions ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_made_up_solution_has_an_error(seed: int) -> None:
    problem = draw_problem(random.Random(seed), 1 + seed % 5)
    assert False in check(problem, corrupt(random.Random(seed), problem))
