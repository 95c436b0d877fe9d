"""What both models of the domain with levels write, with plain transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.judging import ReadChain, judge_prompts, mean_reading
from benchmarks.arithmetic.levels.problems import LevelProblem
from benchmarks.arithmetic.sampling import Solution, sample_solutions

POLICY_TOKENS = 256
"""The longest right solution has 241 tokens."""
TEMPERATURE = 1.1
"""Of the policy's samples, chosen on the validation split: the lowest at which their vote gains ten
points over one of them."""
CHAIN_TOKENS = 1600
"""The longest right chain of the splits has 1,539 tokens."""
CHAIN_TEMPERATURE = 0.6
"""Of chains of which several are drawn, as in ThinkPRM's paper."""


def draw(
    model: Any, tokenizer: Any, drawn: Sequence[LevelProblem], temperature: float, seed: int
) -> list[Solution]:
    """Returns one solution by the policy for each problem, in order."""
    return sample_solutions(model, tokenizer, drawn, temperature, seed, POLICY_TOKENS)


def judge(
    model: Any, tokenizer: Any, written: Sequence[Solution], chains: int = 1
) -> list[ReadChain]:
    """Returns the verifier's reading of each solution, in order.

    One chain is greedy; of several, which are samples, the mean is returned.
    """
    prompts = [verifier_prompt(problem.question, steps) for problem, steps in written]
    if chains == 1:
        different = list(dict.fromkeys(prompts))  # easy problems are often solved alike
        read = judge_prompts(model, tokenizer, different, CHAIN_TOKENS)
        readings = dict(zip(different, read, strict=True))
        return [readings[prompt] for prompt in prompts]
    drawn = [
        judge_prompts(model, tokenizer, prompts, CHAIN_TOKENS, CHAIN_TEMPERATURE, seed)
        for seed in range(chains)
    ]
    return [
        mean_reading(each, len(steps))
        for each, (_, steps) in zip(zip(*drawn, strict=True), written, strict=True)
    ]
