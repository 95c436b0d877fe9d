"""The response format: what is accepted, what is rejected and why, and how much work it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_responses import SECTIONS, mutants
from search import structured_protocol
from search.structured_protocol import (
    OPTION,
    STEP_ENDS,
    TAG,
    TAGS,
    Reason,
    ResponseFormat,
    Violation,
    read_opening,
    read_response,
)

PLAN = "The train covers 120 km in 2 h, so its speed is the distance divided by the time."
WORK = "First, 120 / 2 = 60. Then 60 km/h for 3 h gives 60 * 3 = 180. So it covers 180 km."
CHECK = "Backwards, 180 / 3 = 60 and 60 * 2 = 120, as the question says, so option 2 fits."
RULES = ResponseFormat(10, 12, 10)
ENDS = [f"</{name}>" for name in (*SECTIONS, "output")]


def words(text: str) -> int:
    """A token for each word."""
    return len(text.split())


def response(plan: str = PLAN, work: str = WORK, check: str = CHECK, output: str = "2") -> str:
    return (
        f"<think>\n<planning>\n{plan}\n</planning>\n<monitoring>\n{work}\n</monitoring>\n"
        f"<evaluation>\n{check}\n</evaluation>\n</think>\n<output>\n{output}\n</output>"
    )


VALID = {
    "plain": response(),
    "CRLF": response().replace("\n", "\r\n"),
    "one line": response().replace("\n", " "),
    "white space around": f" \n\t{response()}\n\n ",
    "no white space": re.sub(r"\n?(<[^>]*>)\n?", r"\1", response()),
    "other scripts": response(plan=f"{PLAN} 速度は距離を時間で割る。Скорость равна 60."),
    "other tags and signs": response(work=f"{WORK} If x < 3 and y > 4 <b>then</b> <answer>."),
    "bullets that say something": response(work=f"- {WORK}\n- 60\n* [0, 1]\n1. x\n-5 + 65 = 60"),
    "a line of dashes": response(check=f"{CHECK}\n---\n"),
    "phrases in longer words": response(plan=f"{PLAN} I can analyze the problematic unit."),
    "upper case": response(plan=f"{PLAN} It is no <THINK> of mine."),
    "a number of two digits": response(output="12"),
}


MUTANTS = [mutant for text in VALID.values() for mutant in mutants(text, RULES)]


@pytest.mark.parametrize("text", VALID.values(), ids=VALID.keys())
def test_a_response_in_the_format_is_accepted(text: str) -> None:
    assert read_response(text, RULES, words).violations == ()


def test_more_than_500_ways_to_break_the_format_are_tried() -> None:
    assert len({mutant.text for mutant in MUTANTS}) >= 500
    assert {mutant.reason for mutant in MUTANTS} == set(Reason) - {Reason.TRUNCATED}


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.TRUNCATED}))
def test_what_is_broken_in_one_way_is_rejected_for_that_reason_only(reason: Reason) -> None:
    for mutant in MUTANTS:
        if mutant.reason is reason:
            found = read_response(mutant.text, RULES, words)
            assert found.reason is reason, mutant
            assert {violation.reason for violation in found.violations} == {reason}, mutant
            if mutant.where is not None:
                assert mutant.where in [violation.where for violation in found.violations], mutant


@pytest.mark.parametrize("text", VALID.values(), ids=VALID.keys())
def test_a_response_that_was_cut_is_truncated_before_all_else(text: str) -> None:
    for end in range(0, len(text) + 1, 7):
        found = read_response(text[:end], RULES, words, finished=False)
        assert found.reason is Reason.TRUNCATED


def test_all_that_is_broken_in_the_sections_is_told_and_the_first_reason_counts() -> None:
    found = read_response(response("short", "-\n" + WORK, CHECK, "B") + " end", RULES, words)
    assert found.violations == (
        Violation(Reason.TRAILING_TEXT, "</output>"),
        Violation(Reason.SHORT_SECTION, "planning"),
        Violation(Reason.BULLET_PLACEHOLDER, "monitoring"),
        Violation(Reason.OUTPUT_NOT_OPTION, "output"),
    )
    assert found.reason is Reason.TRAILING_TEXT


def test_the_spans_of_the_sections_are_places_in_the_text() -> None:
    text = response()
    found = read_response(text, RULES, words)
    assert [section.name for section in found.sections] == [*SECTIONS, "output"]
    for section in found.sections:
        assert text[section.start : section.end] == section.text
    assert found.sections[1].text.strip() == WORK


def test_a_section_has_just_enough_tokens() -> None:
    assert read_response(response(plan="60 " * 10), RULES, words).valid
    assert not read_response(response(plan="60 " * 9), RULES, words).valid


def test_without_a_count_of_tokens_no_section_is_too_short() -> None:
    assert read_response(response("a", "b", "c"), ResponseFormat()).valid


def test_banned_phrases_can_be_others_or_none() -> None:
    text = response(plan=f"{PLAN} I analyze the problem.")
    assert read_response(text, ResponseFormat(banned_phrases=[])).valid
    assert not read_response(text, ResponseFormat(banned_phrases=["speed is"])).valid


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_planning_tokens": -1}, "min_planning_tokens: -1 must be 0 or more"),
        ({"banned_phrases": [" "]}, "banned_phrases: ' ' must be a phrase; [] bans none"),
    ],
)
def test_rules_that_cannot_be_are_refused_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(said)):
        ResponseFormat(**fields)


# Openings


@pytest.mark.parametrize("text", VALID.values(), ids=VALID.keys())
def test_a_valid_response_is_valid_at_the_end_of_each_step(text: str) -> None:
    for tag in STEP_ENDS:
        opening = text[: text.index(tag) + len(tag)]
        assert read_opening(opening, RULES, words).valid


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        (f"<think><monitoring>{WORK}</monitoring>", Reason.TAG_ORDER),
        (f"<planning>{PLAN}</planning>", Reason.TAG_ORDER),
        (f"<think><planning>{PLAN}</planning><evaluation>", Reason.TAG_ORDER),
        (f"<think><planning>{PLAN}</planning><planning>{PLAN}</planning>", Reason.DUPLICATE_TAG),
        (f"Sure! <think><planning>{PLAN}</planning>", Reason.LEADING_TEXT),
        (f"<think>Well, <planning>{PLAN}</planning>", Reason.TEXT_BETWEEN_TAGS),
        (f"<think><planning>{PLAN}</planning> And", Reason.TEXT_BETWEEN_TAGS),
        (f"<think><planning>{PLAN}</planning><eval", Reason.TEXT_BETWEEN_TAGS),
        ("<think><planning>...</planning>", Reason.EMPTY_SECTION),
        ("<think><planning>Too short.</planning>", Reason.SHORT_SECTION),
        ("Sure!", Reason.LEADING_TEXT),
    ],
)
def test_an_opening_that_cannot_become_valid_is_rejected(opening: str, reason: Reason) -> None:
    assert read_opening(opening, RULES, words).reason is reason


BEGUN = ["", "\n", "<", "<think>", "<think>\n<planning>\nThe", response()]
BEGUN += [f"<think><planning>{PLAN}</planning>{tag}" for tag in ("<", "\n<monitor")]


@pytest.mark.parametrize("opening", BEGUN)
def test_what_can_still_become_valid_is_no_fault(opening: str) -> None:
    assert read_opening(opening, RULES, words).valid


# Against another way of reading

GAP = st.sampled_from(["", "", " ", "\n", " \n", "x"])
SAID = st.sampled_from(["x", "1", " x1 ", "11", "1\n", ""])
BEFORE = st.tuples(*(SAID if tag in ENDS else GAP for tag in TAGS))
ALMOST = BEFORE.map(lambda said: "".join(text + tag for text, tag in zip(said, TAGS, strict=True)))
ANYTHING = ALMOST | st.lists(st.sampled_from([*TAGS, "x", "1", " "]), max_size=24).map("".join)
ORACLE = re.compile(
    r"\s*<think>\s*<planning>\s*[x1][x1\s]*</planning>\s*<monitoring>\s*[x1][x1\s]*</monitoring>"
    r"\s*<evaluation>\s*[x1][x1\s]*</evaluation>\s*</think>\s*<output>\s*1{1,2}\s*</output>\s*"
)


@given(text=ANYTHING)
def test_it_accepts_what_one_regular_expression_accepts(text: str) -> None:
    assert read_response(text, ResponseFormat()).valid == bool(ORACLE.fullmatch(text))


@given(text=ANYTHING)
def test_what_breaks_an_opening_breaks_every_response_that_begins_so(text: str) -> None:
    for mark in TAG.finditer(text):
        if mark[0] in STEP_ENDS and not read_opening(text[: mark.end()], ResponseFormat()).valid:
            assert not read_response(text, ResponseFormat()).valid


# Work

FLOODS: dict[str, Callable[[int], str]] = {
    "opening tags": lambda n: "<think>" * n,
    "closing tags": lambda n: "</output>" * n,
    "all tags": lambda n: "".join(TAGS) * n,
    "angle brackets": lambda n: "<" * n,
    "almost tags": lambda n: "</monitoring" * n,
    "spaces": lambda n: response(plan=" " * n),
    "dots": lambda n: response(plan="." * n),
    "bullets": lambda n: response(plan="- x\n" * n),
    "almost phrases": lambda n: response(plan="analyze the " * n),
    "one long line": lambda n: response(plan="x" * n),
    "one long output": lambda n: response(output="1" * n),
}


def lines_run(text: str) -> int:
    """How many lines of the module run while it reads the text."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != structured_protocol.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read_response(text, RULES, words)
        read_opening(text, RULES, words)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_twice_the_text_is_at_most_twice_the_work(flood: Callable[[int], str]) -> None:
    """Counted in lines that run."""
    assert lines_run(flood(4000)) <= 2 * lines_run(flood(2000)) + 50


def test_every_token_is_counted_once() -> None:
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return len(text)

    read_response(response(), RULES, count)
    assert counted == [PLAN, WORK, CHECK]


def test_no_pattern_repeats_without_bound() -> None:
    """So a search looks at each character a bounded number of times."""
    for pattern in (TAG, OPTION):
        assert not {"*", "+"} & set(pattern.pattern)
