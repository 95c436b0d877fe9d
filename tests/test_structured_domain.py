"""Arithmetic as multiple choice in tagged sections: options, reasoning, judge, lessons."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic.corpus import DECISIVE
from benchmarks.arithmetic.problems import Operation, draw_problem
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.structured.checker import check, hold
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.arithmetic.structured.errors import corrupt
from benchmarks.arithmetic.structured.lessons import (
    RATES,
    critique,
    policy_lessons,
    prompt,
    read_steps,
    synthetic_response,
    verifier_lesson,
)
from benchmarks.arithmetic.structured.reasoning import Reasoning, solve
from benchmarks.arithmetic.structured.responses import MALFORMED, Sections, write_response
from benchmarks.arithmetic.structured.slips import Rates, slip
from benchmarks.arithmetic.structured.vocabulary import SYSTEM, build_structured_tokenizer
from benchmarks.datasets.choices import in_a_list
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.load import load_dataset
from engines.tokenizer import HfTokenizer
from policies.structured import PROMPT_TEMPLATE
from scorers.prompt import VerifierPrompt
from search.structured_protocol import TAGS, Reason, ResponseFormat, read_response
from treewright.config.load import load_config

SEEDS = st.integers(0, 2**32)
CHOICES = [offer(problem, 0) for problem in read_split("validation")[:24]]
CHOICE = offer(draw_problem(Random(3)), 0)


@cache
def tokenizer() -> HfTokenizer:
    return HfTokenizer(build_structured_tokenizer("policy"))


def drawn(seed: int) -> tuple[Random, ChoiceProblem]:
    rng = Random(seed)
    return rng, offer(draw_problem(rng), seed)


def judged(choice: ChoiceProblem, said: Reasoning) -> list[bool | None]:
    return check(choice, read_steps(choice, write_response(said)))


# Options


@given(SEEDS)
def test_four_options_differ_and_one_is_right(seed: int) -> None:
    _, choice = drawn(seed)
    assert len(set(choice.options)) == 4
    assert choice.options[choice.answer] == choice.problem.answer


def test_the_options_of_a_problem_depend_on_the_seed_alone() -> None:
    problem = CHOICE.problem
    assert offer(problem, 0).options == offer(replace(problem, question="A story."), 0).options
    assert len({offer(problem, seed).options for seed in range(20)}) > 10


def test_every_place_is_the_right_one_about_as_often() -> None:
    places = [offer(problem, 0).answer for problem in read_split("test")]
    assert all(0.2 < places.count(place) / len(places) < 0.3 for place in range(4))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_dataset_has_the_problems_of_arithmetic_in_their_splits(split: str) -> None:
    data = load_dataset(DatasetConfig(name="arithmetic_choices", split=split, option_format="list"))
    problems = read_split(split)
    assert data.bad_rows == []
    assert [sample.problem.id for sample in data.samples] == [problem.id for problem in problems]
    asked = [offer(problem, 0) for problem in problems]
    assert [sample.problem.question for sample in data.samples] == [each.question for each in asked]
    assert [sample.answer for sample in data.samples] == [str(each.answer) for each in asked]


def test_a_question_shows_its_options_as_every_listed_dataset_does() -> None:
    texts = [str(option) for option in CHOICE.options]
    listed = in_a_list(CHOICE.problem.question, texts, CHOICE.answer)
    assert listed == (CHOICE.question, str(CHOICE.answer))


def test_another_option_seed_gives_other_options() -> None:
    one, two = (
        load_dataset(DatasetConfig(name="arithmetic_choices", limit=20, option_seed=seed))
        for seed in (0, 1)
    )
    assert one.digest != two.digest
    assert [each.problem.id for each in one.samples] == [each.problem.id for each in two.samples]


# Reasoning and its exact judge


@given(SEEDS)
def test_right_reasoning_is_judged_right_and_names_the_answer(seed: int) -> None:
    _, choice = drawn(seed)
    said = solve(choice)
    assert said.output == choice.answer
    assert judged(choice, said) == [True] * 4


@given(SEEDS)
def test_one_error_of_any_kind_is_found(seed: int) -> None:
    rng, choice = drawn(seed)
    assert False in judged(choice, corrupt(rng, choice))


@given(SEEDS)
def test_reasoning_without_a_wrong_sentence_is_right_and_any_other_is_not(seed: int) -> None:
    """An exact judge: what differs from the right reasoning has an error, nothing else has."""
    rng, choice = drawn(seed)
    said = slip(rng, choice, Rates(0.05, 0.05, 0.1))
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
    text = write_response(slip(rng, choice, RATES))
    count = tokenizer().encode
    ids = build_ids(text)
    assert read_response(text, RULES, lambda part: len(count(part))).violations == ()
    assert len(ids) <= 220


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


# Lessons and vocabulary


def test_training_never_sees_a_held_out_problem() -> None:
    held_out = held_out_keys()
    asked = [lesson.prompt for lesson in islice(policy_lessons(0, held_out, RATES), 300)]
    texts = {problem.question for name in ("validation", "test") for problem in read_split(name)}
    assert not any(text in told for told in asked for text in texts)


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
    served = VerifierPrompt(verifier, "verify_step", "it").ids(CHOICE.question, steps)
    lesson = verifier_lesson(CHOICE, steps)
    written = lesson.prompt + "".join(text for text, _ in lesson.pieces)
    assert written.startswith(verifier.decode(served))


@given(SEEDS)
@settings(max_examples=50)
def test_a_critique_ends_with_the_verdict_of_the_exact_judge(seed: int) -> None:
    rng, choice = drawn(seed)
    steps = read_steps(choice, synthetic_response(rng, choice))
    labels = [label for label in check(choice, steps) if label is not None]
    verdicts = [
        text for text, weight in critique(choice, steps) if weight == DECISIVE and text.isalpha()
    ]
    assert verdicts == ["correct" if label else "incorrect" for label in labels]


def test_each_tag_is_one_token_that_is_decoded() -> None:
    ids = build_ids("".join(TAGS))
    assert len(ids) == len(TAGS)
    assert tokenizer().decode(ids) == "".join(TAGS)


def test_no_word_of_a_response_falls_apart() -> None:
    rng = Random(0)
    for choice in CHOICES:
        text = write_response(slip(rng, choice, Rates(0.1, 0.1, 0.2)))
        pieces = build_structured_tokenizer("policy").tokenize(text)
        assert not [piece for piece in pieces if len(piece) == 1 and piece.isalpha()]


def test_the_shortest_sections_that_are_asked_for_are_those_of_the_domain() -> None:
    assert ResponseFormat(10, 15, 12) == RULES
