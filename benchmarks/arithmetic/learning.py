"""A small training loop for the two models: weighted next-token loss on batches of like length."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean as mean
from typing import Any

import torch
from torch import Tensor

from benchmarks.arithmetic.corpus import Lesson
from benchmarks.arithmetic.muon import Muon

POOL = 64 * 16
"""Lessons that are sorted by length together; large, so that batches hold like lengths."""
LENGTHS, TARGETS = 64, 256
"""Lengths of batches and counts of their targets are multiples of these. The processor's library
makes code for each shape that it meets, and keeps it: of thousands of shapes the training slowed
down to a third, step by step, and took gigabytes."""
WARM_UP = 0.03
Loss = Callable[[Any, Tensor, Tensor], Tensor]
"""From a model and a batch, as `batches` yields it, to the number that is made small."""
STATE = "training.pt"
"""The file in a checkpoint's folder that a run goes on from; it is gone when the run has ended."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        steps: optimiser steps.
        tokens: padded tokens per batch.
        rate: peak learning rate; linear warm-up over the first 3 %, then linear decay to 2 %.
        minutes: if set, stop and decay by the clock instead of by `steps`.
        resume: whether to go on from the last progress line of a run that was stopped.
    """

    steps: int
    tokens: int
    rate: float
    minutes: float | None = None
    resume: bool = False


def new_model(tokenizer: Any, seed: int) -> Any:
    """Returns a fresh `Qwen2ForCausalLM` of 4 layers and width 128 for this tokenizer."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    size = (len(tokenizer) + 63) // 64 * 64
    config = Qwen2Config(
        vocab_size=size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=tokenizer.model_max_length,
        tie_word_embeddings=True,
        initializer_range=0.04,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def has_bfloat16(device: str) -> bool:
    """Returns whether `cpu` or `cuda` computes with bfloat16 itself.

    Where it does, training is a fifth faster with the same result; where it does not, more than
    ten times slower.
    """
    return device != "cpu" or torch.cpu._is_avx512_bf16_supported()


def set_threads(count: int) -> None:
    """Makes PyTorch use so many CPU threads; another number rounds differently."""
    torch.set_num_threads(count)


def widened(checkpoint: Path, tokenizer: Any, seed: int) -> Any:
    """Returns a checkpoint's model for another tokenizer.

    Tokens that both tokenizers have keep their embedding, the others get a fresh one.
    """
    known, old = load_checkpoint(checkpoint)
    model = new_model(tokenizer, seed)
    weights, ids = known.state_dict(), old.get_vocab()
    embedding = model.get_input_embeddings().weight.data
    before = known.get_input_embeddings().weight.data
    for token, index in tokenizer.get_vocab().items():
        if token in ids:
            embedding[index] = before[ids[token]]
    kept = {name: weight for name, weight in weights.items() if weight.shape != before.shape}
    model.load_state_dict(kept, strict=False)  # all but the embedding, which is the output as well
    return model


def load_checkpoint(directory: Path) -> tuple[Any, Any]:
    """Returns the model, in float32 and evaluation mode on the CPU, and its tokenizer.

    Not `AutoTokenizer`: it rebuilds the tokenizer of a checkpoint without our `auto_map`.
    """
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

    model = Qwen2ForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    return model, PreTrainedTokenizerFast.from_pretrained(directory)


def encode(tokenizer: Any, lesson: Lesson) -> tuple[list[int], list[float]]:
    """Returns the token ids of a lesson and the loss weight of each: 0 on the prompt."""
    texts = [lesson.prompt, *(text for text, _ in lesson.pieces)]
    pieces = tokenizer(texts, add_special_tokens=False)["input_ids"]  # together: twice as fast
    ids, weights = list(pieces[0]), [0.0] * len(pieces[0])
    for piece, (_, weight) in zip(pieces[1:], lesson.pieces, strict=True):
        ids += piece
        weights += [weight] * len(piece)
    return ids, weights


def batches(
    tokenizer: Any, lessons: Iterator[Lesson], tokens: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (ids, weights), both (batch, length), of about `tokens` padded tokens each."""
    rng = random.Random(seed)
    while True:
        rows = [encode(tokenizer, lesson) for lesson in islice(lessons, POOL)]
        ready = list(grouped(sorted(rows, key=lambda row: len(row[0])), tokens))
        rng.shuffle(ready)
        yield from (pad(batch, tokenizer.pad_token_id) for batch in ready)


def grouped(
    rows: list[tuple[list[int], list[float]]], tokens: int
) -> Iterator[list[tuple[list[int], list[float]]]]:
    """Yields runs of rows, given shortest first, whose padded size is at most `tokens`."""
    group: list[tuple[list[int], list[float]]] = []
    for row in rows:
        if group and padded(len(row[0])) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(row)
    yield group


def padded(length: int) -> int:
    """Returns how long a batch is whose longest row has so many ids: the last is only a target."""
    return multiple(length - 1, LENGTHS) + 1


def multiple(count: int, of: int) -> int:
    """Returns the least multiple that is no less."""
    return -(-count // of) * of


def pad(batch: list[tuple[list[int], list[float]]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Pads on the right: with causal attention the padding is never looked at."""
    length = padded(max(len(ids) for ids, _ in batch))
    ids = [row + [pad_id] * (length - len(row)) for row, _ in batch]
    weights = [row + [0.0] * (length - len(row)) for _, row in batch]
    return torch.tensor(ids), torch.tensor(weights)


def weighted_loss(model: Any, ids: Tensor, weights: Tensor) -> Tensor:
    """Returns the mean next-token loss over target tokens, weighted; computed only on those."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state.flatten(0, 1)
    targets, scale = ids[:, 1:].flatten(), weights[:, 1:].flatten()
    learned = int((scale > 0).sum())
    # Those with a weight come first, then as many of the others as make their count a multiple.
    count = min(multiple(learned, TARGETS), len(scale))
    kept = (scale > 0).byte().argsort(descending=True, stable=True)[:count]
    losses = torch.nn.functional.cross_entropy(
        model.lm_head(hidden[kept]).float(), targets[kept], reduction="none"
    )
    return (losses * scale[kept]).sum() / scale.sum()


def learn(
    model: Any,
    stream: Iterator[tuple[Tensor, Tensor]],
    schedule: Schedule,
    watch: Callable[[Any], str],
    every: int,
    optimiser: Muon,
    home: Path,
    loss_of: Loss = weighted_loss,
    part: int = 0,
) -> None:
    """Trains `model` in place and prints a progress line every `every` steps.

    A run that is stopped and resumed learns what one that is not would have learned.

    Args:
        model: on the device to train on.
        stream: batches, as `batches` yields them.
        schedule: length and rate.
        watch: returns the held-out figures to print.
        every: steps between progress lines.
        optimiser: of the model's parameters.
        home: the folder to keep in, at every line, what `resume` goes on from.
        loss_of: what is made small; of a language model, that of the next token.
        part: which part of a training of several this is, from 0.
    """
    step = take_up(home, model, optimiser, stream) if schedule.resume else 0
    keep(home, model, optimiser, step, part)
    began, recent, first = time.monotonic(), list[float](), step
    device = model.device.type
    bfloat16 = has_bfloat16(device)
    while (done := progress(step, began, schedule)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate * min(done / WARM_UP + 0.01, 1.0, 1.02 - done)
        ids, weights = (tensor.to(model.device) for tensor in next(stream))
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            loss = loss_of(model, ids, weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent.append(loss.item())
        step += 1
        if step % every == 0:
            minutes = (time.monotonic() - began) / 60
            left = minutes * (schedule.steps - step) / (step - first)
            keep(home, model, optimiser, step, part)
            model.eval()
            print(f"step {step} loss {mean(recent):.3f} {watch(model)} "
                  f"{minutes:.1f} min, {left:.1f} min left", flush=True)  # fmt: skip
            model.train()
            recent.clear()
    (home / STATE).unlink(missing_ok=True)


def keep(home: Path, model: Any, optimiser: Muon, step: int, part: int) -> None:
    """Writes what `take_up` reads."""
    home.mkdir(parents=True, exist_ok=True)
    learned = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
    state = {"part": part, "step": step, **learned}
    torch.save(state, home / f"{STATE}.new")
    (home / f"{STATE}.new").replace(home / STATE)


def kept(home: Path) -> dict[str, Any]:
    """Returns what `keep` wrote.

    Raises:
        SystemExit: no stopped run is kept in `home`.
    """
    if not (home / STATE).is_file():
        raise SystemExit(f"{home} has no {STATE}: nothing to resume; run without --resume")
    found: dict[str, Any] = torch.load(home / STATE, weights_only=True)
    return found


def take_up(home: Path, model: Any, optimiser: Muon, stream: Iterator[Any]) -> int:
    """Brings all to where the stopped run in `home` was; returns its step."""
    state = kept(home)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    print(f"taking up at step {state['step']}; its lessons are made again", flush=True)
    for _ in range(state["step"]):
        next(stream)
    return int(state["step"])


def progress(step: int, began: float, schedule: Schedule) -> float:
    """Returns the share of the schedule that is done, 0..1 and beyond."""
    if schedule.minutes is None:
        return step / schedule.steps
    return (time.monotonic() - began) / 60 / schedule.minutes
