"""What the structured models are taught: the critique, lessons, made-up errors, figures."""

from __future__ import annotations

import re
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
from benchmarks.arithmetic.critique import GIVEN, READ
from benchmarks.arithmetic.errors import OutOfRangeError
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.learning import encode
from benchmarks.arithmetic.lessons import new_problem
from benchmarks.arithmetic.problems import LEVELS, LevelProblem, Operation, draw_problem
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
    DECISION,
    RESULT,
    STAGES,
    VALUE,
    judgement,
    policy_lessons,
    staged,
    synthetic,
    verifier_lessons,
)
from benchmarks.arithmetic.structured.reasoning import Reasoning, conclude, solve
from benchmarks.arithmetic.structured.responses import prompt, read_steps, write_response
from benchmarks.arithmetic.structured.sampling import CHAIN_TOKENS, RESPONSE_TOKENS
from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer
from benchmarks.arithmetic.vocabulary import LONGEST

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


def test_a_critique_says_what_is_asked_beside_what_it_quotes_and_ends_at_the_first_error() -> None:
    operations = (Operation("+", 85), Operation("*", 26), Operation("-", 7))
    problem = LevelProblem("expression", 37, operations, "What is (37 + 85) * 26 - 7?", 3)
    choice = ChoiceProblem(problem, (3165, 3155, 3175, 2165))
    right = [
        "Let's verify step by step: asked 37 + 85, A * 26, B - 7 final, C none.",
        "Step 1: Start from 37, 37. Add 85, + 85. Multiply by 26, A * 26. Subtract 7, B - 7. "
        "none, C none. asked 37 + 85. The step is \\boxed{correct}",
        "Step 2: 37 + 85, 37 + 85 = 122: ones 2, tens 2, hundreds 1: "
        "ones 7 + 5 + 0 = 12 2, tens 3 + 8 + 1 = 12 2, "
        "hundreds 0 + 0 + 1 = 1 1. = 122. 122 * 26, A * 26 = 3172: "
        "ones 2, tens 7, hundreds 1, thousands 3: "
        "ones 2 * 6 + 0 = 12, 0 * 2 + 0 = 0, 2 + 0 + 0 = 2 2, "
        "tens 2 * 6 + 1 = 13, 2 * 2 + 0 = 4, 3 + 4 + 0 = 7 7, "
        "hundreds 1 * 6 + 1 = 7, 2 * 2 + 0 = 4, 7 + 4 + 0 = 11 1, "
        "thousands 0 * 6 + 0 = 0, 1 * 2 + 0 = 2, 0 + 2 + 1 = 3 3. "
        "= 3172. 3172 - 7, B - 7 = 3165: "
        "ones 5, tens 6, hundreds 1, thousands 3: ones 5 + 7 + 0 = 12 2, tens 6 + 0 + 1 = 7 7, "
        "hundreds 1 + 0 + 0 = 1 1, thousands 3 + 0 + 0 = 3 3. = 3165. none, C none. "
        "asked 3165, A '3165', B '3155', C '3175', D '2165'. "
        "A '3165' 3 3, 1 1, 6 6, 5 5. A, 0. The step is \\boxed{correct}",
        "Step 3: The result is 3165, 3165. Options: A '3165', A '3165'. B '3155', B '3155'. "
        "C '3175', C '3175'. D '2165', D '2165'. So it is A, option 0, A, 0. "
        "asked 0 3165. The step is \\boxed{correct}",
    ]
    steps = steps_of(choice, replace(solve(choice), output=1))
    assert chain(choice, steps).split("\n\n") == [
        *right,
        "Step 4: Therefore the answer is option 1: 3155, 0 3165; The step is \\boxed{incorrect}"
        "\n</think>\nIs the solution correct? No<｜end▁of▁sentence｜>",
    ]


OPTIONS = "Options: A '39', B '38', C '19', D '83'."


@pytest.mark.parametrize(
    ("index", "section", "told"),
    [
        (0, "Start from 12. Add 8. Multiply by 2.", " Start from 12, 11;"),
        (0, "Start from 11. Subtract 8. Multiply by 2.", " 11, 11. Subtract 8, + 8;"),
        (0, "Start from 11. Add 8.", ". Add 8, + 8. none, A * 2;"),
        (0, "Start from 11. Add 8. Multiply by 2. Add 1.", ", A * 2. Add 1, B none;"),
        (0, "Add 8 to 11.", " .;"),
        (1, "11 + 8 = 18. 18 * 2 = 36.",
         " 11 + 8, 11 + 8 = 18: ones 8, tens 1: ones 1 + 8 + 0 = 9 8."),
        (1, "11 + 9 = 20. 20 * 2 = 40.", " 11 + 9, 11 + 8;"),
        (1, "11 + 8 = 19. 18 * 2 = 36.", ". = 19. 18;"),
        (1, "11 + 8 = 19. 19 - 2 = 17.", ". = 19. 19 - 2, A * 2;"),
        (1, "11 + 8 = 19.", ". = 19. none, A * 2;"),
        (1, "11 + 8 = 19. 19 * 2 = 38. 38 + 1 = 39.", ". = 38. 38 + 1, B none;"),
        (1, "11 + 8 = 1234567. 1 * 2 = 2.", " 11 + 8, 11 + 8 = 1234567;"),
        (2, f"The result is 39. {OPTIONS} A '39' 3 3, 9 9. So it is A, option 0.",
         " The result is 39, 38;"),
        (2, "The result is 38. Options: A '38', B '38'. A '38' 3 3. So it is A, option 0.",
         ". Options: A '38', A '39';"),
        (2, "The result is 38. Options: A '39'. A '39' 3 3, 9 8 no. "
         "None is 38. The nearest is A, option 0.", ". None is 38, B '38';"),
        (2, f"The result is 38. {OPTIONS} A '39' 3 3, 9 8 no. None is 38. "
         "The nearest is B, option 1.", ". D '83', D '83'. None is 38, B, 1;"),
        (2, f"The result is 38. {OPTIONS} A '38' 3 3, 8 8. So it is A, option 0.",
         ". D '83', D '83'. So it is A, option 0, B, 1;"),
        (2, f"The result is 38. {OPTIONS} As it is. So it is B, option 1.", " .;"),
        (2, f"The result is 38. {OPTIONS} A '39' 3 3, 9 8 no. So it is B, option 0.",
         ". So it is B, option 0, B, 1;"),
        (2, "The result is 38. So it is B, option 1.", " .;"),
        (3, "Therefore the answer is option 0: 39.", " is option 0: 39, 1 38;"),
        (3, "Therefore the answer is option 7.", " Therefore the answer is option 7, 1 38;"),
        (4, "It is so.", " .;"),
    ],
)  # fmt: skip
def test_the_first_difference_ends_a_critique(index: int, section: str, told: str) -> None:
    problem = LevelProblem("word", 11, (Operation("+", 8), Operation("*", 2)), "11 + 8, * 2", 1)
    choice = ChoiceProblem(problem, (39, 38, 19, 83))
    steps = [*steps_of(choice, solve(choice))[:index], section]
    last = chain(choice, steps).split("\n\nStep ")[-1]
    assert last.partition(" The step")[0].endswith(told)
    assert "\\boxed{incorrect}" in last
    assert check(choice, steps)[-1] is False


QUOTED = r"\d\. (?:[A-Z][a-z ]+\d[\d is]*|\d+ \S \d+)(?=,)|\S \d+ = \d+(?=: ones)"


@given(SEEDS)
def test_what_is_quoted_stands_in_the_prompt_behind_the_same_words(seed: int) -> None:
    """So a model that looks for the words that it wrote last finds what comes next."""
    rng, choice = drawn(seed)
    steps = steps_of(choice, solve(choice) if seed % 2 else corrupt(rng, choice))
    for text, section in zip(steps, chain(choice, steps).split("\n\nStep ")[1:], strict=False):
        for quoted in re.findall(QUOTED, section):
            assert quoted in text


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
        assert weights[" A"] == DECISION == max(weights.values())
        assert {weights.get(" So"), weights.get(" None")} == {DECISION, None}
        assert VALUE in weights.values()
    given = [each for each in lessons if each.pieces[0][1] == GIVEN]
    assert 4 <= len(given) <= 24
    assert all(each.pieces[0][0].count(" = ") == 1 for each in given)


def test_the_result_of_each_calculation_weighs_more_than_its_words() -> None:
    for lesson in islice(policy_lessons(0, frozenset()), 40):
        if lesson.pieces[0][1] != GIVEN:
            steps = "".join(text for text, _ in lesson.pieces).count(" = ")
            assert [weight for _, weight in lesson.pieces].count(RESULT) == steps


def test_no_lesson_has_a_held_out_problem() -> None:
    excluded = held_out_keys()
    rng, problem = Random(4), draw_problem(Random(4), 1)
    keys = {new_problem(rng, STAGES[0].levels, excluded).key for _ in range(200)}
    assert not keys & excluded
    assert synthetic(rng, problem)[0].problem == problem


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
    assert 1200 < longest <= LONGEST["verifier"]


def test_only_the_last_stage_judges_the_policys_responses() -> None:
    said = [(CHOICES[0], write_response(solve(CHOICES[0])))]
    counts = []
    for stage in STAGES:
        rng = Random(8)
        lessons = [staged(rng, stage, frozenset(), said * stage.sampled) for _ in range(60)]
        counts.append(sum(CHOICES[0].question in lesson.prompt for lesson in lessons))
        assert all({weight for _, weight in each.pieces} >= {DECISIVE, READ} for each in lessons)
    assert counts[:2] == [0, 0]
    assert 10 <= counts[2] <= 35
    assert [stage.lessons == 0 for stage in STAGES] == [False, False, True]
    assert next(verifier_lessons(0, frozenset(), list)) == next(
        verifier_lessons(0, frozenset(), list)
    )


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
