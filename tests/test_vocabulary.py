"""The tokenizers and the chat templates of the embedded policy and verifier."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic.corpus import SYSTEM, policy_prompt, verifier_prompt
from benchmarks.arithmetic.lessons import synthetic_solution, verifier_lesson
from benchmarks.arithmetic.problems import draw_problem
from benchmarks.arithmetic.train import TOKENIZERS
from scorers.prompt import user_message

SEEDS = st.integers(min_value=0, max_value=2**32)
QUESTION = "What is (12 + 7) * 3?"
STEPS = ["12 + 7 = 19", "19 * 3 = 57"]


@cache
def build_once(role: str) -> Any:
    return TOKENIZERS[role]()


@pytest.fixture(scope="module", params=["policy", "verifier"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return build_once(request.param)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_round_trips(text: str) -> None:
    tokenizer = build_once("policy")
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=50)
@given(SEEDS)
def test_a_text_and_its_pieces_have_the_same_tokens(seed: int) -> None:
    """Training encodes pieces, the scorer whole texts: both must see the same tokens."""
    tokenizer = build_once("verifier")
    rng = random.Random(seed)
    problem = draw_problem(rng, rng.randint(1, 5))
    lesson = verifier_lesson(problem, synthetic_solution(rng, problem))
    texts = [lesson.prompt, *(text for text, _ in lesson.pieces)]
    assert tokenizer.encode("".join(texts)) == [i for t in texts for i in tokenizer.encode(t)]


@pytest.mark.parametrize("verdict", ["correct", "incorrect"])
def test_a_boxed_verdict_is_one_token_after_the_brace(tokenizer: Any, verdict: str) -> None:
    ids = tokenizer.encode(f" \\boxed{{{verdict}}}")
    assert [tokenizer.decode([i]) for i in ids] == [" \\boxed", "{", verdict, "}"]
    assert ids[2] != tokenizer.encode(f" {verdict}")[0]


@pytest.mark.parametrize("text", [" Yes", " No", "<think>", "</think>", "Step", "\n", "\n\n"])
def test_a_decisive_piece_is_one_token_that_survives_decoding(tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text)
    assert len(ids) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_digits_are_single_tokens(tokenizer: Any) -> None:
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode("12 * 305")]
    assert pieces == ["1", "2", " *", " 3", "0", "5"]


def test_the_words_of_problems_and_formats_are_single_tokens(tokenizer: Any) -> None:
    rng = random.Random(0)
    for _ in range(50):
        problem = draw_problem(rng, 1)
        text = verifier_prompt(problem.question, problem.solution()) + SYSTEM
        pieces = [tokenizer.decode([i]) for i in tokenizer.encode(text)]
        whole = {word.strip("[].,:?-") for word in text.replace("-", " ").split() if word.isalpha()}
        assert whole <= {piece.strip() for piece in pieces}


def test_the_verifier_knows_every_word_of_the_policy_and_few_more() -> None:
    """So it can start from the policy's weights."""
    policy, verifier = build_once("policy").get_vocab(), build_once("verifier").get_vocab()
    assert policy.keys() <= verifier.keys()
    assert 256 < len(policy) < len(verifier) <= 640


@pytest.mark.parametrize("system", ["", SYSTEM])
def test_the_policy_prompt_is_what_its_template_gives(system: str) -> None:
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": QUESTION})
    rendered = build_once("policy").apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert rendered == policy_prompt(QUESTION, system)


def test_the_verifier_prompt_is_what_its_template_gives_with_one_bos() -> None:
    tokenizer = build_once("verifier")
    message = {"role": "user", "content": user_message(QUESTION, STEPS)}
    rendered = tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert rendered == verifier_prompt(QUESTION, STEPS)
    assert tokenizer.encode(rendered).count(tokenizer.bos_token_id) == 1
    assert rendered.endswith("<｜Assistant｜><think>\n")
