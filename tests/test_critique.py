"""Workings, critiques and lessons: what the verifier is taught to write."""

from __future__ import annotations

import random
import re
from functools import cache
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic import splits
from benchmarks.arithmetic.checker import check, read_claim
from benchmarks.arithmetic.corpus import DECISIVE, Lesson
from benchmarks.arithmetic.critique import (
    GIVEN,
    READ,
    asked,
    build_verifier_tokenizer,
    critique,
    item,
    quoted,
)
from benchmarks.arithmetic.errors import corrupt
from benchmarks.arithmetic.judging import CHAIN_TOKENS
from benchmarks.arithmetic.learning import encode
from benchmarks.arithmetic.lessons import (
    POLISH,
    STAGES,
    Stage,
    staged,
    verifier_lesson,
)
from benchmarks.arithmetic.plans import look_up_lesson, plan_lesson
from benchmarks.arithmetic.problems import LevelProblem, Operation, problems, write_solution
from benchmarks.arithmetic.reading import drill, last_lesson, reading_lesson
from benchmarks.arithmetic.sampling import POLICY_TOKENS
from benchmarks.arithmetic.working import columns
from engines.tokenizer import HfTokenizer
from scorers.verdict_ids import VerdictIds
from scorers.verdicts import ChainReader

SEEDS = st.integers(min_value=0, max_value=2**32)
PROBLEMS = tuple(islice(problems(0), 20))


@given(st.sampled_from("+-*/"), st.integers(min_value=0, max_value=9999), st.integers(2, 99), SEEDS)
@settings(max_examples=200)
def test_columns_are_true_equations_that_agree_with_the_right_result_and_no_other(
    symbol: str, value: int, operand: int, seed: int
) -> None:
    """A quotient is exact, as on a right track: it is checked by multiplying back."""
    value = value + operand if symbol == "-" else value * operand if symbol == "/" else value
    operation, rng = Operation(symbol, operand), random.Random(seed)
    right = operation.apply(value)
    wrong = max(0, right + rng.choice((-1, 1)) * 10 ** rng.randrange(len(str(right)) + 1))
    for claimed in {right, wrong, right // 10, rng.randrange(100_000)}:
        worked = list(columns(operation, value, claimed))
        for equations, total, _ in worked:
            lines = f"{equations}{total}".split(maxsplit=1)[1].split(", ")
            assert all(eval(left) == eval(right) for left, right in (e.split(" = ") for e in lines))
        agree = [total[-1] == expected[-1] for _, total, expected in worked]
        assert all(agree[:-1])
        assert agree[-1] == (claimed == right)


def test_a_critique_checks_a_step_before_it_judges_and_ends_at_the_first_error() -> None:
    operations = (Operation("+", 85), Operation("*", 26), Operation("-", 7))
    problem = LevelProblem("expression", 37, operations, "What is (37 + 85) * 26 - 7?", 3)
    steps = ["37 + 85 = 122", "122 * 26 = 3162", "3162 - 7 = 3155. The answer is \\boxed{3155}"]
    text = "".join(piece for piece, _ in critique(problem, steps))
    assert text.split("\n\n") == [
        "Let's verify step by step: asked 37 + 85, A * 26, B - 7 final, C none.",
        "Step 1: 37 + 85 = 122, 3 3, 7 7, + +, 8 8, 5 5, = =: "
        "ones 2, tens 2, hundreds 1; ones 7 + 5 + 0 = 12 2, tens 3 + 8 + 1 = 12 2, "
        "hundreds 0 + 0 + 1 = 1 1. asked 122, A * 26. The step is \\boxed{correct}",
        "Step 2: 122 * 26 = 3162, 1 1, 2 2, 2 2, * *, 2 2, 6 6, = =: "
        "ones 2, tens 6, hundreds 1, thousands 3; "
        "ones 2 * 6 + 0 = 12, 0 * 2 + 0 = 0, 2 + 0 + 0 = 2 2, "
        "tens 2 * 6 + 1 = 13, 2 * 2 + 0 = 4, 3 + 4 + 0 = 7 6. The step is \\boxed{incorrect}"
        "\n</think>\nIs the solution correct? No<｜end▁of▁sentence｜>",
    ]


@pytest.mark.parametrize(
    ("step", "compared"),
    [
        ("37 + 58 = 95", "3 3, 7 7, + +, 8 5."),
        ("370 + 85 = 455", "3 3, 7 7, + 0."),
        ("3 + 85 = 88", "3 3, 7 +."),
        ("37 - 85 = 122", "3 3, 7 7, + -."),
        ("37 + 8 = 45", "3 3, 7 7, + +, 8 8, 5 =."),
        ("37 + 85 = 122. The answer is \\boxed{12}",
         "3 3, 7 7, + +, 8 8, 5 5, = =, final .."),
        ("37 + 85 = 1234567", "3 3, 7 7, + +, 8 8, 5 5, = =."),
        ("I do not know", "3 .."),
    ],
)  # fmt: skip
def test_what_a_step_says_is_compared_with_what_is_asked_up_to_a_difference(
    step: str, compared: str
) -> None:
    problem = LevelProblem("expression", 37, (Operation("+", 85),), "What is 37 + 85?", 1)
    text = "".join(piece for piece, _ in critique(problem, [step]))
    quotation = quoted(read_claim(step))
    assert f"\n\nStep 1:{quotation}, {compared} The step is \\boxed{{incorrect}}" in text


def test_a_step_is_quoted_as_it_stands_with_a_word_for_its_box() -> None:
    assert quoted(read_claim("37 + 85 = 122")) == " 37 + 85 = 122"
    assert quoted(read_claim("37 + 85 = 122. The answer is \\boxed{122}")) == " 37 + 85 = 122 final"
    assert quoted(read_claim("37 + 85 = 122. The answer is \\boxed{12}")) == " 37 + 85 = 122 ."
    assert quoted(read_claim("I do not know")) == " ."


def test_a_box_before_the_last_operation_and_a_step_after_it_are_differences() -> None:
    problem = LevelProblem("expression", 2, (Operation("+", 3), Operation("*", 4)), "2", 1)
    early = critique(problem, ["2 + 3 = 5. The answer is \\boxed{5}"])
    assert ", = =, none final. The step is \\boxed{incorrect}" in "".join(t for t, _ in early)
    late = critique(problem, ["2 + 3 = 5", "5 * 4 = 20", "20 + 1 = 21"])
    assert (
        " asked 20, B none. The step is \\boxed{correct}\n\nStep 3: 20 + 1 = 21, none 2. The"
        in "".join(text for text, _ in late)
    )


def test_lessons_without_a_problem_weigh_only_what_can_be_told_from_the_prompt() -> None:
    """The numbers of a drill without a prompt are random, and so is what is asked."""
    rng = random.Random(0)
    hidden, shown, copied = (drill(rng, kind) for kind in ("check", "quote", "copy"))
    assert hidden.prompt.startswith(" asked ")
    given = "".join(text for text, weight in hidden.pieces if not weight)
    assert given.count("asked") <= given.count("Step ") == given.count(" = ") > 0
    for lesson in (shown, copied):
        learned = "".join(text for text, weight in lesson.pieces if weight)
        assert not re.search(r"asked \d", learned)
    quotations = [text for text, weight in copied.pieces if weight]
    assert quotations == [step for step in re.findall(r"Step \d+:(.*)", copied.prompt) if step]


def test_a_lesson_on_a_plan_reads_the_problem_and_nothing_else() -> None:
    for problem in PROBLEMS:
        steps = problem.solution()
        lesson = plan_lesson(problem, steps[:2])
        whole = "".join(text for text, _ in critique(problem, steps))
        assert "".join(text for text, _ in lesson.pieces) == whole.partition("\n\n")[0]
        assert (steps[1] in lesson.prompt) is (len(steps) > 1)
        assert {weight for _, weight in lesson.pieces} == {GIVEN, READ}


def test_a_plan_without_a_problem_is_searched_by_letter_alone() -> None:
    rng = random.Random(4)
    for _ in range(40):
        lesson = look_up_lesson(rng)
        text = "".join(piece for piece, _ in lesson.pieces)
        (lead, _), *rest = lesson.pieces
        found = [piece for piece, weight in rest if weight == READ]
        letters = [before[-1] for (before, _), (_, weight) in pairwise(rest) if weight == READ]
        items = re.findall(r"([A-Z])( [^,.]*)[,.]", lead)
        assert [(letter, f"{item}.") for letter, item in items] == list(
            zip(letters, found, strict=True)
        )
        assert found[-1] == " none."
        assert " final" in found[-2]
        steps = re.findall(r"Step \d+: \d+ (. \d+) =", text)
        assert len(steps) == len(found)
        assert sum(f" {step}" in each for step, each in zip(steps, found, strict=True)) < 3


def test_a_lesson_on_a_last_result_gives_all_else_and_shows_the_result_once() -> None:
    rng, lengths = random.Random(2), set()
    for _ in range(60):
        lesson = last_lesson(rng)
        *before, (claim, given), (result, weight) = lesson.pieces
        assert (given, weight) == (GIVEN, READ)
        assert all(weight < READ for _, weight in before)
        assert f"{claim[2:]}{result}\n\n" in lesson.prompt
        lengths.add(len(lesson.prompt))
    assert len(lengths) > 30, "prompts are cut at any word"


def test_at_last_steps_go_on_from_nowhere_and_columns_weigh_as_much_as_what_is_read() -> None:
    rng, broken = random.Random(3), 0
    for problem in PROBLEMS:
        text = "".join(piece for piece, _ in reading_lesson(rng, problem, 0.5, 0.5).pieces)
        claims = [read_claim(each) for each in re.findall(r"Step \d+: ([^,]*)", text)]
        kept = [each for each in claims if each is not None]
        broken += sum(one.result != two.value for one, two in pairwise(kept))
    assert broken > len(PROBLEMS)
    weights = {weight for _, weight in staged(random.Random(0), POLISH[1], frozenset(), []).pieces}
    assert weights <= {GIVEN, READ, DECISIVE}


def test_a_lesson_on_reading_asks_for_what_the_problem_says_not_the_steps() -> None:
    rng, differ = random.Random(0), 0
    for problem in PROBLEMS[:20]:
        lesson = reading_lesson(rng, problem)
        text = "".join(piece for piece, _ in lesson.pieces)
        lead, *parts = text.split("\n\nStep ")
        assert f" asked{asked(problem, 0)}, A " in lead or len(problem.operations) == 1
        for index, part in enumerate(parts, start=1):  # it goes on from what stands there
            assert re.search(rf" asked \d+,{re.escape(item(problem, index))}\.", part)
        assert 1 <= len(parts) <= len(problem.operations)
        differ += text.count("\\boxed{incorrect}")
    assert differ > 30


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_teaches_from_problems_that_are_not_held_out(stage: Stage) -> None:
    rng = random.Random(1)
    sample = (PROBLEMS[0], PROBLEMS[0].solution())
    held_out = frozenset(problem.key for problem in PROBLEMS)
    lessons = [staged(rng, stage, held_out, [sample]) for _ in range(60)]
    judged = [lesson for lesson in lessons if "Is the solution correct?" in lesson.pieces[-3][0]]
    assert 0 < len(judged) < len(lessons)
    asked = {problem.question for problem in PROBLEMS[1:]}
    assert not any(question in lesson.prompt for lesson in judged for question in asked)


@cache
def reader() -> tuple[HfTokenizer, ChainReader, VerdictIds]:
    tokenizer = HfTokenizer(build_verifier_tokenizer())
    ids = VerdictIds.of(tokenizer)
    return tokenizer, ChainReader(tokenizer, ids), ids


@pytest.mark.parametrize("seed", range(12))
def test_a_critique_reads_as_the_labels_of_the_checker(seed: int) -> None:
    """By the reader that reads ThinkPRM's chains."""
    problem, rng = PROBLEMS[seed], random.Random(seed)
    steps = corrupt(rng, problem) if seed % 2 else problem.solution()
    tokenizer, chain, verdicts = reader()
    ids = tokenizer.encode("".join(piece for piece, _ in critique(problem, steps)))
    odds = [{each: 0.0 if each == token else -9.0 for each in verdicts.step} for token in ids]
    reading = chain.read(ids, odds, len(steps))
    labels = check(problem, steps)
    assert reading.error == (labels.index(False) if False in labels else None)
    judged = labels[: labels.index(None)] if None in labels else labels
    found = [step.log_odds for step in reading.steps[: len(judged)]]
    assert [odds is not None and odds > 0 for odds in found] == judged


def test_what_a_model_may_write_holds_the_longest_right_text_of_the_splits() -> None:
    tokenizer = build_verifier_tokenizer()
    longest = sorted(splits.read_split("test"), key=lambda problem: len(problem.operations))[-20:]
    for problem in longest:
        solution = problem.solution()
        assert len(tokenizer.encode(write_solution(solution))) < POLICY_TOKENS
        lesson = verifier_lesson(problem, solution)
        chain = len(encode(tokenizer, lesson)[0]) - len(tokenizer.encode(lesson.prompt))
        assert chain < CHAIN_TOKENS


def test_a_step_put_into_the_chain_is_given_as_written_and_not_learned() -> None:
    problem = PROBLEMS[0]
    steps = problem.solution()
    lesson = verifier_lesson(problem, steps, shown=1)
    assert f"Step 1: {steps[0]}" in lesson.prompt
    assert "Step 2:" not in lesson.prompt
    given = [text for text, weight in lesson.pieces if not weight]
    assert given[:-1] == [f"\n\nStep {i}: {text}" for i, text in enumerate(steps[1:], start=2)]
    assert given[-1] == "\n</think>\nIs the solution correct?"  # nothing tells that it ends here
    whole = verifier_lesson(problem, steps)
    assert [weight for _, weight in whole.pieces if not weight] == []


def test_the_verdicts_of_a_lesson_are_the_same_whatever_its_prompt_shows() -> None:
    def verdicts(lesson: Lesson) -> list[str]:
        return re.findall(r"boxed{(correct|incorrect)}", "".join(t for t, _ in lesson.pieces))

    for seed, problem in enumerate(PROBLEMS):
        steps = corrupt(random.Random(seed), problem)
        lessons = [verifier_lesson(problem, steps, shown) for shown in (None, 1, len(steps))]
        assert verdicts(lessons[0])[-1] == "incorrect"
        assert verdicts(lessons[0]) == verdicts(lessons[1]) == verdicts(lessons[2])
