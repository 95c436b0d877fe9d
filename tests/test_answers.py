from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.answers import MAX_CHARS, extract_answer

SOLUTIONS = [
    (r"Step 1: so \boxed{42}.", "42"),
    (r"\boxed{1} no, wait: \boxed{2}", "2"),
    (r"\boxed{2} is what the answer is 3 says", "2"),
    (r"$\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
    (r"\boxed{\left\{1, \{2\}\right\}}", r"\left\{1, \{2\}\right\}"),
    (r"\boxed{\{1\}} and }", r"\{1\}"),
    (r"\boxed{a \\}", r"a \\"),
    (r"\boxed { 7 }", "7"),
    (r"$\boxed 5$.", "5"),
    (r"\boxed 5. Done", "5"),
    (r"\boxed\frac{1}{2} and more", r"\frac{1}{2}"),
    (r"\fbox{7}", "7"),
    (r"\boxed{\boxed{5}}", "5"),
    ("\\boxed{1\n+2}", "1\n+2"),
    (r"\boxedtext{3} but the answer is 4", "4"),
    ("The answer is 3.14. I hope it is right.", "3.14"),
    ("Final answer: **12**", "12"),
    ("**Answer**: 5 apples\nThank you", "5 apples"),
    ("so the final answer is:\n$5$.", "$5$"),
    ("The answer is 1. No, the answer is 2.", "2"),
    ("18 eggs\n#### 18", "18"),
    ("#### $1,200", "$1,200"),
    ("#### \\frac{1}{2}", "\\frac{1}{2}"),
    ("It is 5.\nThe answer is 5.\n#### Check\nIt holds.", "5"),
    ("#### 12\n#### 2. Check again", "12"),
    ("#### 12\n#### 2nd approach", "12"),
    ("#### $x = -5$", "$x = -5$"),
    ("The answer is 72 clips, altogether.", "72 clips"),
    ("The answer is x = 3, y = 4.", "x = 3, y = 4"),
    ("The answer is Evelyn, not Tim", "Evelyn, not Tim"),
    ("The answer is 5. I doubt the answer is correct.", "5"),
    ("Answer:\n\\[\n12\n\\]\nDone.", "\\[\n12\n\\]"),
    ("The answer is $$\n\\frac12.\n$$", "$$\n\\frac12.\n$$"),
    (r"\boxed{5}. (put in \boxed{})", "5"),
]


@pytest.mark.parametrize(("solution", "answer"), SOLUTIONS)
def test_the_last_answer_is_taken(solution: str, answer: str) -> None:
    assert extract_answer(solution) == answer


@pytest.mark.parametrize(
    "solution",
    [
        "",
        "I do not know",
        r"\boxed",
        r"\boxed{}",
        r"\boxed{  }",
        "The answer is",
        "####",
        "answers: x",
        "I doubt the answer is correct. 5",
        "#### Check",
        "#### 2. Check",
    ],
)
def test_no_answer_is_an_abstention(solution: str) -> None:
    assert extract_answer(solution) is None


@pytest.mark.parametrize(
    "solution", [r"\boxed{1} then \boxed{2", r"The answer is 5: \boxed{\frac{5}{1}", r"\boxed{\}"]
)
def test_a_last_box_that_was_cut_is_an_abstention(solution: str) -> None:
    assert extract_answer(solution) is None


def test_cues_can_be_switched_off() -> None:
    assert extract_answer("The answer is 5", cues=False) is None


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("so 7 of 12", "12"),
        ("it costs $1,234.50 in all", "1,234.50"),
        ("between 3 and -4", "-4"),
        ("a half, 1/2", "1/2"),
        ("I doubt the answer is correct. 5", "5"),
        (r"\boxed{7} of 12", "7"),
        ("The answer is 7, of 12", "7, of 12"),
        ("no number", None),
        (r"5 is \boxed{6", None),
    ],
)
def test_the_last_number_is_taken_where_that_is_asked_for_and_nothing_else_answers(
    solution: str, answer: str | None
) -> None:
    assert extract_answer(solution, fallback="last_number") == answer


def test_an_answer_of_the_longest_length_is_kept_and_a_longer_one_is_an_abstention() -> None:
    longest = "1" * MAX_CHARS
    for form in (r"\boxed{%s}", r"\boxed %s", "The answer is %s"):
        assert extract_answer(form % longest) == longest
        assert extract_answer(form % (longest + "1")) is None


pieces = st.sampled_from(
    ["\\", "{", "}", r"\boxed", "answer is ", "####", "x", " ", "$", ".", "\n"]
)


@given(st.lists(pieces | st.text(max_size=3), max_size=30).map("".join))
def test_an_answer_is_a_short_stripped_part_of_the_text(solution: str) -> None:
    answer = extract_answer(solution)
    if answer is not None:
        assert answer in solution
        assert 0 < len(answer) <= MAX_CHARS
        assert answer == answer.strip()


balanced = st.recursive(
    st.text("xy1+ ", max_size=4) | st.sampled_from([r"\{", r"\}", r"\\"]),
    lambda inner: st.lists(inner, max_size=3).map("".join) | inner.map("{{{}}}".format),
)


@given(
    st.text(max_size=30), balanced, st.text("ab }{\\", max_size=10).filter(lambda t: "box" not in t)
)
def test_the_content_of_a_balanced_last_box_comes_back_whole(
    before: str, content: str, after: str
) -> None:
    wanted = content.strip() or None
    assert extract_answer(f"{before} \\boxed{{{content}}}{after}") == wanted


HUGE = ["\\boxed" * 170_000, "\\boxed{" * 140_000, "{" * 10**6, "answer" + " " * 10**6, "#" * 10**6]
HUGE += [
    "answer " * 140_000,
    "\\boxedx" * 140_000,
    "\\boxed{" + "{}" * 500_000,
    "\\boxed" + " " * 10**6,
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", HUGE, ids=lambda text: re.sub(r"\s", "_", text[:12]))
def test_a_megabyte_of_anything_is_read_in_linear_time(text: str) -> None:
    extract_answer(text)
