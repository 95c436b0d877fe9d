"""Datasets with a name, each on a small file in the schema that it really has."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets import DATASETS, Dataset, DatasetConfig, DatasetError, load_dataset
from benchmarks.datasets.choices import option_order
from benchmarks.grading import GradingConfig, open_grader
from published_rows import GPQA, MATH500, MMLU, PROCESSBENCH, ROWS, labelled, step, write


def load(path: Path, name: str, **settings: Any) -> Dataset:
    return load_dataset(DatasetConfig(name=name, path=str(path), **settings))


@pytest.mark.parametrize("name", ROWS)
def test_a_file_in_the_real_schema_loads_whole(tmp_path: Path, name: str) -> None:
    data = load(write(tmp_path, name), name)
    assert data.bad_rows == []
    assert len(data.samples) == len({sample.problem.id for sample in data.samples})
    assert len(data.samples) == len(ROWS[name])


def test_every_dataset_on_the_hub_is_tested_in_its_schema() -> None:
    assert {name for name, dataset in DATASETS.items() if dataset.repository} == ROWS.keys()


@pytest.mark.parametrize("name", [name for name in DATASETS if DATASETS[name].repository])
def test_every_dataset_is_pinned_to_a_commit_with_a_size_for_each_split(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.repository is not None
    assert re.fullmatch(r"[0-9a-f]{40}", dataset.repository.revision)
    assert dataset.rows.keys() == dataset.files.keys()
    assert dataset.licence


@pytest.mark.parametrize(
    ("name", "id", "answer"),
    [
        ("math500", "test/algebra/1.json", "8"),
        ("aime24", "60", "025"),
        ("aime25", "0", "70"),
    ],
)
def test_questions_and_answers_are_found(tmp_path: Path, name: str, id: str, answer: str) -> None:
    (sample,) = load(write(tmp_path, name), name).samples
    assert (sample.problem.id, sample.answer) == (id, answer)
    assert sample.problem.question == ROWS[name][0]["problem"]
    assert sample.labels is None


def test_renamed_columns_of_a_local_copy_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "aime25", [{"text": "q", "result": "70", "number": 4}])
    fields = {"problem": "text", "answer": "result", "id": "number"}
    (sample,) = load(path, "aime25", fields=fields).samples
    assert (sample.problem.id, sample.problem.question, sample.answer) == ("4", "q", "70")


def test_gsm8k_answers_are_the_final_ones(tmp_path: Path) -> None:
    assert [sample.answer for sample in load(write(tmp_path, "gsm8k"), "gsm8k").samples] == [
        "2"
    ] * 2


def test_equal_rows_of_a_benchmark_are_told_apart_by_a_number(tmp_path: Path) -> None:
    first, second = load(write(tmp_path, "gsm8k"), "gsm8k").samples
    assert second.problem.id == f"{first.problem.id}-2"


def test_options_are_lettered_below_the_question(tmp_path: Path) -> None:
    sample = load(write(tmp_path, "mmlu"), "mmlu").samples[1]
    assert sample.problem.question == "Which of these is 1?\n\nA. 1\nB. 2\nC. 3\nD. 4"
    assert sample.answer == "A"
    assert sample.metadata == {"subject": "anatomy", "options": ["1", "2", "3", "4"]}


def test_a_seed_reorders_options_and_the_answer_goes_along(tmp_path: Path) -> None:
    path = write(tmp_path, "mmlu")
    seen = set()
    for seed in range(20):
        sample = load(path, "mmlu", option_seed=seed).samples[2]
        options = sample.metadata["options"]
        assert isinstance(options, list)
        assert options["ABCD".index(str(sample.answer))] == "2"
        assert f"\n{sample.answer}. 2" in sample.problem.question
        seen.add(sample.answer)
    assert seen == set("ABCD")


def test_the_order_of_options_changes_the_digest_and_not_the_id(tmp_path: Path) -> None:
    path = write(tmp_path, "mmlu")
    orders = [load(path, "mmlu", option_seed=seed) for seed in (None, 1, 1, 2)]
    assert len({data.samples[0].problem.id for data in orders}) == 1
    assert orders[1] == orders[2]
    assert len({data.digest for data in orders}) == 3


def test_a_rows_options_do_not_depend_on_the_rows_around_it(tmp_path: Path) -> None:
    whole = load(write(tmp_path, "mmlu"), "mmlu", option_seed=1).samples
    turned = load(write(tmp_path, "mmlu", MMLU[::-1]), "mmlu", option_seed=1).samples
    assert whole == turned[::-1]


@given(st.lists(st.text(), unique=True, min_size=2, max_size=8), st.integers(0, 9), st.randoms())
def test_the_order_shown_does_not_depend_on_the_order_published(
    options: list[str], seed: int, random: Any
) -> None:
    other = random.sample(options, len(options))
    shown = [options[number] for number in option_order("key", options, seed)]
    assert shown == [other[number] for number in option_order("key", other, seed)]
    assert sorted(shown) == sorted(options)


def test_the_right_option_of_gpqa_is_not_always_the_first(tmp_path: Path) -> None:
    rows = [{**GPQA[0], "Record ID": f"rec{n}"} for n in range(40)]
    samples = load(write(tmp_path, "gpqa_diamond", rows), "gpqa_diamond").samples
    counts = {letter: sum(s.answer == letter for s in samples) for letter in "ABCD"}
    assert min(counts.values()) >= 3
    assert all(f"\n{sample.answer}. the muon" in sample.problem.question for sample in samples)
    assert samples[0].metadata["subject"] == "Physics"


@pytest.mark.parametrize("answer", [r"\text{B}", "b", "B.", "$B$"])
def test_letters_are_graded_as_exact_answers(answer: str) -> None:
    async def grade() -> list[str]:
        async with open_grader(GradingConfig(kind="exact")) as grader:
            return [str(outcome) for outcome in (await grader.grade("B", [answer, "A"])).outcomes]

    assert asyncio.run(grade()) == ["correct", "incorrect"]


def test_processbench_asks_for_the_first_wrong_step_and_keeps_the_labels(tmp_path: Path) -> None:
    wrong, right = load(write(tmp_path, "processbench"), "processbench").samples
    assert (wrong.answer, right.answer) == ("1", "-1")
    assert "[1] 2 + 1 = 4." in wrong.problem.question
    assert wrong.labels is not None
    assert right.labels is not None
    assert wrong.labels.problem.question == "1 + 1 + 1?"
    assert wrong.labels.steps == ("1 + 1 = 2.", "2 + 1 = 4.")
    assert (wrong.labels.first_error, right.labels.first_error) == (1, None)
    assert wrong.metadata == {"generator": "Some-Model", "final_answer_correct": False}


def test_prm800k_asks_the_problem_and_keeps_the_steps_that_were_chosen(tmp_path: Path) -> None:
    wrong, right = load(write(tmp_path, "prm800k"), "prm800k").samples
    assert (wrong.problem.question, wrong.answer) == ("What is $4 + 4$?", "8")
    assert wrong.labels is not None
    assert right.labels is not None
    assert wrong.labels.first_error == 2
    assert wrong.metadata["ratings"] == [1, 0, -1]
    assert right.labels.steps == ("step 1", "step 0")
    assert right.labels.first_error is None


@pytest.mark.parametrize("human", ["by hand", {"text": "by hand", "rating": None}])
def test_a_step_that_a_labeller_wrote_is_right(tmp_path: Path, human: object) -> None:
    rows = [labelled(step(-1, -1, chosen=None, human=human), step(1))]
    (sample,) = load(write(tmp_path, "prm800k", rows), "prm800k").samples
    assert sample.labels is not None
    assert sample.labels.steps[0] == "by hand"
    assert sample.labels.first_error is None


@pytest.mark.parametrize("steps", [[], [step(1), step(None)]])
def test_a_solution_that_was_not_rated_whole_has_no_labels(
    tmp_path: Path, steps: list[dict[str, Any]]
) -> None:
    rows = [labelled(*steps, finish="bad_problem")]
    (sample,) = load(write(tmp_path, "prm800k", rows), "prm800k").samples
    assert sample.labels is None


def test_labels_are_in_the_digest(tmp_path: Path) -> None:
    digest = load(write(tmp_path, "processbench"), "processbench").digest
    other = [{**PROCESSBENCH[0], "steps": ["1 + 1 = 2.", "2 + 1 = 5."]}, PROCESSBENCH[1]]
    assert load(write(tmp_path, "processbench", other), "processbench").digest != digest


BAD = [
    ("mmlu", {"choices": "A, B"}, "options .* are a text, not a list"),
    ("mmlu", {"choices": ["1"]}, "has 1 options; there is nothing to choose"),
    ("mmlu", {"choices": [str(n) for n in range(27)]}, "has 27 options; at most 26"),
    ("mmlu", {"choices": ["1", 2, "3"]}, "options .* hold a number"),
    ("mmlu", {"answer": 4}, "the answer .* is 4, not the number of an option"),
    ("mmlu", {"answer": True}, "the answer .* is True"),
    ("mmlu", {"answer": "A"}, "the answer .* is 'A'"),
    ("mmlu", {"question": None}, "the question .* is missing"),
    ("processbench", {"label": 2}, "is 2, and there are 2 steps"),
    ("processbench", {"label": -2}, "is -2, and there are 2 steps"),
    ("processbench", {"label": None}, "label .* is null"),
    ("processbench", {"steps": None}, "steps .* are null"),
    ("processbench", {"problem": "\ud800"}, "lone surrogate"),
    ("prm800k", {"question": "q"}, "question .* is a text, not an object"),
    ("prm800k", {"question": {"problem": "q"}}, "ground_truth_answer.* is missing"),
    ("prm800k", {"label": {}}, "steps .* are null"),
    ("prm800k", {"label": {"steps": [7]}}, "a step .* is a number"),
    ("prm800k", {"label": {"steps": [step(chosen=0)]}}, "0 completions, and chose 0"),
    ("prm800k", {"label": {"steps": [step(2)]}}, "rating is 2"),
]


@pytest.mark.parametrize(("name", "change", "reason"), BAD, ids=lambda value: str(value)[:40])
def test_a_row_that_breaks_the_schema_is_a_bad_row(
    tmp_path: Path, name: str, change: dict[str, Any], reason: str
) -> None:
    first, second = ROWS[name][:2]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [{**first, **change}, second]))
    data = load(path, name)
    assert len(data.samples) == 1
    assert re.search(reason, data.bad_rows[0].reason)


@pytest.mark.parametrize("name", ["mmlu", "gpqa_diamond", "processbench", "prm800k"])
def test_another_datasets_file_is_refused_with_the_column_that_is_missing(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(DatasetError, match=r"has no column '.*'; its columns are problem, "):
        load(write(tmp_path, "math500"), name)


def test_subjects_select_rows_and_per_subject_limits_each(tmp_path: Path) -> None:
    path = write(tmp_path, "mmlu")
    assert len(load(path, "mmlu", subjects=("anatomy",)).samples) == 2
    data = load(path, "mmlu", per_subject=1)
    assert [sample.metadata["subject"] for sample in data.samples] == ["anatomy", "virology"]
    drawn = {
        load(path, "mmlu", per_subject=1, shuffle_seed=seed).samples[0].problem.id
        for seed in range(10)
    }
    assert len(drawn) == 3


def test_a_bad_row_of_another_subject_is_not_reported(tmp_path: Path) -> None:
    rows = [*MMLU, {**MMLU[2], "question": ""}]
    path = write(tmp_path, "mmlu", rows)
    assert load(path, "mmlu", subjects=("anatomy",)).bad_rows == []
    assert len(load(path, "mmlu", subjects=("virology",)).bad_rows) == 1


def test_a_subject_that_is_not_there_gets_the_nearest_one(tmp_path: Path) -> None:
    path = write(tmp_path, "mmlu")
    with pytest.raises(DatasetError, match=r"no subject 'anatomi'.*did you mean 'anatomy'"):
        load(path, "mmlu", subjects=("anatomi",))
    with pytest.raises(DatasetError, match="has no column 'subject'"):
        load(write(tmp_path, "gsm8k"), "gsm8k", per_subject=1)


def test_questions_of_another_file_are_left_out_whatever_their_spacing(tmp_path: Path) -> None:
    seen = tmp_path / "seen.jsonl"
    seen.write_text(json.dumps({"prompt": "which  of THESE\nis 1?"}) + "\n")
    data = load(write(tmp_path, "mmlu"), "mmlu", exclude=str(seen))
    assert [sample.problem.question[:20] for sample in data.samples] == [
        "Which of these is 0?",
        "Which of these is 2?",
    ]
    assert data.excluded == 1


def test_questions_inside_objects_are_excluded_too(tmp_path: Path) -> None:
    train = write(tmp_path, "prm800k")
    rows = [{**MATH500[0], "problem": "what is $4 + 4$?", "unique_id": "seen"}, *MATH500]
    data = load(write(tmp_path, "math500", rows), "math500", exclude=str(train))
    assert [sample.problem.id for sample in data.samples] == ["test/algebra/1.json"]


def test_a_file_without_questions_cannot_be_excluded(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"text": "q"}\n')
    with pytest.raises(DatasetError, match=r"no questions to compare with; .*in the columns"):
        load(write(tmp_path, "math500"), "math500", exclude=str(path))


def test_when_everything_is_excluded_the_error_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, "math500")
    with pytest.raises(DatasetError, match="exclude leaves out all 1 rows"):
        load(path, "math500", exclude=str(path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "mmul"}, "name: 'mmul' .*did you mean 'mmlu'"),
        ({"name": "gpqa_dimond"}, "did you mean 'gpqa_diamond'"),
        ({"name": "mmlu", "revision": "main"}, "revision: 'main' .*a branch or a tag can move"),
        ({"name": "mmlu", "path": "x", "revision": "0" * 40}, "revision: .*a commit on the Hub"),
        ({"path": "x", "revision": "0" * 40}, "revision: "),
        ({"name": "arithmetic", "revision": "0" * 40}, "revision: "),
        ({"name": "mmlu", "fields": {"id": "x"}}, "fields: .*with mmlu"),
        (
            {"name": "math500", "option_seed": 1},
            "option_seed: 1 .*only with arithmetic_choices, arithmetic_levels_choices, mmlu",
        ),
        ({"name": "mmlu", "option_seed": -1}, "option_seed: -1"),
        ({"name": "mmlu", "option_format": "lst"}, "option_format: 'lst' .*did you mean 'list'"),
        (
            {"path": "x", "option_format": "list"},
            "option_format: .*only with arithmetic_choices, arithmetic_levels_choices, mmlu",
        ),
        ({"name": "mmlu", "per_subject": 0}, "per_subject: 0"),
        ({"name": "mmlu", "exclude": ""}, "exclude: ''"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DatasetConfig(**settings)
