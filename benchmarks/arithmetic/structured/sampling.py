"""What both structured models write, with plain transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.judging import ReadChain, judge_once
from benchmarks.arithmetic.sampling import complete, source
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.responses import Response, prompt, read_steps

RESPONSE_TOKENS = 450
"""The longest right response of the splits has 392 tokens."""
CHAIN_TOKENS = 1800
"""The longest right chain of the splits has 1,713; the longest with its prompt has 2,338."""


def draw(
    model: Any, tokenizer: Any, asked: Sequence[ChoiceProblem], temperature: float, seed: int
) -> list[Response]:
    """Returns one response by the policy to each question, in order."""
    prompts = [prompt(choice.question) for choice in asked]
    drawn_by = source(model, seed)
    texts = complete(model, tokenizer, prompts, temperature, RESPONSE_TOKENS, drawn_by)
    return list(zip(asked, texts, strict=True))


def judge(model: Any, tokenizer: Any, written: Sequence[Response]) -> list[ReadChain]:
    """Returns the verifier's reading of each response, in order; its chains are greedy."""
    prompts = [
        verifier_prompt(choice.question, read_steps(choice, text)) for choice, text in written
    ]
    return judge_once(model, tokenizer, prompts, CHAIN_TOKENS)
