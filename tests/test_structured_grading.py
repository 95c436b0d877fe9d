"""Structured responses, graded: three accuracies, the option base, the card's table."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.estimators import wilson_interval
from benchmarks.expected import agreements, macro_mean, read_expected
from benchmarks.grading import GradingConfig
from benchmarks.structured import (
    AmbiguousBase,
    Answered,
    Rate,
    calibrate_base,
    lenient_option,
    measure,
    strict_option,
)
from search.structured_protocol import ResponseFormat, read_response
from treewright.config.load import load_config

RULES = ResponseFormat(0, 0, 0)
OPTIONS = ("seven", "eight", "nine", "ten")


def said(output: str) -> str:
    return (
        "<think><planning>a</planning><monitoring>b</monitoring><evaluation>c</evaluation></think>"
        f"<output>{output}</output>"
    )


def answered(
    text: str, answer: int = 2, finished: bool = True, options: tuple[str, ...] = OPTIONS
) -> Answered:
    return Answered(text, finished, options, answer)


# Reading


@pytest.mark.parametrize(("output", "base", "index"), [("2", 0, 2), (" 3\n", 1, 2), ("7", 0, 7)])
def test_a_valid_response_names_an_index(output: str, base: int, index: int) -> None:
    assert strict_option(read_response(said(output), RULES), base) == index


@pytest.mark.parametrize("text", [said("C"), "2", said("2") + " Done.", said("")])
def test_a_rejected_response_names_nothing(text: str) -> None:
    assert strict_option(read_response(text, RULES), 0) is None


@pytest.mark.parametrize(
    ("text", "index"),
    [
        (said("2"), 2),
        (said("(2)."), 2),
        (said("Nine"), 2),
        (said("C"), 2),
        (said("C. nine"), 2),
        (said("option 2, not 1 but 2"), 2),
        (said("1") + "<output>2", 2),
        ("I am sure. The answer is C", 2),
        ("x" * 10_000 + " so it is 2", 2),
        ("2" + "x " * 200, None),
        (said("4"), None),
        (said("2.5"), None),
        (said("E"), None),
        (said("none of them"), None),
        (said(""), None),
        ("", None),
    ],
)
def test_a_response_is_read_leniently(text: str, index: int | None) -> None:
    assert lenient_option(answered(text), 0) == index


def test_a_number_is_an_index_before_it_is_the_text_of_an_option() -> None:
    numbers = ("3", "2", "1", "10")
    assert lenient_option(answered(said("1"), options=numbers), 0) == 1
    assert lenient_option(answered(said("10 "), options=numbers), 0) is None


def test_the_text_of_two_options_names_neither() -> None:
    assert lenient_option(answered(said("nine"), options=("nine", "Nine", "x", "y")), 0) is None


def test_an_answer_that_is_no_option_is_refused() -> None:
    with pytest.raises(ValueError, match="answer: 4 is no index of 4 options"):
        answered("", 4)


# Accuracies


def test_strict_lenient_and_conditional_accuracy_differ_as_they_should() -> None:
    """Of five: right; wrong; right in bad form; unreadable; right, but cut."""
    found = measure(
        [
            answered(said("2")),
            answered(said("1")),
            answered(said("C")),
            answered("I do not know"),
            answered(said("2"), finished=False),
        ],
        0,
        RULES,
    )
    assert found.valid == Rate(2, 5)
    assert found.strict == Rate(1, 5)
    assert found.lenient == Rate(3, 5)
    assert found.conditional == Rate(1, 2)
    assert found.reasons == {"output_not_option": 1, "missing_tag": 1, "truncated": 1}


def test_the_length_of_sections_counts_where_tokens_are_counted() -> None:
    short = ResponseFormat(2, 0, 0)
    assert measure([answered(said("2"))], 0, short).strict == Rate(1, 1)
    assert measure([answered(said("2"))], 0, short, len).reasons == {"short_section": 1}


def test_a_rate_of_nothing_is_not_a_number() -> None:
    found = measure([answered("?")], 0, RULES)
    assert found.conditional.value is None
    assert found.conditional.ci95 is None
    assert measure([], 0, RULES).strict.value is None


@given(st.lists(st.tuples(st.sampled_from("0123ABC?"), st.booleans(), st.integers(0, 3))))
def test_strict_is_at_most_lenient_and_rejections_add_up(
    drawn: list[tuple[str, bool, int]],
) -> None:
    items = [answered(said(output), answer, finished) for output, finished, answer in drawn]
    found = measure(items, 0, RULES)
    assert found.strict.hits <= found.lenient.hits
    assert found.strict.hits == found.conditional.hits
    assert found.valid.hits + sum(found.reasons.values()) == found.valid.trials == len(items)


# The option base


def outputs(base: int, accuracy: float, n: int, seed: int = 0) -> list[Answered]:
    """Responses that are right with this probability, and else name one of the others."""
    rng, items = Random(seed), []
    for _ in range(n):
        answer = rng.randrange(4)
        wrong = [index for index in range(4) if index != answer]
        index = answer if rng.random() < accuracy else rng.choice(wrong)
        items.append(answered(said(str(index + base)), answer))
    return items


@pytest.mark.parametrize("base", [0, 1])
def test_the_base_is_found_from_weak_answers(base: int) -> None:
    found = calibrate_base(outputs(base, 0.5, 200))
    assert found.base == base
    assert found.outputs == 200
    assert found.impossible[base] == 0
    assert found.impossible[1 - base] > 0


MIXED = [*outputs(0, 0.9, 50), *outputs(1, 0.9, 50)]


def test_what_is_not_a_number_says_nothing_of_the_base() -> None:
    found = calibrate_base([*outputs(1, 0.8, 60), *[answered(said("C"))] * 50, answered("3")])
    assert (found.base, found.outputs) == (1, 60)


@pytest.mark.parametrize("items", [[], outputs(0, 1.0, 3), MIXED])
def test_a_base_that_the_outputs_do_not_tell_is_an_error(items: list[Answered]) -> None:
    with pytest.raises(AmbiguousBase, match=r"^base 0 or 1\? of \d+ outputs base 0 agrees with"):
        calibrate_base(items)


def test_a_base_that_makes_outputs_impossible_is_an_error() -> None:
    items = [*outputs(0, 0.9, 97), *[answered(said("4"))] * 3]
    with pytest.raises(AmbiguousBase, match=r"^base 0 makes too many numbers impossible"):
        calibrate_base(items)
    assert calibrate_base([*outputs(0, 0.9, 98), *[answered(said("4"))] * 2]).base == 0


# The card's table


@pytest.fixture(scope="module")
def table(root: Path) -> Path:
    return root / "configs" / "expected" / "mmlu_structured.yaml"


CARD = (50, 57, 67, 63, 83, 78, 70, 68, 66, 67, 62, 64)


def test_the_table_holds_the_cards_twelve_rows_and_the_config_asks_them(table: Path) -> None:
    expected = read_expected(table)
    assert tuple(expected) == load_config("mmlu_structured").dataset.subjects
    assert tuple(rate.hits for rate in expected.values()) == CARD
    assert {rate.trials for rate in expected.values()} == {100}


def test_the_written_intervals_are_wilsons_and_the_mean_is_that_of_the_rows(table: Path) -> None:
    written = yaml.safe_load(table.read_text())
    for row in written["subjects"].values():
        assert row["ci95"] == pytest.approx(wilson_interval(row["right"], 100), abs=6e-4)
    assert written["accuracy"] == macro_mean(read_expected(table)) == 0.6625
    assert written["ci95"] == pytest.approx(wilson_interval(795, 1200), abs=6e-4)


def test_a_measurement_agrees_when_the_intervals_overlap() -> None:
    expected = {"a": Rate(50, 100), "b": Rate(50, 100), "c": Rate(50, 100), "d": Rate(50, 100)}
    measured = {"a": Rate(60, 100), "b": Rate(75, 100), "c": Rate(0, 0)}
    assert [found.agrees for found in agreements(expected, measured)] == [True, False, None, None]


def test_a_subject_that_nobody_expects_is_refused() -> None:
    with pytest.raises(ValueError, match="no expected value for z"):
        agreements({"a": Rate(1, 2)}, {"z": Rate(1, 2)})


def test_a_mean_over_a_subject_without_a_rate_is_none() -> None:
    assert macro_mean({"a": Rate(1, 2), "b": Rate(0, 0)}) is None
    assert macro_mean({}) is None


@pytest.mark.parametrize("text", ["", "subjects: 3", "subjects: {a: {right: 1}}", "a: [", "- 1"])
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "table.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(file))}: no table .*`questions:`$"):
        read_expected(file)


# In a run


@pytest.mark.parametrize(
    ("text", "answer"), [(said("2"), "1"), (said("B"), None), ("The answer is 2.", None)]
)
def test_a_run_reads_the_output_of_responses_in_the_format_only(
    text: str, answer: str | None
) -> None:
    assert GradingConfig(kind="option", option_base=1).extract(text) == answer


def test_an_option_base_is_0_or_1() -> None:
    with pytest.raises(ValueError, match="option_base: 2 must be 0 or 1"):
        GradingConfig(kind="option", option_base=2)
