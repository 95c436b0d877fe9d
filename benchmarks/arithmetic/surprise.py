"""How the process reward model learns: labels, and how much a policy is surprised by each token.

A small policy knows of most of its slips: the least probable token of a step tells right steps from
wrong ones better than a reward model of its size that has learned from labels alone. So the model
learns that as well, and what sees it is there for the labels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.arithmetic.reward import AGREES, CORRECT, DIFFERS, INCORRECT, UNLABELLED
from scorers.prm_families import QWEN_TAG

LEAST, UNIT = -8.0, 4.0
"""Log-probabilities are cut at the first and divided by the second."""
SHARE = 4.0
"""Weight of the squared error of the surprise, beside the two losses of labels."""


class RewardLoss(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """What a process reward model makes small.

    The mean cross-entropy of the labels on tags, that of the labels on the tokens of steps, and the
    mean squared error of the policy's log-probabilities of these tokens, for which the model has a
    head of its own while it learns.
    """

    def __init__(self, model: Any, policy: Any, tokenizer: Any) -> None:
        """Gives `model` that head.

        Args:
            model: the process reward model.
            policy: a language model whose surprise it learns; its tokens have the same ids.
            tokenizer: of `model`.
        """
        super().__init__()
        model.surprise = nn.Linear(model.config.hidden_size, 1)
        self.policy = policy.eval().requires_grad_(False)
        self.tag = tokenizer.convert_tokens_to_ids(QWEN_TAG)
        (self.line_end,) = tokenizer.convert_tokens_to_ids(tokenizer.tokenize("\n"))

    def forward(self, model: Any, ids: Tensor, labels: Tensor) -> Tensor:
        """Returns the loss of a batch of `batches`, whose weights are labels."""
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        logits = model.score(hidden).float().flatten(0, 1)
        total = sum(
            # All tokens go through the head, for shapes are kept: see `TARGETS` of learning.py.
            nn.functional.cross_entropy(logits, classes(labels, wrong, right), ignore_index=-1)
            for wrong, right in ((INCORRECT, CORRECT), (DIFFERS, AGREES))
        )
        errors = (model.surprise(hidden)[..., 0] - self.surprise(ids)) ** 2
        told = labels != UNLABELLED
        loss: Tensor = total + SHARE * (errors * told).sum() / told.sum()
        return loss

    def surprise(self, ids: Tensor) -> Tensor:
        """Returns the policy's log-probability of each token, in units, (batch, length).

        A tag ends a step as a line end does, which the policy has learned.
        """
        lines = torch.where(ids == self.tag, self.line_end, ids)
        with torch.no_grad():
            shares = self.policy(input_ids=lines, use_cache=False).logits[:, :-1].log_softmax(-1)
        found = shares.gather(-1, lines[:, 1:, None])[..., 0]
        return nn.functional.pad(found.clamp(LEAST, 0.0) / UNIT, (1, 0))


def classes(labels: Tensor, wrong: float, right: float) -> Tensor:
    """Returns 0 where a label is `wrong`, 1 where it is `right`, -1 elsewhere, of all tokens."""
    found = torch.full_like(labels, -1, dtype=torch.long)
    found[labels == wrong] = 0
    found[labels == right] = 1
    return found.flatten()
