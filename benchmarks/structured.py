"""How structured responses to multiple-choice questions are graded: three accuracies, one base.

A response that breaks the format is rejected. Counted as wrong it gives the strict accuracy, read
as well as can be the lenient one, left out the conditional one. The model card
`alibidaran/Qwen_COG_Thinker_Merged` does not say which of them its table is, nor whether its
numbers of options begin at 0 or 1: that is calibrated, on other questions than those measured.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.estimators import wilson_interval
from search.structured_protocol import (
    OPTION,
    OUTPUT,
    CountTokens,
    Response,
    ResponseFormat,
    read_response,
)

TAIL = 200
"""Characters at the end of a response without `<output>` in which an answer is looked for."""
IMPOSSIBLE = 0.02
"""The share of numbers that the right base may make impossible."""
LETTERS = "ABCDEFGHIJ"
NAMED = re.compile(r"(?<![\w.])(?:\d{1,2}|[A-J])(?!\w|\.\d)")


@dataclass(frozen=True, slots=True)
class Answered:
    """A response to a question: `answer` is the index of the right one of `options`, from 0.

    `finished`: whether the model ended its turn.
    """

    text: str
    finished: bool
    options: tuple[str, ...]
    answer: int

    def __post_init__(self) -> None:
        if not 0 <= self.answer < len(self.options):
            raise ValueError(f"answer: {self.answer} is no index of {len(self.options)} options")


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `trials`."""

    hits: int
    trials: int

    @property
    def value(self) -> float | None:
        """In [0, 1]; None of nothing."""
        return self.hits / self.trials if self.trials else None

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The Wilson interval; None of nothing."""
        return wilson_interval(self.hits, self.trials) if self.trials else None


@dataclass(frozen=True, slots=True)
class Accuracies:
    """One sample of responses, measured in three ways.

    `valid`: the responses that keep the format. `strict`: the right ones among all, where a
    rejected one is wrong. `lenient`: the same, where a rejected one is read all the same.
    `conditional`: the right ones among the valid. `reasons`: how many were rejected, by their first
    reason, the most frequent first.
    """

    valid: Rate
    strict: Rate
    lenient: Rate
    conditional: Rate
    reasons: dict[str, int]


def measure(
    answered: Sequence[Answered],
    base: int,
    rules: ResponseFormat,
    count_tokens: CountTokens | None = None,
) -> Accuracies:
    """All three accuracies of the responses; `base` is the number of the first option, 0 or 1.

    `count_tokens` None checks no section's length: then more responses are valid.
    """
    read = [
        (item, read_response(item.text, rules, count_tokens, finished=item.finished))
        for item in answered
    ]
    valid = sum(response.valid for _, response in read)
    strict = sum(strict_option(response, base) == item.answer for item, response in read)
    lenient = sum(lenient_option(item, base) == item.answer for item, _ in read)
    reasons = Counter(str(response.reason) for _, response in read if not response.valid)
    return Accuracies(
        Rate(valid, len(read)),
        Rate(strict, len(read)),
        Rate(lenient, len(read)),
        Rate(strict, valid),
        dict(reasons.most_common()),
    )


def strict_option(response: Response, base: int) -> int | None:
    """The index of the option that a valid response names, from 0; None for a rejected one.

    A number that no option has is an index out of range: wrong, but not rejected.
    """
    if not response.valid:
        return None
    output = next(section.text for section in response.sections if section.name == OUTPUT)
    return int(output.strip()) - base


def option_answer(text: str, base: int) -> str | None:
    """The index that a finished response names, as text; None for a rejected one.

    Lengths of sections are not checked: no tokenizer is at hand where a run is graded.
    """
    index = strict_option(read_response(text, ResponseFormat()), base)
    return None if index is None else str(index)


def lenient_option(item: Answered, base: int) -> int | None:
    """The index of the option that a response seems to name, whatever it looks like, or None.

    What follows the last `<output>` is read, without one the end of the text: as a number, else as
    the text of one option, else by the last number or letter in it. Letters are A for the first.
    """
    said = _said(item.text)
    bare = said.strip(" \t\r\n.()[]*\"'")
    if OPTION.fullmatch(bare):
        return _index(bare, base, len(item.options))
    texts = [_plain(option) for option in item.options]
    if texts.count(_plain(said)) == 1:
        return texts.index(_plain(said))
    letters = LETTERS[: len(item.options)]
    named = [name for name in NAMED.findall(said) if name.isdigit() or name in letters]
    return _index(named[-1], base, len(item.options)) if named else None


def _said(text: str) -> str:
    _, opening, output = text.rpartition("<output>")
    return output.partition("</output>")[0] if opening else text[-TAIL:]


def _index(name: str, base: int, options: int) -> int | None:
    index = int(name) - base if name.isdigit() else LETTERS.index(name)
    return index if 0 <= index < options else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which number the first option has.

    By base, 0 and 1: how many of the `outputs` agree with the right answer, and how many are the
    number of no option.
    """

    base: int
    agreed: tuple[int, int]
    impossible: tuple[int, int]
    outputs: int


class AmbiguousBase(ValueError):
    """The outputs do not tell where the options begin. One line with the counts."""


def calibrate_base(answered: Sequence[Answered]) -> Numbering:
    """Find the base with which the numbers in `<output>` agree with the right answers.

    A number agrees with one of the bases at most. The base is taken when the 95 % interval of its
    share of the agreements lies above a half, and when it makes at most 2 % of the numbers
    impossible. Responses whose output is not a number say nothing and are left out.

    Args:
        answered: responses to a validation split, never to what is measured.

    Raises:
        AmbiguousBase: neither base fulfils both.
    """
    said = [(item, int(number)) for item in answered if (number := _number(item.text))]
    agreed = tuple(sum(n - base == item.answer for item, n in said) for base in (0, 1))
    impossible = tuple(
        sum(not 0 <= n - base < len(item.options) for item, n in said) for base in (0, 1)
    )
    base = int(agreed[1] > agreed[0])
    found = Numbering(base, (agreed[0], agreed[1]), (impossible[0], impossible[1]), len(said))
    if not sum(agreed) or wilson_interval(agreed[base], sum(agreed))[0] <= 0.5:
        raise AmbiguousBase(f"base 0 or 1? {_counts(found)}: calibrate on more questions")
    if impossible[base] > IMPOSSIBLE * len(said):
        raise AmbiguousBase(f"base {base} makes too many numbers impossible: {_counts(found)}")
    return found


def _number(text: str) -> str:
    """The number in the last output, or nothing; whatever else is broken."""
    said = _said(text).strip() if "<output>" in text else ""
    return said if OPTION.fullmatch(said) else ""


def _counts(found: Numbering) -> str:
    by_base = ", ".join(
        f"base {base} agrees with {found.agreed[base]} and makes {found.impossible[base]} "
        "impossible"
        for base in (0, 1)
    )
    return f"of {found.outputs} outputs {by_base}"
