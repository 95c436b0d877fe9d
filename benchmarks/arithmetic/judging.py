"""The verifier run with plain transformers: it writes chains, verdicts are read from logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.sampling import Solution, all_logits, complete, source

CHAIN_TOKENS = 1900
"""The longest right chain of the splits has 1,759 tokens."""
CHAIN_TEMPERATURE = 0.6
"""Of chains of which several are drawn, as in ThinkPRM's paper."""


@dataclass(frozen=True)
class ReadChain:
    """What one verification chain says.

    Attributes:
        chain: the text that the verifier wrote, after `<think>`.
        steps: p(correct) at each boxed verdict, in order.
        whole: p(Yes) at the closing question; None if the chain did not get there.
    """

    chain: str
    steps: tuple[float, ...]
    whole: float | None

    @property
    def first_error(self) -> int | None:
        """The index (from 0) of the first step judged incorrect, or None."""
        return next((i for i, p in enumerate(self.steps) if p < 0.5), None)

    def is_readable(self, steps: int) -> bool:
        """Returns whether the chain judges all of `steps` steps, or ends at the first error."""
        error = self.first_error
        judged = steps if error is None else error + 1
        return self.whole is not None and len(self.steps) == judged


def mean_reading(readings: Sequence[ReadChain], steps: int) -> ReadChain:
    """Returns the mean of several chains on a solution of `steps` steps, up to its first error.

    A step after a chain's first error counts as that error does. Unreadable chains are left out;
    where all are, the first of them is returned.
    """
    read = [reading for reading in readings if reading.is_readable(steps)]
    if not read:
        return readings[0]
    rows = [r.steps + r.steps[-1:] * (steps - len(r.steps)) for r in read]
    means = [fmean(column) for column in zip(*rows, strict=True)]
    error = next((i for i, p in enumerate(means) if p < 0.5), steps)
    whole = fmean(reading.whole or 0.0 for reading in read)
    return ReadChain(read[0].chain, tuple(means[: error + 1]), whole)


def judge(
    model: Any, tokenizer: Any, written: Sequence[Solution], chains: int = 1
) -> list[ReadChain]:
    """Returns the verifier's reading of each solution, in order.

    One chain is greedy; of several, which are samples, the mean is returned.
    """
    prompts = [verifier_prompt(problem.question, steps) for problem, steps in written]
    if chains == 1:
        return judge_once(model, tokenizer, prompts, CHAIN_TOKENS)
    drawn = [
        judge_prompts(model, tokenizer, prompts, CHAIN_TOKENS, CHAIN_TEMPERATURE, seed)
        for seed in range(chains)
    ]
    return [
        mean_reading(each, len(steps))
        for each, (_, steps) in zip(zip(*drawn, strict=True), written, strict=True)
    ]


def judge_once(
    model: Any, tokenizer: Any, prompts: Sequence[str], max_tokens: int
) -> list[ReadChain]:
    """Returns the verifier's reading of each prompt, in order; equal ones are judged once.

    Easy problems are often solved alike.
    """
    different = list(dict.fromkeys(prompts))
    readings = judge_prompts(model, tokenizer, different, max_tokens)
    found = dict(zip(different, readings, strict=True))
    return [found[prompt] for prompt in prompts]


def judge_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    max_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[ReadChain]:
    """Returns the verifier's reading of each prompt, in order; a chain has at most `max_tokens`.

    At a temperature above 0 the chains are samples, drawn by `seed`.
    """
    drawn_by = source(model, seed)
    chains = complete(model, tokenizer, prompts, temperature, max_tokens, drawn_by)
    rows = [tokenizer.encode(prompt + chain) for prompt, chain in zip(prompts, chains, strict=True)]
    starts = [len(tokenizer.encode(prompt)) for prompt in prompts]
    readings = []
    for first in range(0, len(rows), 64):
        part = slice(first, first + 64)
        readings += read(model, tokenizer, rows[part], starts[part])
    return [
        ReadChain(chain, steps, whole)
        for chain, (steps, whole) in zip(chains, readings, strict=True)
    ]


def read(
    model: Any, tokenizer: Any, rows: list[list[int]], starts: list[int]
) -> list[tuple[tuple[float, ...], float | None]]:
    """Returns for each row (prompt and chain) the step probabilities and the whole one."""
    correct, incorrect, yes, no = (
        tokenizer.encode(word)[0] for word in ("correct", "incorrect", " Yes", " No")
    )
    brace, mark = tokenizer.encode("{?")
    found = []
    for row, start, scores in zip(
        rows, starts, all_logits(model, rows, tokenizer.pad_token_id), strict=True
    ):
        pairs = list(enumerate(pairwise(row)))[start - 1 :]
        boxed = [i for i, pair in pairs if pair[0] == brace and pair[1] in (correct, incorrect)]
        closed = [i for i, pair in pairs if pair[0] == mark and pair[1] in (yes, no)]
        steps = tuple(scores[boxed][:, [correct, incorrect]].softmax(-1)[:, 0].tolist())
        whole = scores[closed[-1:]][:, [yes, no]].softmax(-1)[:, 0].tolist()
        found.append((steps, whole[0] if whole else None))
    return found
