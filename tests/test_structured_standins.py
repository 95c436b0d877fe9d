"""The committed structured stand-ins: the policy speaks the protocol, the verifier judges it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.judging import ReadChain, judge_once
from benchmarks.arithmetic.learning import load_checkpoint
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.checker import check
from benchmarks.arithmetic.structured.choices import ChoiceProblem, offer
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import Response as Said
from benchmarks.arithmetic.structured.responses import read_steps, write_response
from benchmarks.arithmetic.structured.sampling import CHAIN_TOKENS, draw
from benchmarks.arithmetic.structured.vocabulary import build_structured_tokenizer
from benchmarks.arithmetic.wording import word_expression, word_story
from benchmarks.structured import option_answer
from broken_responses import mutants
from engines.tokenizer import HfTokenizer
from search.structured_protocol import Response, read_response
from treewright.config.load import load_config

FOLDER = Path(__file__).parent.parent / "benchmarks" / "arithmetic" / "structured"
ROLES = ("policy", "verifier")
PROBLEMS = read_split("validation")[:12]
CHOICES = [offer(problem, 0) for problem in PROBLEMS]
POLICY: Any = load_config("structured_arithmetic").policy
RULES = POLICY.format


@cache
def checkpoint(role: str) -> tuple[Any, Any]:
    return load_checkpoint(FOLDER / role)


@cache
def served() -> HfTokenizer:
    return HfTokenizer.load(str(FOLDER / "policy"))


@cache
def sampled() -> list[Said]:
    """Three responses at temperature 1 to each question."""
    asked = [choice for choice in CHOICES for _ in range(3)]
    return draw(*checkpoint("policy"), asked, 1.0, 0)


@cache
def read(text: str) -> Response:
    return read_response(text, RULES, lambda part: len(served().encode(part)))


@cache
def valid() -> list[str]:
    return [text for _, text in sampled() if read(text).valid]


def judged(responses: list[tuple[ChoiceProblem, list[str]]]) -> list[ReadChain]:
    prompts = [verifier_prompt(choice.question, steps) for choice, steps in responses]
    return judge_once(*checkpoint("verifier"), prompts, CHAIN_TOKENS)


@cache
def right() -> list[tuple[ChoiceProblem, list[str]]]:
    return [(choice, read_steps(choice, write_response(solve(choice)))) for choice in CHOICES]


@cache
def right_readings() -> list[ReadChain]:
    return judged(right())


# Checkpoints


@pytest.mark.parametrize("role", ROLES)
def test_a_checkpoint_has_at_most_4_megabytes(role: str) -> None:
    assert sum(path.stat().st_size for path in (FOLDER / role).iterdir()) <= 4e6


@pytest.mark.parametrize("role", ROLES)
def test_a_checkpoint_is_a_qwen2_model_with_the_tokenizer_of_its_role(role: str) -> None:
    model, tokenizer = checkpoint(role)
    built = build_structured_tokenizer(role)
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert tokenizer.get_vocab() == built.get_vocab()
    assert tokenizer.chat_template == built.chat_template
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.vocab_size >= len(tokenizer)


@pytest.mark.parametrize("role", ROLES)
def test_whoever_loads_a_tokenizer_gets_the_same_ids(role: str) -> None:
    loaded = checkpoint(role)[1]
    hf = HfTokenizer.load(str(FOLDER / role))
    for choice, steps in right():
        text = "\n".join([choice.question, *steps])
        assert loaded.encode(text) == list(hf.encode(text))


# The policy


def test_the_policy_is_right_sometimes_and_wrong_sometimes() -> None:
    answers = [option_answer(text, 0) == str(choice.answer) for choice, text in sampled()]
    assert 0.2 < sum(answers) / len(answers) < 0.8


def test_most_responses_keep_the_format() -> None:
    assert 0.75 < len(valid()) / len(sampled()) <= 1.0


def test_a_whole_response_fits_what_the_config_allows() -> None:
    longest = max(len(checkpoint("policy")[1].encode(text)) for text in valid())
    assert longest < 380 < POLICY.sampling.max_tokens


def test_the_policy_samples_the_same_with_the_same_seed() -> None:
    first, again = (draw(*checkpoint("policy"), CHOICES[:4], 1.0, 7) for _ in "ab")
    assert first == again


def test_500_and_more_ways_to_break_its_own_responses_are_rejected_for_the_right_reason() -> None:
    """Of valid responses, as they were sampled; each mutant is broken in one way."""
    assert len(valid()) >= 8
    broken = [mutant for text in valid()[:8] for mutant in mutants(text, RULES)]
    assert len({mutant.text for mutant in broken}) >= 500
    for mutant in broken:
        found = read(mutant.text)
        assert found.reason is mutant.reason, mutant
        assert mutant.where is None or found.violations[0].where == mutant.where


# The verifier


def accepts(reading: ReadChain) -> bool:
    return reading.first_error is None and reading.whole is not None and reading.whole > 0.5


def test_the_verifier_accepts_right_responses() -> None:
    """Of levels 1 to 3: of the longest problems it misreads half."""
    readings = zip(PROBLEMS, right_readings(), strict=True)
    accepted = [accepts(each) for problem, each in readings if problem.level <= 3]
    assert sum(accepted) >= len(accepted) - 2 >= 5


def test_chains_are_readable() -> None:
    assert sum(reading.is_readable(4) for reading in right_readings()) >= 11


def test_the_verifier_finds_a_wrong_plan() -> None:
    wrong = []
    for choice in CHOICES:
        said = solve(choice)
        plan = (replace(said.plan[0], operand=said.plan[0].operand + 1), *said.plan[1:])
        text = write_response(replace(said, plan=plan))
        wrong.append((choice, read_steps(choice, text)))
    assert sum(reading.first_error == 0 for reading in judged(wrong)) >= 8


def test_the_verifier_finds_wrong_steps_in_the_policys_own_responses() -> None:
    responses = [(choice, read_steps(choice, text)) for choice, text in sampled()]
    labels = [check(choice, steps) for choice, steps in responses]
    errors = [found.index(False) if False in found else None for found in labels]
    found = [reading.first_error for reading in judged(responses)]
    hits = sum(one == other for one, other in zip(errors, found, strict=True) if one is not None)
    assert hits >= 0.4 * sum(error is not None for error in errors)
    false = sum(one is None and other is not None for one, other in zip(errors, found, strict=True))
    assert false < 0.2 * len(responses)


def test_the_verifier_judges_the_policys_own_responses() -> None:
    responses = [(choice, read_steps(choice, text)) for choice, text in sampled()]
    wrong = [False in check(choice, steps) for choice, steps in responses]
    said = [reading.first_error is not None for reading in judged(responses)]
    agreed = sum(one == other for one, other in zip(wrong, said, strict=True))
    assert agreed / len(responses) > 0.75


def test_swapping_the_problem_under_a_right_response_flips_verdicts() -> None:
    others = [*CHOICES[1:], CHOICES[0]]
    swapped = [(other, steps) for other, (_, steps) in zip(others, right(), strict=True)]
    assert not any(map(accepts, judged(swapped)))


def test_changing_an_operand_of_the_question_flips_the_verdict() -> None:
    """The response stays the same: only re-reading the question can tell."""
    rng = Random(0)
    edited = []
    for choice, steps in right():
        problem = choice.problem
        stated = [(each.symbol, each.operand) for each in problem.operations]
        at = rng.randrange(len(stated))
        stated[at] = stated[at][0], stated[at][1] + 2
        write = word_story if problem.kind == "word" else word_expression
        question = write(rng, problem.start, stated)
        edited.append((replace(choice, problem=replace(problem, question=question)), steps))
    assert sum(not accepts(reading) for reading in judged(edited)) >= 9


def test_an_unfinished_right_response_is_accepted() -> None:
    """Of levels 1 and 2: a last result that nothing follows is the hardest to read."""
    drawn = [offer(each, 0) for each in read_split("validation")[:24] if each.level <= 2]
    prefixes = [(each, read_steps(each, write_response(solve(each)))[:2]) for each in drawn]
    assert sum(map(accepts, judged(prefixes))) >= 0.75 * len(prefixes)
