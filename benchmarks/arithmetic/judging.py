"""The verifier run with plain transformers: chains written greedily, verdicts read from logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.arithmetic.corpus import verifier_prompt
from benchmarks.arithmetic.sampling import Solution, all_logits, complete

CHAIN_TOKENS = 320
"""The longest right chain, of 10 steps, has 262 tokens."""


@dataclass(frozen=True)
class Reading:
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


def judge(model: Any, tokenizer: Any, solutions: Sequence[Solution]) -> list[Reading]:
    """Returns the verifier's reading of each solution, in order."""
    prompts = [verifier_prompt(problem.question, steps) for problem, steps in solutions]
    return judge_prompts(model, tokenizer, prompts, CHAIN_TOKENS)


def judge_prompts(
    model: Any, tokenizer: Any, prompts: Sequence[str], max_tokens: int
) -> list[Reading]:
    """Returns the verifier's reading of each prompt, in order; a chain has at most `max_tokens`."""
    chains = complete(model, tokenizer, prompts, 0.0, max_tokens)
    rows = [tokenizer.encode(prompt + chain) for prompt, chain in zip(prompts, chains, strict=True)]
    starts = [len(tokenizer.encode(prompt)) for prompt in prompts]
    readings = []
    for first in range(0, len(rows), 64):
        part = slice(first, first + 64)
        readings += read(model, tokenizer, rows[part], starts[part])
    return [
        Reading(chain, steps, whole) for chain, (steps, whole) in zip(chains, readings, strict=True)
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
