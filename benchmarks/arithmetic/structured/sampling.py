"""Responses of the structured policy with plain transformers, for training and evaluation."""

from collections.abc import Sequence
from typing import Any

from benchmarks.arithmetic.sampling import complete, source
from benchmarks.arithmetic.structured.choices import ChoiceProblem
from benchmarks.arithmetic.structured.lessons import prompt

RESPONSE_TOKENS = 240


def sample_responses(
    model: Any, tokenizer: Any, asked: Sequence[ChoiceProblem], temperature: float, seed: int
) -> list[str]:
    """Returns one response to each question, in order; one that is cut has `RESPONSE_TOKENS`."""
    prompts = [prompt(choice.question) for choice in asked]
    return complete(model, tokenizer, prompts, temperature, RESPONSE_TOKENS, source(model, seed))
