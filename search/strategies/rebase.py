"""REBASE: the width of a level is shared among its paths by reward (Wu et al. 2024, 2408.00724)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from search.aggregation import MissingRule
from search.budget import Budget, Exhausted
from search.candidates import Steering, root
from search.checks import check_above_zero, check_choice, check_count
from search.core import Candidate, Prefix, Problem
from search.questions import Flow
from search.strategies.offspring import grow_uneven, softmax
from search.strategies.pruning import reached, result
from search.strategies.steered import Steered

Allocation = Literal["paper", "code"]
ROUNDING = 1e-9
"""A share this close to a border counts as lying on it, so that sums of floats do not decide."""


def paper(shares: Sequence[float], width: int) -> list[int]:
    """Each share of `width`, rounded, halves up: Round(B · softmax(r / T)).

    The counts need not sum to `width`; their sum is at most twice that. Where every share rounds to
    nothing, the largest has one child: the paper is silent, and the search would end unfinished.
    """
    counts = [math.floor(width * share + 0.5 + ROUNDING) for share in shares]
    if not any(counts):
        counts[shares.index(max(shares))] = 1
    return counts


def code(shares: Sequence[float], width: int) -> list[int]:
    """From the largest share down: its part of what is left, rounded up; it spends `width` exactly.

    This is what the authors' `rebase.py` does. The earliest wins a tie (theirs: the latest).
    """
    counts = [0] * len(shares)
    order = sorted(range(len(shares)), key=lambda index: -shares[index])
    left = width
    for rank, index in enumerate(order):
        if left == 0:
            break
        remaining = math.fsum(shares[later] for later in order[rank:])
        counts[index] = math.ceil(left * (shares[index] / remaining) - ROUNDING)
        left -= counts[index]
    return counts


ALLOCATIONS: dict[str, Callable[[Sequence[float], int], list[int]]] = {"paper": paper, "code": code}
"""From shares that sum to 1 and a width of 1 or more to numbers of children."""


@dataclass(frozen=True)
class Rebase(Steered):
    """`width` first steps; then each level's width is shared among its open paths by reward.

    Each path that ends takes one off the width and is a candidate, whatever its reward; one that
    was cut is one too and abstains. A path without a score has no share beside one that has.

    The paper's final pick is the weighted vote (`select: [weighted]`).
    """

    widths: ClassVar = ("width",)
    width: int = 16
    """How many steps are drawn per level, less one for each path that has ended; `paper` may round
    to more."""
    allocation: Allocation = "code"
    """How shares become numbers of children: `paper` (softmax, rounded) or `code` (greedy from the
    best, spends the width exactly)."""
    temperature: float = 0.2
    """Of the softmax, above 0; it is in units of the score, so logits need another one than
    probabilities."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of a path."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        check_count("width", self.width, 1)
        check_count("depth", self.depth, 1)
        check_above_zero("temperature", self.temperature)
        check_choice("allocation", self.allocation, Allocation)
        Steering.of(self.aggregate, self.missing)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most: rounding may double the width."""
        return self.width if self.allocation == "code" else 2 * self.width

    @property
    def at_once(self) -> int:
        """A level is in flight together; rounding hardly ever widens it by much."""
        return self.width

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.width * self.depth * (2 if self.allocation == "paper" else 1)

    def search(self, problem: Problem) -> Flow:
        """Level by level, until all ended, the width is used up, or the depth is reached."""
        leaves: list[Candidate] = []
        given_up: dict[Prefix, str] = {}
        level = [root(problem)]
        with suppress(Exhausted):
            for _ in range(self.depth):
                if not level or len(leaves) >= self.width:
                    break
                counts = self.allocate(level, self.width - len(leaves))
                families = yield from grow_uneven(level, counts)
                for parent, family in zip(level, families, strict=True):
                    if not family:
                        given_up[parent.path] = "no share of the width"
                drawn = [child for family in families for child in family]
                leaves += [child for child in drawn if child.path.stopped]
                level = [child for child in drawn if not child.path.stopped]
        if len(leaves) >= self.width:
            given_up |= {child.path: "ended paths took the whole width" for child in level}
            return result(leaves, given_up)
        return result(
            [*leaves, *level], given_up, reached("depth", self.depth, still_open=bool(level))
        )

    def allocate(self, level: Sequence[Candidate], width: int) -> list[int]:
        """How many children each path of a level has."""
        rewards = [self.steering.score(candidate) for candidate in level]
        return ALLOCATIONS[self.allocation](softmax(rewards, self.temperature), width)
