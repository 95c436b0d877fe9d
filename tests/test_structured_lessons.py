"""What the structured models are taught: the critique, lessons, made-up errors, figures."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arithmetic.checker import read_claim
from benchmarks.arithmetic.corpus import DECISIVE
from benchmarks.arithmetic.critique import READ
from benchmarks.arithmetic.errors import OutOfRangeError
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.learning import encode
from benchmarks.arithmetic.problems import LEVELS, draw_problem
from benchmarks.arithmetic.splits import held_out_keys, read_split
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.arithmetic.structured.critique import critique
from benchmarks.arithmetic.structured.errors import (
    KINDS,
    corrupt,
    wrong_calculation,
    wrong_evaluation,
    wrong_monitoring,
    wrong_output,
    wrong_plan,
)
from benchmarks.arithmetic.structured.evaluate import figures
from benchmarks.arithmetic.structured.lessons import (
    judgement,
    policy_lessons,
    synthetic,
    verifier_lessons,
)
from benchmarks.arithmetic.structured.reasoning import Reasoning, conclude, solve
from benchmarks.arithmetic.structured.responses import prompt, read_steps, write_response
from benchmarks.arithmetic.structured.sampling import CHAIN_TOKENS, RESPONSE_TOKENS
from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer

Kind = Callable[[Random, ChoiceProblem], Reasoning]
SEEDS = st.integers(0, 2**32)
CHOICES = [offer(problem, 0) for problem in read_split("validation")[:25]]


@cache
def tokenizer(role: str) -> Any:
    return build_structured_tokenizer(role)


def drawn(seed: int) -> tuple[Random, ChoiceProblem]:
    rng = Random(seed)
    return rng, offer(draw_problem(rng, rng.choice(list(LEVELS))), seed)


def steps_of(choice: ChoiceProblem, said: Reasoning) -> list[str]:
    return read_steps(choice, write_response(said))


def chain(choice: ChoiceProblem, steps: list[str]) -> str:
    return "".join(text for text, _ in critique(choice, steps))


# The critique and the exact labels


@given(SEEDS)
def test_the_critique_of_a_right_response_calls_every_section_correct(seed: int) -> None:
    _, choice = drawn(seed)
    text = chain(choice, steps_of(choice, solve(choice)))
    assert text.count("\\boxed{correct}") == 4
    assert text.endswith("Is the solution correct? Yes<｜end▁of▁sentence｜>")


@given(SEEDS)
def test_the_critique_of_an_error_ends_at_its_section(seed: int) -> None:
    rng, choice = drawn(seed)
    steps = steps_of(choice, corrupt(rng, choice))
    labels = check(choice, steps)
    text = chain(choice, steps)
    assert False in labels
    assert text.count("\\boxed{correct}") == labels.index(False)
    assert text.count("\\boxed{incorrect}") == 1
    assert text.endswith("Is the solution correct? No<｜end▁of▁sentence｜>")


@pytest.mark.parametrize(
    ("kind", "section"),
    [(wrong_plan, 0), (wrong_calculation, 1), (wrong_monitoring, 1), (wrong_evaluation, 2),
     (wrong_output, 3)],
)  # fmt: skip
def test_each_kind_of_error_is_in_its_section(kind: Kind, section: int) -> None:
    assert kind in KINDS
    rng = Random(1)
    for choice in CHOICES[:10]:
        said = attempt(kind, rng, choice)
        if said != solve(choice):
            assert check(choice, steps_of(choice, said)).index(False) == section


def attempt(kind: Kind, rng: Random, choice: ChoiceProblem) -> Reasoning:
    """Reasoning whose values stay in range."""
    while True:
        try:
            return kind(rng, choice)
        except OutOfRangeError:
            continue


def test_a_wrong_result_is_found_by_its_digits_and_never_given_away() -> None:
    """What stands beside a calculation is what is asked for, without its result."""
    rng = Random(2)
    for choice in CHOICES:
        said = attempt(wrong_calculation, rng, choice)
        at = next(i for i, each in enumerate(said.calculations) if is_wrong(choice, i, each.result))
        last = chain(choice, steps_of(choice, said)).split("\n\n")[-1].split("; ")[-1]
        calculation = said.calculations[at]
        asked = calculation.text.partition(" = ")[0]
        lead = "Step 2: " if at == 0 else ""
        assert last.startswith(f"{lead}{calculation.text}, asked {asked}: ones ")
        *_, total, digit = last.partition(". The step")[0].split()
        assert total[-1] != digit
        assert "\\boxed{incorrect}" in last


def is_wrong(choice: ChoiceProblem, index: int, result: int) -> bool:
    return result != choice.problem.values[index + 1]


def test_the_labels_depend_on_the_problem_and_on_the_step() -> None:
    rng = Random(3)
    for choice, other in pairwise(CHOICES):
        steps = steps_of(choice, solve(choice))
        assert check(choice, steps) == [True] * 4
        assert check(other, steps)[0] is False  # another problem, the same steps
        wrong = steps_of(choice, attempt(wrong_calculation, rng, choice))
        swapped = [steps[0], wrong[1], *steps[2:]]
        assert check(choice, swapped) == [True, False, None, None]  # one step alone


def test_a_section_that_the_prompt_does_not_show_is_given_in_the_chain() -> None:
    choice = CHOICES[3]
    steps = steps_of(choice, solve(choice))
    lesson = judgement(choice, steps, 1)
    assert steps[0] in lesson.prompt
    assert steps[1] not in lesson.prompt
    given = [text for text, weight in lesson.pieces if weight == 0]
    assert given[:3] == [f"\n\nStep {i}: {text}" for i, text in enumerate(steps[1:], start=2)]
    learned = [piece for piece in lesson.pieces if piece[1] > 0]
    whole = [text for text, _ in judgement(choice, steps).pieces]
    put = (*(f"\n\nStep {i}" for i in (2, 3, 4)), "\n</think>")
    assert [text for text, _ in learned] == [text for text in whole if not text.startswith(put)]


# Lessons


def test_the_policy_learns_from_right_responses_alone() -> None:
    excluded = held_out_keys()
    for lesson in islice(policy_lessons(0, excluded), 60):
        text = "".join(piece for piece, _ in lesson.pieces)
        monitored = text.partition("<monitoring>")[2].partition(".</monitoring>")[0]
        claims = [read_claim(each) for each in monitored.split(". ")]
        assert claims
        for claim in claims:
            assert claim is not None
            assert claim.operation.apply(claim.value) == claim.result


def test_what_decides_an_evaluation_weighs_most_and_one_operation_is_given() -> None:
    lessons = list(islice(policy_lessons(0, frozenset()), 40))
    for lesson in lessons:
        weights = dict(lesson.pieces)
        assert weights[" Option"] == DECISIVE
        assert {weights.get(" So"), weights.get(" None")} == {DECISIVE, None}
        assert READ in weights.values()
    given = [each for each in lessons if each.pieces[0][1] == 0]
    assert 8 <= len(given) <= 24
    assert all(each.pieces[0][0].count(" = ") == 1 for each in given)
    assert all(each.pieces[0][0].count(" = ") > 1 for each in lessons if each not in given)


def test_no_lesson_has_a_held_out_problem() -> None:
    excluded = held_out_keys()
    rng = Random(4)
    assert all(synthetic(rng, excluded)[0].problem.key not in excluded for _ in range(200))


def test_the_longest_texts_fit() -> None:
    longest = 0
    for problem in [each for each in read_split("test") if each.level == 5][:12]:
        choice = offer(problem, 0)
        response = write_response(solve(choice))
        assert len(tokenizer("policy").encode(response)) < RESPONSE_TOKENS
        lesson = judgement(choice, read_steps(choice, response))
        whole = len(encode(tokenizer("verifier"), lesson)[0])
        longest = max(longest, whole)
        assert whole - len(tokenizer("verifier").encode(lesson.prompt)) <= CHAIN_TOKENS
    assert 1200 < longest <= 2048


def test_the_policys_responses_come_after_the_made_up_lessons() -> None:
    asked: list[str] = []

    def written() -> list[tuple[ChoiceProblem, str]]:
        asked.append("written")
        return [(CHOICES[0], write_response(solve(CHOICES[0])))]

    lessons = verifier_lessons(0, frozenset(), written, 5)
    first = list(islice(lessons, 5))
    assert not asked
    rest = list(islice(lessons, 40))
    assert asked == ["written"]
    question = CHOICES[0].question
    assert not any(question in lesson.prompt for lesson in first)
    assert 8 <= sum(question in lesson.prompt for lesson in rest) <= 32
    assert all(DECISIVE in {weight for _, weight in lesson.pieces} for lesson in rest)


def test_both_tokenizers_know_every_word_of_the_domain() -> None:
    for choice in CHOICES[:5]:
        response = write_response(solve(choice))
        for text in (
            prompt(choice.question),
            response,
            chain(choice, read_steps(choice, response)),
        ):
            tokens = tokenizer("policy").encode(text)
            assert tokens == tokenizer("verifier").encode(text)
            pieces = tokenizer("policy").convert_ids_to_tokens(tokens)
            letters = {each for each in pieces if len(each) == 1 and each.isascii()}
            assert not letters & set(string.ascii_letters) - {"s"}  # of `Let's`


# Figures


def test_the_figures_of_votes_and_of_the_verifier() -> None:
    choice = CHOICES[0]
    right, wrong = solve(choice), answered(choice, (choice.answer + 1) % 4)
    texts = [write_response(said) for said in (wrong, right, wrong)] + ["no tags"]
    readings = [reading(0.1, 4), reading(0.9, 4), reading(0.2, 4), reading(0.99, 4)]
    group = [((choice, text), read) for text, read in zip(texts, readings, strict=True)]
    rows = figures([group], judged=True)
    assert {name: row["all"] for name, row in rows.items() if name in CHOSEN} == CHOSEN
    assert set(rows["pass@1"]) == {"1", "all"}


CHOSEN = {
    "valid": 0.75, "pass@1": 0.25, "majority@k": 0.0, "any@k": 1.0, "weighted@k": 1.0,
    "best@k": 1.0, "best@k min": 1.0,
}  # fmt: skip


def answered(choice: ChoiceProblem, option: int) -> Reasoning:
    right = solve(choice)
    wrong = replace(right.calculations[-1], result=choice.options[option])
    return conclude(choice, right.start, right.plan, [*right.calculations[:-1], wrong])


def reading(probability: float, steps: int) -> ReadChain:
    judged = steps if probability > 0.5 else 1
    return ReadChain("", (probability,) * judged, probability)


def test_an_unreadable_chain_gives_no_weight() -> None:
    choice = CHOICES[0]
    wrong = write_response(answered(choice, (choice.answer + 1) % 4))
    group = [((choice, wrong), ReadChain("", (0.9,), 0.9)),
             ((choice, write_response(solve(choice))), reading(0.6, 4))]  # fmt: skip
    rows = figures([group], judged=True)
    assert rows["weighted@k"]["all"] == rows["best@k"]["all"] == 1.0
    assert rows["unreadable"]["all"] == 0.5
