"""The training loop: few shapes of batches, and a loss that no padding changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.arithmetic import train
from benchmarks.arithmetic.corpus import Lesson
from benchmarks.arithmetic.learning import (
    LENGTHS,
    POOL,
    TARGETS,
    batches,
    new_model,
    pad,
    weighted_loss,
)
from benchmarks.arithmetic.vocabulary import build_tokenizer

TOKENIZER = build_tokenizer("policy")


def lesson(length: int) -> Lesson:
    return Lesson("Step", ((" 1" * length, 1.0), (" 2", 3.0)))


def test_lengths_of_batches_are_few_and_no_lesson_is_lost() -> None:
    lengths = [1 + 7 * (number % 90) for number in range(POOL)]
    stream, found = batches(TOKENIZER, map(lesson, lengths), 1024, 0), list[torch.Tensor]()
    while sum(len(weights) for weights in found) < POOL:
        ids, weights = next(stream)
        assert ids.shape[1] % LENGTHS == 1
        assert ids.numel() <= 1024
        found.append(weights)
    assert len({weights.shape for weights in found}) < 30
    learned = sorted(int((row > 0).sum()) for weights in found for row in weights)
    assert learned == sorted(length + 1 for length in lengths)


@pytest.mark.parametrize("rows", [[3], [40, 2], [TARGETS + 9, 5], [1] * 9])
def test_the_loss_is_the_weighted_mean_over_targets_alone(rows: list[int]) -> None:
    model = new_model(TOKENIZER, 0)
    said = [([5 + at for at in range(1 + row)], [0.0, *[1.0 + at % 3 for at in range(row)]])
            for row in rows]  # fmt: skip
    ids, weights = pad(said, TOKENIZER.pad_token_id)
    losses = torch.nn.functional.cross_entropy(
        model(input_ids=ids[:, :-1]).logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    scale = weights[:, 1:].flatten()
    expected = ((losses * scale).sum() / scale.sum()).item()
    assert weighted_loss(model, ids, weights).item() == pytest.approx(expected, rel=1e-4)


def test_samples_are_drawn_once_for_a_training_however_often_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "out" / train.SAMPLED
    first = train.sampled(train.HOME / "policy", 0, frozenset(), 3, kept)
    monkeypatch.setattr(train, "draw", lambda *_: pytest.fail("drawn again"))
    assert train.sampled(train.HOME / "policy", 0, frozenset(), 3, kept) == first
    assert [steps for _, steps in first] == json.loads(kept.read_text())
