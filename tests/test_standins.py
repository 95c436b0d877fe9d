"""The committed models: a policy that errs because steps are hard, and its verifier."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from benchmarks.arithmetic.checker import is_solved, read_claim
from benchmarks.arithmetic.critique import build_verifier_tokenizer, critique
from benchmarks.arithmetic.evaluate import HOME
from benchmarks.arithmetic.judging import judge
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.problems import Operation, stated
from benchmarks.arithmetic.sampling import Solution, draw
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.vocabulary import build_tokenizer
from engines.tokenizer import HfTokenizer
from scorers.prompt import user_message
from scorers.verdict_ids import VerdictIds

EASY = [problem for problem in read_split("validation")[:40] if problem.level <= 2]
"""16 problems with short critiques: these tests take seconds."""


@cache
def policy() -> tuple[Any, Any]:
    return load_checkpoint(HOME / "policy")


def test_the_checkpoint_is_small_and_gives_the_ids_of_its_training() -> None:
    assert sum(path.stat().st_size for path in (HOME / "policy").iterdir()) <= 5e6
    model, tokenizer = policy()
    built, served = build_tokenizer("policy"), HfTokenizer.load(str(HOME / "policy"))
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == built.eos_token_id
    assert tokenizer.chat_template == built.chat_template
    for problem in EASY:
        text = user_message(problem.question, problem.solution())
        assert tokenizer.encode(text) == built.encode(text) == list(served.encode(text))


def test_the_policy_solves_most_easy_problems_and_few_hard_ones() -> None:
    easy = [problem for problem in read_split("validation")[:50] if problem.level == 1] * 2
    hard = [problem for problem in read_split("validation")[:50] if problem.level == 5] * 2
    samples = draw(*policy(), [*easy, *hard], 1.0, 0)
    solved = [is_solved(problem, steps) for problem, steps in samples]
    assert sum(solved[: len(easy)]) >= 0.5 * len(easy)
    assert sum(solved[len(easy) :]) <= 0.4 * len(hard)


def test_the_policy_samples_the_same_with_the_same_seed() -> None:
    first, again = (draw(*policy(), EASY[:4], 1.0, 7) for _ in "ab")
    assert first == again


@cache
def verifier() -> tuple[Any, Any]:
    return load_checkpoint(HOME / "verifier")


def test_the_verifier_gives_the_ids_of_its_training_and_its_verdicts_are_one_token() -> None:
    assert sum(path.stat().st_size for path in (HOME / "verifier").iterdir()) <= 5e6
    model, tokenizer = verifier()
    built, served = build_verifier_tokenizer(), HfTokenizer.load(str(HOME / "verifier"))
    assert model.config.eos_token_id == tokenizer.eos_token_id == built.eos_token_id
    assert tokenizer.chat_template == built.chat_template
    for problem in EASY:
        text = "".join(piece for piece, _ in critique(problem, problem.solution()))
        assert tokenizer.encode(text) == built.encode(text)
        said, _, _ = text.partition("\n</think>")
        assert built.encode(said) == list(served.encode(said))
    assert len(VerdictIds.of(served).step) > 1


@cache
def swapped() -> list[tuple[bool, bool, bool]]:
    """Whether the second step of each easy problem is called correct: as it is, and with a change.

    The changes are another result in the step, and another operand in the problem.
    """
    solutions: list[Solution] = []
    for problem in EASY:
        first, second = problem.solution()[:2]
        claim = read_claim(second)
        assert claim is not None
        wrong = claim.operation.claim(claim.value, claim.result + 1)
        start, operation, *rest = problem.operations
        asked = Operation(operation.symbol, operation.operand + 1)
        other = stated(Random(0), problem.level, problem.start, (start, asked, *rest))
        solutions += [(problem, [first, step]) for step in (second, wrong)]
        solutions.append((other, [first, second]))
    said = [reading.steps[1:2] > (0.5,) for reading in judge(*verifier(), solutions)]
    return list(zip(said[::3], said[1::3], said[2::3], strict=True))


def test_a_right_step_is_called_correct() -> None:
    assert sum(right for right, _, _ in swapped()) >= 0.8 * len(EASY)


def test_a_verdict_depends_on_the_step() -> None:
    assert sum(right and not step for right, step, _ in swapped()) >= 0.7 * len(EASY)


def test_a_verdict_depends_on_the_problem() -> None:
    assert sum(right and not problem for right, _, problem in swapped()) >= 0.7 * len(EASY)
