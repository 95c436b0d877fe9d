"""The structured config's questions: `name: mmlu`, drawn and shown as the model card has them."""

from __future__ import annotations

import ast
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from benchmarks.datasets import DATASETS, Dataset, DatasetConfig, DatasetError, load_dataset
from benchmarks.grading import GradingConfig, open_grader
from policies.structured import PROMPT_TEMPLATE
from treewright.cli import main
from treewright.config.load import load_config

CONFIG = "mmlu_structured"


def row(number: int, subject: str, **fields: Any) -> dict[str, Any]:
    defaults = {
        "question": f"{subject} {number}?",
        "subject": subject,
        "choices": [f"it's {number}", f" {number + 1}", "4", "5"],
        "answer": number % 4,
    }
    return {**defaults, **fields}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def load(path: Path, **settings: Any) -> Dataset:
    given = {"option_format": "list", **settings}
    return load_dataset(DatasetConfig(name="mmlu", path=str(path), **given))


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """12 questions of each of the config's subjects, and of another one."""
    subjects = (*load_config(CONFIG).dataset.subjects, "anatomy")
    return [row(number, subject) for subject in subjects for number in range(12)]


def test_the_options_stand_in_the_question_as_the_card_writes_them(tmp_path: Path) -> None:
    file = write(tmp_path / "test.jsonl", [row(2, "virology")])
    (sample,) = load(file).samples
    turn = PROMPT_TEMPLATE.replace("{question}", sample.problem.question)
    shown = "Provided options: [\"it's 2\", ' 3', '4', '5']\n"
    assert turn.endswith(f"Question: virology 2?\n{shown}")
    assert sample.answer == "2"


def test_the_answer_is_the_index_of_the_right_option_in_the_order_shown(tmp_path: Path) -> None:
    file = write(tmp_path / "test.jsonl", [row(0, "virology")])
    seen = set()
    for seed in range(20):
        (sample,) = load(file, option_seed=seed).samples
        listed = ast.literal_eval(sample.problem.question.rpartition("Provided options: ")[2])
        assert listed[int(str(sample.answer))] == "it's 0"
        seen.add(sample.answer)
    assert seen == set("0123")


def test_both_formats_ask_the_same_rows_under_the_same_ids(tmp_path: Path) -> None:
    file = write(tmp_path / "test.jsonl", [row(n, "virology") for n in range(4)])
    letters, listed = (load(file, option_format=name) for name in ("letters", "list"))
    assert [s.problem.id for s in letters.samples] == [s.problem.id for s in listed.samples]
    numbers = [int(str(sample.answer)) for sample in listed.samples]
    assert ["ABCD"[at] for at in numbers] == [sample.answer for sample in letters.samples]
    assert letters.digest != listed.digest


def test_the_config_alone_says_which_questions_are_asked(
    tmp_path: Path, rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "test.jsonl", rows)
    told = [f"dataset.path={file}", "dataset.per_subject=10"]
    assert main(["validate", CONFIG, *told, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["problems"], plan["candidates"], plan["policy"]["kind"]) == (
        120,
        960,
        "structured",
    )
    assert plan["policy"]["tokens"] == 960 * 1024


def test_what_is_drawn_of_a_subject_does_not_depend_on_the_others(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    file = write(tmp_path / "test.jsonl", rows)
    drawn = load(file, per_subject=5, shuffle_seed=0)
    alone = load(file, per_subject=5, shuffle_seed=0, subjects=("management",))
    of_it = [sample for sample in drawn.samples if sample.metadata["subject"] == "management"]
    assert len(drawn.samples) == 13 * 5
    assert of_it == alone.samples
    other = load(file, per_subject=5, shuffle_seed=1, subjects=("management",))
    assert {s.problem.id for s in other.samples} != {s.problem.id for s in alone.samples}


def test_a_subject_with_fewer_questions_than_asked_is_refused_in_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "test.jsonl", rows[1:])
    assert main(["validate", CONFIG, f"dataset.path={file}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has 11 rows of 'college_mathematics', not 100 (dataset.per_subject); lower it" in line


def test_rows_that_are_excluded_do_not_make_up_a_subjects_number(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    file = write(tmp_path / "test.jsonl", rows)
    settings: dict[str, Any] = {"subjects": ("anatomy", "management"), "per_subject": 12}
    seen = write(tmp_path / "seen.jsonl", [one for one in rows if one["subject"] == "anatomy"])
    with pytest.raises(DatasetError, match="has 0 rows of 'anatomy', not 12"):
        load(file, exclude=str(seen), **settings)
    write(seen, [row(0, "virology")])
    assert len(load(file, exclude=str(seen), **settings).samples) == 24


def test_per_subject_null_takes_what_there_is(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    file = write(tmp_path / "test.jsonl", rows[1:])
    config = load_config(CONFIG, [f"dataset.path={file}", "dataset.per_subject=null"])
    assert len(load_dataset(config.dataset).samples) == 12 * 12 - 1


def test_the_base_is_calibrated_on_the_validation_split_of_the_same_config(
    tmp_path: Path, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    mmlu = DATASETS["mmlu"]
    assert mmlu.repository is not None
    folder = tmp_path / "datasets--cais--mmlu" / "snapshots" / mmlu.repository.revision
    write(folder / mmlu.files["validation"], rows)
    told = ["dataset.split=validation", "dataset.per_subject=null"]
    assert len(load_dataset(load_config(CONFIG, told).dataset).samples) == 144
    with pytest.raises(DatasetError, match=r"all/test-.* is not in the cache"):
        load_dataset(load_config(CONFIG).dataset)


def test_an_index_is_graded_and_a_reference_that_is_none_decides_nothing() -> None:
    async def grade(reference: str) -> list[str]:
        async with open_grader(GradingConfig(kind="option")) as grader:
            answers = ["2", "3", "-1", None]
            return [str(outcome) for outcome in (await grader.grade(reference, answers)).outcomes]

    assert asyncio.run(grade("2")) == ["correct", "incorrect", "incorrect", "abstained"]
    assert asyncio.run(grade("C")) == ["failed", "failed", "failed", "abstained"]
