"""Arithmetic as multiple choice in tagged sections: options, reasoning, judge, responses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic import labelled
from benchmarks.arithmetic.errors import LARGEST, OutOfRangeError
from benchmarks.arithmetic.problems import LEVELS, Operation, draw_problem
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.checker import check, hold
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer, offer_wrong
from benchmarks.arithmetic.structured.errors import corrupt, wrong_calculation
from benchmarks.arithmetic.structured.lessons import judgement
from benchmarks.arithmetic.structured.reasoning import Reasoning, decided, solve, sought
from benchmarks.arithmetic.structured.responses import (
    MALFORMED,
    Sections,
    prompt,
    read_steps,
    write_response,
)
from benchmarks.arithmetic.structured.sampling import RESPONSE_TOKENS
from benchmarks.arithmetic.structured.vocabulary import SYSTEM, build_structured_tokenizer
from benchmarks.datasets.choices import in_a_list
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.load import load_dataset
from engines.tokenizer import HfTokenizer
from policies.structured import PROMPT_TEMPLATE
from scorers.prompt import VerifierPrompt
from search.structured_protocol import TAGS, Reason, read_response
from treewright.config.load import load_config

SEEDS = st.integers(0, 2**32)
CHOICES = [offer(problem, 0) for problem in read_split("validation")[:24]]
CHOICE = offer(draw_problem(Random(3), 2), 0)


@cache
def tokenizer() -> HfTokenizer:
    return HfTokenizer(build_structured_tokenizer("policy"))


def drawn(seed: int) -> tuple[Random, ChoiceProblem]:
    rng = Random(seed)
    return rng, offer(draw_problem(rng, rng.choice(list(LEVELS))), seed)


def judged(choice: ChoiceProblem, said: Reasoning) -> list[bool | None]:
    return check(choice, read_steps(choice, write_response(said)))


def miscalculated(rng: Random, choice: ChoiceProblem) -> Reasoning:
    """With one wrong result, all values in range."""
    while True:
        try:
            return wrong_calculation(rng, choice)
        except OutOfRangeError:
            continue


# Options


@given(SEEDS)
def test_four_options_differ_and_one_is_right(seed: int) -> None:
    _, choice = drawn(seed)
    assert len(set(choice.options)) == 4
    assert choice.options[choice.answer] == choice.problem.answer
    assert all(0 <= option <= LARGEST for option in choice.options)


def test_errors_of_calculation_lead_to_an_option_or_to_none() -> None:
    """Often enough to an option: they are drawn from the same errors."""
    rng = Random(0)
    said = [(choice, miscalculated(rng, choice)) for choice in CHOICES * 12]
    landed = [choice.options.index(each.result) for choice, each in said if found(choice, each)]
    assert 0.1 < len(landed) / len(said) < 0.5
    right = sum(each.result == choice.problem.answer for choice, each in said)
    assert right <= 0.15 * len(said)  # a division that keeps the whole part can lead back


def found(choice: ChoiceProblem, said: Reasoning) -> bool:
    return said.result in choice.options and said.result != choice.problem.answer


@given(SEEDS)
def test_where_all_options_are_wrong_the_right_response_says_so(seed: int) -> None:
    choice = offer_wrong(drawn(seed)[1].problem, seed)
    assert choice.problem.answer not in choice.options
    said = solve(choice)
    assert (
        f"None is {choice.problem.answer}. The nearest is {decided(said.named)}." in said.evaluation
    )
    assert all(each.result == each.operation.apply(each.value) for each in said.calculations)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (133, "A '103' 1 1, 0 3 no, 3 3 no. "
              "B '33' 3 1 no, 3 3 no, end 3 no. C '133' 1 1, 3 3, 3 3."),
        (13, "A '103' 1 1, 0 3 no, 3 end no. B '33' 3 1 no, 3 3 no. C '133' 1 1, 3 3, 3 end no."),
        (103, "A '103' 1 1, 0 0, 3 3."),
    ],
)  # fmt: skip
def test_options_are_held_against_the_result_digit_by_digit(result: int, told: str) -> None:
    assert sought((103, 33, 133), result) == told


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_dataset_has_the_problems_with_levels_in_their_splits(split: str) -> None:
    asked = DatasetConfig(name="arithmetic_levels_choices", split=split, option_format="list")
    data = load_dataset(asked)
    choices = [offer(problem, 0) for problem in read_split(split)]
    assert data.bad_rows == []
    assert [sample.problem.question for sample in data.samples] == [
        each.question for each in choices
    ]
    assert [sample.answer for sample in data.samples] == [str(each.answer) for each in choices]
    levels = [sample.metadata["level"] for sample in data.samples]
    assert levels == [problem.level for problem in read_split(split)]


def test_every_place_is_the_right_one_about_as_often() -> None:
    places = [offer(problem, 0).answer for problem in read_split("test")]
    assert all(0.2 < places.count(place) / len(places) < 0.3 for place in range(4))


def test_two_wordings_of_a_chain_have_the_same_options() -> None:
    problem = CHOICES[0].problem
    assert offer(problem, 0).options == offer(replace(problem, question="A story."), 0).options
    assert len({offer(problem, seed).options for seed in range(20)}) > 10


def test_a_question_shows_its_options_as_every_listed_dataset_does() -> None:
    texts = [str(option) for option in CHOICE.options]
    listed = in_a_list(CHOICE.problem.question, texts, CHOICE.answer)
    assert listed == (CHOICE.question, str(CHOICE.answer))


def test_options_in_another_order_make_the_evaluation_wrong() -> None:
    for choice in CHOICES:
        turned = replace(choice, options=(*choice.options[1:], choice.options[0]))
        assert check(turned, read_steps(choice, write_response(solve(choice))))[:3] == [
            True,
            True,
            False,
        ]


# Reasoning and its exact judge


@given(SEEDS)
def test_right_reasoning_is_judged_right_and_names_the_answer(seed: int) -> None:
    _, choice = drawn(seed)
    said = solve(choice)
    assert said.output == choice.answer
    assert judged(choice, said) == [True] * 4


@given(SEEDS)
def test_reasoning_without_a_wrong_sentence_is_right_and_any_other_is_not(seed: int) -> None:
    """An exact judge: what differs from the right reasoning has an error, nothing else has."""
    rng, choice = drawn(seed)
    said = rng.choice((solve, partial(corrupt, rng)))(choice)
    assert (False in judged(choice, said)) == (said != solve(choice))


def edited(said: Reasoning, section: str) -> Reasoning:
    """Wrong in one section only, and honest from there on as far as the output goes."""
    first = said.calculations[0]
    return {
        "plan": replace(said, plan=(Operation("+", 77), *said.plan[1:])),
        "calculation": replace(
            said,
            calculations=(replace(first, result=first.result + 1), *said.calculations[1:]),
        ),
        "evaluation": replace(said, result=said.result + 1),
        "output": replace(said, output=(said.output + 1) % 4),
    }[section]


@pytest.mark.parametrize("choice", CHOICES[:6], ids=lambda choice: choice.problem.id)
def test_the_section_that_is_wrong_is_the_first_error(choice: ChoiceProblem) -> None:
    for step, section in enumerate(("plan", "calculation", "evaluation", "output")):
        labels = judged(choice, edited(solve(choice), section))
        assert labels == [True] * step + [False] + [None] * (3 - step)


def test_the_right_result_of_another_calculation_is_an_error() -> None:
    said = solve(CHOICE)
    last = said.calculations[-1]
    other = replace(last, value=last.result - 5, operation=Operation("+", 5))
    wrong = replace(said, calculations=(*said.calculations[:-1], other))
    assert judged(CHOICE, wrong) == [True, False, None, None]


@pytest.mark.parametrize("text", ["", "Let us see.", "Start from 3", "<planning>"])
def test_a_section_in_another_form_is_an_error(text: str) -> None:
    steps = read_steps(CHOICE, write_response(solve(CHOICE)))
    for index in range(4):
        assert check(CHOICE, [*steps[:index], text])[-1] is False


def test_a_fifth_step_is_an_error() -> None:
    steps = read_steps(CHOICE, write_response(solve(CHOICE)))
    assert check(CHOICE, [*steps, "One more thing."]) == [True] * 4 + [False]


def test_an_unfinished_response_is_judged_as_far_as_it_goes() -> None:
    steps = read_steps(CHOICE, write_response(solve(CHOICE)))
    for length in range(1, 4):
        assert check(CHOICE, steps[:length]) == [True] * length


def test_a_section_is_compared_up_to_its_first_difference() -> None:
    said = solve(CHOICE)
    plan = f"Start from {said.start}. Add 777."
    held = hold(CHOICE, 0, plan)
    assert [each.right for each in held] == [True, False]
    assert held[-1].claimed in ("777", "add 777")


# Responses


POLICY: Any = load_config("structured_arithmetic").policy
RULES = POLICY.format


@given(SEEDS)
@settings(max_examples=50)
def test_a_written_response_keeps_the_format_and_is_short(seed: int) -> None:
    rng, choice = drawn(seed)
    text = write_response(rng.choice((solve, partial(corrupt, rng)))(choice))
    count = tokenizer().encode
    ids = build_ids(text)
    assert read_response(text, RULES, lambda part: len(count(part))).violations == ()
    assert len(ids) <= RESPONSE_TOKENS


def build_ids(text: str) -> list[int]:
    ids: list[int] = build_structured_tokenizer("policy").encode(text)
    return ids


@pytest.mark.parametrize("reason", MALFORMED)
def test_a_malformed_response_is_rejected_for_its_reason(reason: str) -> None:
    rng = Random(0)
    for choice in CHOICES:
        text = MALFORMED[reason](rng, Sections.of(solve(choice)))
        found = read_response(text, RULES, lambda part: len(tokenizer().encode(part)))
        assert found.reason == Reason(reason)


# Prompts and vocabulary


def test_the_policys_prompt_is_that_of_its_chat_template_and_of_the_config() -> None:
    assert (POLICY.system_prompt, POLICY.prompt_template) == (SYSTEM, PROMPT_TEMPLATE)
    turns = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": PROMPT_TEMPLATE.replace("{question}", CHOICE.question)},
    ]
    rendered = build_structured_tokenizer("policy").encode(prompt(CHOICE.question))
    assert list(tokenizer().chat(turns)) == rendered


def test_the_verifiers_prompt_is_the_one_that_is_served() -> None:
    steps = read_steps(CHOICE, write_response(solve(CHOICE)))
    verifier = HfTokenizer(build_structured_tokenizer("verifier"))
    served = VerifierPrompt(verifier, "none", "it").ids(CHOICE.question, steps)
    lesson = judgement(CHOICE, steps)
    written = lesson.prompt + "".join(text for text, _ in lesson.pieces)
    assert written.startswith(verifier.decode(served))


def test_each_tag_is_one_token_that_is_decoded() -> None:
    ids = build_ids("".join(TAGS))
    assert len(ids) == len(TAGS)
    assert tokenizer().decode(ids) == "".join(TAGS)


def test_the_shortest_sections_that_are_asked_for_are_those_of_the_domain() -> None:
    assert labelled.RULES == RULES
