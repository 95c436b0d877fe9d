"""The command that measures structured responses of a run, and calibrates the option base."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import write_response
from benchmarks.datasets import Sample
from policies.structured import StructuredConfig
from search.core import Prefix, Problem
from treewright.cli import main
from treewright.comparing import finished_run
from treewright.comparing.finished_run import FinishedRun
from treewright.errors import ConfigError
from treewright.running.recorded import RecordedRun
from treewright.studies import structured_accuracy
from treewright.studies.structured_accuracy import DECISION, answer_of, token_counter

Made = Callable[..., Path]
PROBLEMS = 12


@pytest.fixture
def imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Made:
    """Makes a run of responses to the first problems of a split; returns its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)

    def make(say: Callable[[ChoiceProblem], list[str]], *told: str, split: str = "test") -> Path:
        rows = []
        for problem in read_split(split)[:PROBLEMS]:
            choice = offer(problem, 0)
            said = {"completions": say(choice), "scores": [[] for _ in say(choice)]}
            row = {"problem": choice.question, "unique_id": problem.id, **said}
            rows.append(json.dumps(row) + "\n")
        Path("said.jsonl").write_text("".join(rows))
        data = (f"dataset.split={split}", "dataset.option_format=list", f"dataset.limit={PROBLEMS}")
        grading = ("grading.kind=option", *told)
        named = ("--dataset", "arithmetic_levels_choices")
        assert main(["import", "said.jsonl", *named, *data, *grading, "--json"]) == 0
        return Path(json.loads(capsys.readouterr().out)["run"])

    return make


def right(choice: ChoiceProblem) -> str:
    return write_response(solve(choice))


def wrong(choice: ChoiceProblem) -> str:
    said = f"<output>{choice.answer}</output>"
    return right(choice).replace(said, f"<output>{(choice.answer + 2) % 4}</output>")


def rejected(choice: ChoiceProblem) -> str:
    """Right, but it says so before it thinks."""
    return f"It is clear.{right(choice)}"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert structured_accuracy.main([*arguments, "--json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_a_run_that_is_not_finished_is_refused(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [right(choice)])
    (journal,) = (run / "journal").glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]))
    assert structured_accuracy.main([str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not finished" in line


def test_three_accuracies_and_the_reasons_of_a_run(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [rejected(choice), right(choice), wrong(choice)])
    found = told(capsys, str(run))
    assert found["questions"] == PROBLEMS
    rates = {name: rate["hits"] for name, rate in found["first"].items() if name != "reasons"}
    assert rates == {"valid": 0, "strict": 0, "lenient": PROBLEMS, "conditional": 0}
    every = found["all"]
    assert every["valid"] == {"hits": 2 * PROBLEMS, "trials": 3 * PROBLEMS}
    assert every["strict"] == {"hits": PROBLEMS, "trials": 3 * PROBLEMS}
    assert every["lenient"] == {"hits": 2 * PROBLEMS, "trials": 3 * PROBLEMS}
    assert every["conditional"] == {"hits": PROBLEMS, "trials": 2 * PROBLEMS}
    assert every["reasons"] == {"leading_text": PROBLEMS}


def test_the_table_says_the_same_for_a_person(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [right(choice), rejected(choice)])
    assert structured_accuracy.main([str(run)]) == 0
    printed = capsys.readouterr().out
    assert (
        "| strict: right, a rejected response is wrong | 100.0% (12 of 12) [75.8, 100.0]" in printed
    )
    assert "* leading_text: 12" in printed
    assert "failed" not in printed


def test_questions_that_failed_are_counted_and_in_no_figure(
    imported: Made, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imported(lambda choice: [right(choice)])

    async def some(source: RecordedRun) -> FinishedRun:
        found = await finished_run.read(source)
        return replace(found, solved=found.solved[2:], failures=2)

    monkeypatch.setattr(structured_accuracy, "replay", some)
    found = told(capsys, str(run))
    assert (found["questions"], found["failures"]) == (PROBLEMS - 2, 2)
    assert found["first"]["strict"] == {"hits": PROBLEMS - 2, "trials": PROBLEMS - 2}
    assert structured_accuracy.main([str(run)]) == 0
    assert "In no figure: 2 questions that failed." in capsys.readouterr().out


def test_the_base_is_found_on_the_validation_split_and_written_with_its_counts(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [right(choice), wrong(choice)], split="validation")
    assert told(capsys, str(run), "--calibrate")["base"] == 0
    decision = json.loads((run / DECISION).read_text())
    assert decision["agreed"][0] >= PROBLEMS
    assert (decision["outputs"], decision["split"]) == (2 * PROBLEMS, "validation")


def test_outputs_that_count_from_one_give_base_one(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    def from_one(choice: ChoiceProblem) -> list[str]:
        said = f"<output>{choice.answer}</output>"
        return [right(choice).replace(said, f"<output>{choice.answer + 1}</output>")]

    run = imported(from_one, split="validation")
    assert told(capsys, str(run), "--calibrate")["base"] == 1


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert structured_accuracy.main([*arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_what_is_measured_is_no_ground_to_calibrate_on(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [right(choice)])
    assert "dataset.split=validation" in refused(capsys, str(run), "--calibrate")
    assert not (run / DECISION).exists()


def test_outputs_that_do_not_tell_the_base_are_one_line(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda _: ["It is four."], split="validation")
    assert "calibrate on more questions" in refused(capsys, str(run), "--calibrate")
    assert not (run / DECISION).exists()


def test_a_run_of_something_else_is_refused_in_one_line(
    imported: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(lambda choice: [right(choice)], "grading.kind=numeric")
    assert "grading.kind: numeric: has no structured responses" in refused(capsys, str(run))


def test_a_question_without_options_is_refused_in_one_line() -> None:
    problem = Problem("p", "2 + 2?")
    with pytest.raises(ConfigError, match=r"^run: dataset: its rows have no options") as refusal:
        answer_of(Sample(problem, "4", {}), Prefix.start(problem), Path("run"))
    assert "\n" not in str(refusal.value)


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in refused(capsys, str(tmp_path / "none"))


def test_a_tokenizer_that_is_not_here_checks_no_length_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert token_counter(StructuredConfig("./nowhere")) is None
    assert "the lengths of sections are not checked: ./nowhere" in capsys.readouterr().err
