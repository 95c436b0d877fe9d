"""From verdicts on steps to that on the whole prefix, for verifiers that give the first alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

Whole: TypeAlias = Literal["last", "min", "product"]
"""`last`: the last step's, as the authors of most process reward models do. `min`: the weakest
step's. `product`: all of them together."""


def whole(probabilities: Sequence[float], rule: Whole) -> float:
    """The probability that a prefix is correct, of those of its steps; there is one at least."""
    match rule:
        case "last":
            return probabilities[-1]
        case "min":
            return min(probabilities)
        case "product":
            return math.prod(probabilities)
