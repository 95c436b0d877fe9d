"""What a verifier is shown of a structured response: plain steps, and the answer in a sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer
from engines.scripted_engine import ScriptedEngine
from engines.tokenizer import HfTokenizer
from scorers.step_texts import read_options, step_texts, untagged
from scorers.thinkprm import ThinkPrm
from scorers.thinkprm_config import ThinkPrmConfig
from search.core import Prefix, Problem, Step, StopReason
from search.ports import ScorerCall
from search.structured_protocol import TAG, TAGS

QUESTION = "What is 2 + 2?\nProvided options: ['3', '4', 'don\\'t know', '6']"
STEPS = [
    "<think>\n<planning>\nAdd the numbers.\n</planning>",
    "\n<monitoring>\n2 + 2 = 4.\n\nSo 4.\n</monitoring>",
    "\n<evaluation>\nIt is option 1.\n</evaluation>\n</think>",
    "\n<output>\n1\n</output>",
]


def shown(output: str, base: int = 0, question: str = QUESTION) -> str:
    (text,) = untagged(question, [f"<output>{output}</output>"], base)
    return text


def test_as_written_changes_no_byte() -> None:
    assert step_texts("as_written", QUESTION, STEPS, 0) == STEPS


def test_untagged_steps_are_plain_and_the_output_is_a_sentence() -> None:
    assert step_texts("untagged", QUESTION, STEPS, 0) == [
        "Add the numbers.",
        "2 + 2 = 4.\n\nSo 4.",
        "It is option 1.",
        "Therefore the answer is option 1: 4.",
    ]


@pytest.mark.parametrize(("base", "text"), [(0, "option 1: 4."), (1, "option 1: 3.")])
def test_the_options_text_is_that_of_the_number_by_the_base(base: int, text: str) -> None:
    assert shown("1", base) == f"Therefore the answer is {text}"


@pytest.mark.parametrize("number", ["4", "99"])
def test_a_number_of_no_option_has_no_text(number: str) -> None:
    assert shown(number) == f"Therefore the answer is option {number}."
    assert shown("0", base=1) == "Therefore the answer is option 0."


def test_an_option_that_cannot_be_read_has_no_text() -> None:
    assert shown("1", question="2 + 2?\n\nA. 3\nB. 4") == "Therefore the answer is option 1."


def test_an_output_that_is_no_number_is_said_as_it_is() -> None:
    assert shown("option 1") == "Therefore the answer is option 1."
    assert shown(" (b) ") == "Therefore the answer is (b)."
    assert shown(" \n") == ""


@pytest.mark.parametrize("step", ["</think>", "<output></output>", " \n"])
def test_a_step_of_tags_only_stays_a_step(step: str) -> None:
    """The verifier's numbers are those of the path's steps."""
    assert untagged(QUESTION, ["<planning>a</planning>", step], 0) == ["a", ""]


def test_an_output_that_was_cut_is_a_sentence_too() -> None:
    assert untagged(QUESTION, ["<output>2"], 0) == ["Therefore the answer is option 2: don't know."]


@pytest.mark.parametrize(
    "question",
    [
        "x",
        "Provided options: [1, 2",
        "Provided options: [__import__('os')]",
        "Provided options: ['a']\nand more",
        f"Provided options: {'[' * 5000}]",
    ],
)
def test_options_that_are_no_list_of_texts_are_none(question: str) -> None:
    assert read_options(question) == []


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "Step 1: <think>"),
        ({"steps": "untagged"}, "Step 4: Therefore the answer is option 1: 4."),
        ({"steps": "untagged", "option_base": 1}, "Step 4: Therefore the answer is option 1: 3."),
    ],
)
def test_the_verifier_is_asked_about_the_steps_as_its_config_says(
    told: dict[str, Any], said: str
) -> None:
    tokenizer = HfTokenizer(build_structured_tokenizer("verifier"))
    engine = ScriptedEngine(lambda _: tokenizer.encode("}"), tokenizer.eos_ids)
    verifier = ThinkPrm(ThinkPrmConfig("m", **told), engine, tokenizer)
    steps = [Step(text, (1,), StopReason.STEP_END) for text in STEPS]
    asyncio.run(verifier.judge([ScorerCall(Prefix(Problem("p", QUESTION), tuple(steps)), 0)]))
    assert said in tokenizer.decode(engine.requests[0].prompt)


@pytest.mark.parametrize("told", [{"steps": "plain"}, {"option_base": 2}])
def test_settings_that_cannot_be_are_refused_in_one_line(told: dict[str, Any]) -> None:
    (name,) = told
    with pytest.raises(ValueError, match=rf"^{name}: "):
        ThinkPrmConfig("m", **told)


PIECES = st.lists(st.sampled_from([*TAGS, "1", "word", " ", "\n", "<b>", "."]), max_size=30)


@given(PIECES.map("".join))
def test_no_tag_of_the_protocol_is_ever_shown(step: str) -> None:
    (text,) = untagged(QUESTION, [step], 0)
    assert not TAG.search(text)


@given(st.text())
def test_a_plain_step_is_shown_as_it_is(step: str) -> None:
    plain = TAG.sub("", step)
    assert untagged("", [plain], 0) == [plain.strip()]
