"""Multiple choice: a question with its options, whose order and form a config may choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from string import ascii_uppercase as LETTERS
from typing import TypeAlias

from benchmarks.datasets.columns import Columns, asked, read_answer, rest
from benchmarks.datasets.samples import (
    Fields,
    Reader,
    RowFault,
    Sample,
    content_id,
    plain,
    read_text,
    read_texts,
    row_reader,
)
from search.core import Problem

GPQA_OPTIONS = (
    *("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"),
)

Form: TypeAlias = Callable[[str, Sequence[str], int], tuple[str, str]]
"""From a question, its options and the index of the right one to what is asked and its answer."""


@dataclass(frozen=True, slots=True)
class OptionStyle:
    """How options are shown: the settings `dataset.option_format` and `.option_seed`."""

    format: str
    seed: int | None


def in_letters(question: str, options: Sequence[str], right: int) -> tuple[str, str]:
    """One line per option below the question; the answer is a letter."""
    if len(options) > len(LETTERS):
        raise RowFault(f"has {len(options)} options; at most {len(LETTERS)} can have letters")
    lines = [f"{letter}. {text.strip()}" for letter, text in zip(LETTERS, options, strict=False)]
    return "\n".join([question, "", *lines]), LETTERS[right]


def in_a_list(question: str, options: Sequence[str], right: int) -> tuple[str, str]:
    """The options as a Python list in the last line; the answer is an index from 0.

    So the model card `alibidaran/Qwen_COG_Thinker_Merged` asks, and the policy `structured`.
    """
    return f"{question}\nProvided options: {list(options)!r}", str(right)


OPTION_FORMATS: Mapping[str, Form] = {"letters": in_letters, "list": in_a_list}
DEFAULT_FORMAT = "letters"


def mmlu(style: OptionStyle) -> Reader:
    """Rows `question, subject, choices, answer` (the number of the right choice, from 0)."""

    def read(_: str | None, row: Fields) -> Sample:
        question = read_text(row.get("question"), "the question (question)")
        options = read_texts(row.get("choices"), "the options (choices)")
        right = row.get("answer")
        if (
            not isinstance(right, int)
            or isinstance(right, bool)
            or right not in range(len(options))
        ):
            raise RowFault(f"the answer (answer) is {right!r}, not the number of an option")
        subject = plain(row.get("subject"))
        key = content_id("mmlu", json.dumps([subject, question, options]).encode())
        return _sample(key, question, options, right, style, {"subject": subject})

    return row_reader(read, None)


def gpqa(style: OptionStyle) -> Reader:
    """Rows with `Question` and one column per option, the right one first: it must be shuffled."""
    style = replace(style, seed=0) if style.seed is None else style

    def read(own_id: str | None, row: Fields) -> Sample:
        question = read_text(row.get("Question"), "the question (Question)").strip()
        options = [read_text(row.get(name), f"the option ({name})") for name in GPQA_OPTIONS]
        key = own_id or content_id("gpqa", json.dumps([question, options]).encode())
        about = {
            "subject": plain(row.get("High-level domain")),
            "subdomain": plain(row.get("Subdomain")),
        }
        return _sample(key, question, options, 0, style, about)

    return row_reader(read, "Record ID")


def optional(columns: Columns, style: OptionStyle) -> Reader:
    """Rows of a file whose options are in a column that `dataset.fields.options` names."""
    assert columns.options is not None

    def read(own_id: str | None, row: Fields) -> Sample:
        question = asked(row, columns)
        labels, options = _labelled(row.get(columns.options or ""), str(columns.options))
        right = _right(row.get(columns.answer), columns.answer, labels, options)
        key = own_id or content_id("q", json.dumps([question, options]).encode())
        return _sample(key, question, options, right, style, rest(row, columns))

    return row_reader(read, columns.id)


def _labelled(value: object, name: str) -> tuple[list[str], list[str]]:
    """Labels and texts of options.

    A list has the letters; `{label: text}`, and ARC's `{label: [...], text: [...]}`, say their own.
    """
    labels: list[str] = []
    if isinstance(value, dict) and set(value) == {"label", "text"}:
        labels, value = read_texts(value["label"], f"the labels ({name})"), value["text"]
    elif isinstance(value, dict):
        labels, value = list(value), list(value.values())
    if isinstance(value, list):
        value = [str(item) if isinstance(item, (int, float)) else item for item in value]
    texts = read_texts(value, f"the options ({name})")
    if labels and len(labels) != len(texts):
        raise RowFault(f"the options ({name}) are {len(texts)}, and have {len(labels)} labels")
    return labels or list(LETTERS[: len(texts)]), texts


def _right(value: object, name: str, labels: Sequence[str], options: Sequence[str]) -> int:
    """The index of the right option: said by its number from 0, its label or its text."""
    if isinstance(value, int) and not isinstance(value, bool) and value in range(len(options)):
        return value
    said = read_answer(value, name)
    by_label = [index for index, label in enumerate(labels) if label.strip() == said]
    by_text = [index for index, text in enumerate(options) if text.strip() == said]
    found = set(by_label + by_text)
    if not found and said.isascii() and said.isdigit() and int(said[:9]) < len(options):
        return int(said)
    if len(found) != 1:
        what = "names more than one option" if found else "names no option"
        raise RowFault(f"the answer ({name}) {said!r} {what}, by label or by text")
    return found.pop()


def _sample(
    key: str,
    question: str,
    options: Sequence[str],
    right: int,
    style: OptionStyle,
    about: dict[str, object],
) -> Sample:
    if len(options) < 2:
        raise RowFault(f"has {len(options)} options; there is nothing to choose")
    order = option_order(key, options, style.seed)
    shown = [options[number] for number in order]
    asked, answer = OPTION_FORMATS[style.format](question, shown, order.index(right))
    options_shown = [text.strip() for text in shown]
    return Sample(Problem(key, asked), answer, {**about, "options": options_shown})


def option_order(key: str, options: Sequence[str], seed: int | None) -> list[int]:
    """The order in which the options are shown; None keeps the published one.

    It depends on the seed, the row's `key` and what the options say: not on where the row stands
    nor on the order in which the options were published.
    """
    numbers = list(range(len(options)))
    if seed is None:
        return numbers
    drawn = [blake2b(json.dumps([seed, key, text]).encode()).digest() for text in options]
    return sorted(numbers, key=drawn.__getitem__)
