"""Muon: matrices learn by orthogonalised momentum, all other parameters by AdamW.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". PyTorch's own
computes in bfloat16, which a processor without it does twenty times slower than float32.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
MATRIX_RATE = 7.0
"""Learning rate of the matrices, relative to that of the other parameters."""
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz iteration: steep at 0, so that few iterations bring all singular values
near 1."""


class Muon:
    """Updates the matrices of a model's blocks by Muon and the rest, embeddings too, by AdamW.

    Used as a PyTorch optimiser is; all parameter groups take one learning rate, that of AdamW.
    """

    def __init__(self, model: Any, rate: float) -> None:
        """Takes the parameters of `model` that learn; `rate` holds until another is set."""
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._matrices = [p for name, p in named if p.ndim == 2 and "embed" not in name]
        self._momenta = [torch.zeros_like(matrix) for matrix in self._matrices]
        rest = [p for name, p in named if p.ndim != 2 or "embed" in name]
        self._rest = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        self._group: dict[str, Any] = {"params": self._matrices, "lr": rate}
        self.param_groups = [self._group, *self._rest.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients."""
        self._rest.zero_grad(set_to_none=set_to_none)
        for matrix in self._matrices:
            matrix.grad = None

    def step(self) -> None:
        """Makes one update from the gradients."""
        self._rest.step()
        alike: defaultdict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        with torch.no_grad():
            for matrix, momentum in zip(self._matrices, self._momenta, strict=True):
                momentum.lerp_(matrix.grad, 1 - MOMENTUM)
                direction = matrix.grad.lerp(momentum, MOMENTUM)  # Nesterov's
                alike[tuple(matrix.shape)].append((matrix, direction))
            for (rows, columns), pairs in alike.items():
                updates = orthogonal(torch.stack([direction for _, direction in pairs]))
                rate = self._group["lr"] * MATRIX_RATE * max(1.0, rows / columns) ** 0.5
                for (matrix, _), update in zip(pairs, updates, strict=True):
                    matrix.add_(update, alpha=-rate)

    def state_dict(self) -> dict[str, Any]:
        """Returns what a later run needs in order to go on as this one would."""
        return {"momenta": self._momenta, "rest": self._rest.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        self._momenta = state["momenta"]
        self._rest.load_state_dict(state["rest"])
        self.param_groups = [self._group, *self._rest.param_groups]


def orthogonal(matrices: Tensor) -> Tensor:
    """Returns (number, rows, columns) matrices with all singular values brought near 1."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    found = matrices.mT if tall else matrices
    found = found / (found.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    first, third, fifth = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * (square @ square)) @ found
    return found.mT if tall else found
