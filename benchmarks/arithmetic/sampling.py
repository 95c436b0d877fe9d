"""Batched generation with plain transformers, for training and evaluation."""

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.arithmetic.checker import read_steps
from benchmarks.arithmetic.corpus import policy_prompt
from benchmarks.arithmetic.learning import pad
from benchmarks.arithmetic.problems import ArithmeticProblem

Solution = tuple[ArithmeticProblem, list[str]]
"""A problem and the step texts of one solution of it; no steps if nothing readable was written."""

POLICY_TOKENS = 256
"""The longest right solution has 241 tokens."""
TEMPERATURE = 1.3
"""Of the policy's samples, chosen on the validation split: a little above it one sample falls more
than twelve points behind greedy decoding, well below it a vote gains less than ten."""


def source(model: Any, seed: int) -> torch.Generator:
    """Returns a source of randomness on the model's device."""
    return torch.Generator(model.device).manual_seed(seed)


def draw(
    model: Any, tokenizer: Any, drawn: Sequence[ArithmeticProblem], temperature: float, seed: int
) -> list[Solution]:
    """Returns one solution by the policy for each problem, in order."""
    prompts = [policy_prompt(problem.question) for problem in drawn]
    texts = complete(model, tokenizer, prompts, temperature, POLICY_TOKENS, source(model, seed))
    return [(problem, read_steps(text)) for problem, text in zip(drawn, texts, strict=True)]


def complete(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    temperature: float,
    max_tokens: int,
    generator: torch.Generator | None = None,
    batch: int = 64,
) -> list[str]:
    """Returns one completion per prompt, without the end token; ends at EOS or `max_tokens`.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompts: whole prompt texts, template included.
        temperature: 0 is greedy.
        max_tokens: longest completion, in tokens.
        generator: source of randomness, on the model's device; None is torch's global one.
        batch: prompts per forward pass, of like lengths; small, so that the cache of keys and
            values stays in the processor's cache.
    """
    ids = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    texts = [""] * len(ids)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        rows = [ids[index] for index in part]
        written = _generate(model, tokenizer, rows, temperature, max_tokens, generator)
        for index, row in zip(part, written, strict=True):
            texts[index] = tokenizer.decode(row)
    return texts


def _generate(
    model: Any,
    tokenizer: Any,
    ids: list[list[int]],
    temperature: float,
    max_tokens: int,
    generator: torch.Generator | None,
) -> list[list[int]]:
    """Returns the new token ids of each prompt, EOS excluded."""
    from transformers import DynamicCache

    length, pad, eos = max(map(len, ids)), tokenizer.pad_token_id, tokenizer.eos_token_id
    tokens = torch.tensor([[pad] * (length - len(row)) + row for row in ids]).to(model.device)
    mask = tokens != pad
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache()
    written = [list[int]() for _ in ids]
    live = torch.arange(len(ids), device=model.device)
    going = torch.ones_like(live, dtype=torch.bool)
    for _ in range(max_tokens):
        with torch.inference_mode():
            logits = model(
                input_ids=tokens, attention_mask=mask, position_ids=positions,
                past_key_values=cache, use_cache=True, logits_to_keep=1,
            ).logits[:, -1]  # fmt: skip
        chosen = choose(logits, temperature, generator)
        going &= chosen != eos
        for row, token in zip(live[going].tolist(), chosen[going].tolist(), strict=True):
            written[row].append(token)
        if not going.any():
            break
        if going.float().mean() < 0.75:  # drop the finished rows: they cost as much as live ones
            cache.batch_select_indices(going.nonzero().squeeze(1))
            live, chosen, mask, positions = (
                tensor[going] for tensor in (live, chosen, mask, positions)
            )
            going = going[going]
        tokens = chosen[:, None]
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        positions = positions[:, -1:] + 1
    return written


def choose(
    logits: torch.Tensor, temperature: float, generator: torch.Generator | None
) -> torch.Tensor:
    """Returns one token per row: the likeliest at temperature 0, else a sample."""
    if temperature == 0:
        return logits.argmax(-1)
    shares = (logits.float() / temperature).softmax(-1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)


def all_logits(model: Any, rows: Sequence[list[int]], pad_id: int) -> torch.Tensor:
    """Returns the logits (row, position, token) of rows of token ids, padded on the right."""
    ids, _ = pad([(row, [0.0] * len(row)) for row in rows], pad_id)
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=ids.to(model.device)).logits
    return logits.float()
