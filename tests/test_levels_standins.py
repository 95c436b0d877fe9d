"""The policy of the domain with levels: it errs because steps are hard for it."""

from __future__ import annotations

from functools import cache
from typing import Any

from benchmarks.arithmetic.checker import is_solved
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.levels.evaluate import HOME
from benchmarks.arithmetic.levels.sampling import draw
from benchmarks.arithmetic.levels.splits import read_split
from benchmarks.arithmetic.vocabulary import build_tokenizer
from engines.tokenizer import HfTokenizer
from scorers.prompt import user_message

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
