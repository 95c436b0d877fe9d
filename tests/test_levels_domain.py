"""The domain with levels: generator, splits, workings, critiques and made-up errors."""

from __future__ import annotations

import random
import re
from functools import cache
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic.checker import check, is_solved
from benchmarks.arithmetic.learning import encode
from benchmarks.arithmetic.levels import splits
from benchmarks.arithmetic.levels.errors import corrupt
from benchmarks.arithmetic.levels.evaluate import CHAIN_TOKENS
from benchmarks.arithmetic.levels.lessons import critique, policy_lessons, verifier_lesson
from benchmarks.arithmetic.levels.problems import LEVELS, LevelProblem, draw_problem, problems
from benchmarks.arithmetic.levels.train import POLICY_TOKENS
from benchmarks.arithmetic.levels.working import digits, work_out
from benchmarks.arithmetic.problems import Operation, write_solution
from benchmarks.arithmetic.vocabulary import build_tokenizer
from benchmarks.datasets.config import DatasetConfig
from benchmarks.datasets.load import load_dataset
from engines.tokenizer import HfTokenizer
from scorers.verdict_ids import VerdictIds
from scorers.verdicts import ChainReader

SEEDS = st.integers(min_value=0, max_value=2**32)
PROBLEMS = tuple(islice(problems(0), 20))


@given(SEEDS, st.sampled_from(sorted(LEVELS)))
@settings(max_examples=50)
def test_a_problem_keeps_to_its_level_and_its_solution_is_right(seed: int, number: int) -> None:
    problem, level = draw_problem(random.Random(seed), number), LEVELS[number]
    least, most = level.steps
    assert least <= len(problem.operations) <= most
    assert all(1 <= value <= level.largest for value in problem.values)
    for value, operation in zip(problem.values, problem.operations, strict=False):
        assert operation.symbol != "/" or value % operation.operand == 0
    assert check(problem, problem.solution()) == [True] * len(problem.operations)
    assert is_solved(problem, problem.solution())


@given(SEEDS, st.sampled_from(sorted(LEVELS)))
@settings(max_examples=30)
def test_the_text_states_the_chain(seed: int, number: int) -> None:
    """Python reads a formula by the usual precedence, an independent way to the answer."""
    problem = draw_problem(random.Random(seed), number)
    if problem.kind == "expression":
        formula = "".join(c for c in problem.question if c in "0123456789+-*/() ")
        assert eval(formula) == problem.answer
    else:
        stated = [int(number) for number in re.findall(r"\d+", problem.question)]
        assert stated == [problem.start, *(each.operand for each in problem.operations)]


def test_the_levels_come_in_turn_and_no_chain_comes_twice() -> None:
    drawn = list(islice(problems(1), 100))
    assert [problem.level for problem in drawn[:6]] == [1, 2, 3, 4, 5, 1]
    assert len({problem.key for problem in drawn}) == 100
    banned = frozenset(problem.key for problem in drawn[:50])
    assert not banned & {problem.key for problem in islice(problems(1, banned), 200)}


def test_the_committed_splits_are_what_the_command_writes() -> None:
    assert splits.main(["--check"]) == 0


def test_training_draws_no_problem_of_the_test_or_validation_split() -> None:
    held_out = {p.question for split in ("test", "validation") for p in splits.read_split(split)}
    drawn = islice(policy_lessons(splits.SEED, splits.held_out_keys()), 200)
    assert not any(question in lesson.prompt for lesson in drawn for question in held_out)


def test_the_dataset_gives_the_problems_with_their_answers_and_levels() -> None:
    loaded = load_dataset(DatasetConfig(name="arithmetic_levels", split="validation", limit=5))
    expected = splits.read_split("validation")[:5]
    assert [sample.answer for sample in loaded.samples] == [str(p.answer) for p in expected]
    assert [sample.metadata["level"] for sample in loaded.samples] == [1, 2, 3, 4, 5]


@given(st.sampled_from("+-*/"), st.integers(min_value=0, max_value=9999), st.integers(2, 99), SEEDS)
@settings(max_examples=200)
def test_a_working_is_of_true_equations_that_spell_the_result(
    symbol: str, value: int, operand: int, seed: int
) -> None:
    value += operand if symbol == "-" else 0
    operation = Operation(symbol, operand)
    lines = work_out(operation, value).split(", ")
    equations = [line for line in lines if "=" in line]
    for left, right in (line.split(" = ") for line in equations):
        assert eval(left) == eval(right)
    assert operation.apply(value) == spelt(symbol, operation, equations, value)


def spelt(symbol: str, operation: Operation, equations: list[str], value: int) -> int:
    """The number that the results of the equations spell, read as the critique's reader would."""
    if symbol == "/":
        return int("".join(line.split(" * ")[1].split(" + ")[0] for line in equations))
    results = [line.split(" = ")[1].split(" - ")[0] for line in equations]
    if symbol == "*" and operation.operand > 9:
        results = results[2 * len(digits(value)) :]
    return int(results[-1] + "".join(result[-1] for result in reversed(results[:-1])))


def test_a_critique_works_a_step_out_before_it_judges_and_ends_at_the_first_error() -> None:
    operations = (Operation("+", 85), Operation("*", 26), Operation("-", 7))
    problem = LevelProblem("expression", 37, operations, "What is (37 + 85) * 26 - 7?", 3)
    steps = ["37 + 85 = 122", "122 * 26 = 3162", "3162 - 7 = 3155. The answer is \\boxed{3155}"]
    text = "".join(piece for piece, _ in critique(problem, steps))
    assert text.split("\n\n")[1:] == [
        "Step 1: 37 + 85: 7 + 5 + 0 = 12, 3 + 8 + 1 = 12, = 122, claimed 122. "
        "The step is \\boxed{correct}",
        "Step 2: 122 * 26: 2 * 6 + 0 = 12, 2 * 6 + 1 = 13, 1 * 6 + 1 = 7, "
        "2 * 2 + 0 = 4, 2 * 2 + 0 = 4, 1 * 2 + 0 = 2, 732 + 2440, "
        "2 + 0 + 0 = 2, 3 + 4 + 0 = 7, 7 + 4 + 0 = 11, 0 + 2 + 1 = 3, = 3172, claimed 3162. "
        "The step is \\boxed{incorrect}\n</think>\n"
        "Is the solution correct? No<｜end▁of▁sentence｜>",
    ]


@cache
def reader() -> tuple[HfTokenizer, ChainReader, VerdictIds]:
    tokenizer = HfTokenizer(build_tokenizer("verifier"))
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


@pytest.mark.parametrize("seed", range(20))
def test_a_made_up_solution_has_an_error(seed: int) -> None:
    assert False in check(PROBLEMS[seed], corrupt(random.Random(seed), PROBLEMS[seed]))


def test_what_a_model_may_write_holds_the_longest_right_text_of_the_splits() -> None:
    tokenizer = build_tokenizer("verifier")
    longest = sorted(splits.read_split("test"), key=lambda problem: len(problem.operations))[-20:]
    for problem in longest:
        solution = problem.solution()
        assert len(tokenizer.encode(write_solution(solution))) < POLICY_TOKENS
        lesson = verifier_lesson(problem, solution)
        chain = len(encode(tokenizer, lesson)[0]) - len(tokenizer.encode(lesson.prompt))
        assert chain < CHAIN_TOKENS
