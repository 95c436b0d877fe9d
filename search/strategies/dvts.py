"""Diverse verifier tree search: independent subtrees that each follow their best child.

The method is Hugging Face's (Beeching et al. 2024, "Scaling test-time compute with open models").
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from search.aggregation import MissingRule
from search.budget import Budget, Exhausted
from search.candidates import Steering, root
from search.checks import check_choice, check_count
from search.core import Candidate, Prefix, Problem
from search.questions import Flow
from search.strategies.beam_level import Continuation, Reach, grow_level, rank
from search.strategies.beam_rules import LastLevel, check_widths
from search.strategies.pruning import reached, result
from search.strategies.side_by_side import side_by_side
from search.strategies.steered import Steered

Siblings = Literal["none", "finished"]


@dataclass(frozen=True)
class Dvts(Steered):
    """`paths` N / `children` M subtrees, which never wait for nor compete with one another.

    Each draws M children of its leaf and goes on from the best one, until that is finished or
    `depth` steps long. A child that was cut is never the best while another is not.

    The earliest drawn wins a tie. A leaf that is not finished abstains.
    """

    widths: ClassVar = ("paths", "children")
    in_shares: ClassVar = True
    paths: int = 16
    """N, how many paths are drawn per level in all subtrees together; a multiple of `children`."""
    children: int = 4
    """M, how many children the leaf of each subtree has."""
    siblings: Siblings = "none"
    """Beside the leaf of each subtree return `none`, or those of its siblings that are `finished`
    (the original returns unfinished ones as well); they come after all leaves."""
    lookahead: int = 0
    """A child is ranked by the end of its greedy rollout of so many further steps, 0 for none."""
    last_level: LastLevel = "step"
    """How a leaf grows at the last level, `depth`: by a `step` as before, or its children are drawn
    to their `end`."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of the leaf of a subtree, but for one that `last_level: end` draws on."""
    budget: Budget = field(default_factory=Budget)
    """The most that the search of one problem may spend. Each subtree has an equal share; what one
    leaves, no other has."""

    def __post_init__(self) -> None:
        check_widths(self.paths, self.children, "dvts")
        check_choice("siblings", self.siblings, Siblings)
        check_choice("last_level", self.last_level, LastLevel)
        check_count("depth", self.depth, 1)
        check_count("lookahead", self.lookahead, 0)
        Steering.of(self.aggregate, self.missing)

    @property
    def subtrees(self) -> int:
        """N / M."""
        return self.paths // self.children

    @property
    def keeps(self) -> int:
        """A subtree goes on from one child."""
        return 1

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        return self.subtrees if self.siblings == "none" else self.paths

    @property
    def at_once(self) -> int:
        """The levels of all subtrees are in flight together."""
        return self.paths

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.subtrees * self.children * self.depth * (1 + self.lookahead)

    def search(self, problem: Problem) -> Flow:
        """All subtrees side by side, each within its share of the budget."""
        trees = [self.subtree(problem, number) for number in range(self.subtrees)]
        return side_by_side(problem, trees, self.budget)

    def subtree(self, problem: Problem, number: int) -> Flow:
        """Follow the best child; the root's children are numbered apart from other subtrees'."""
        leaf, siblings, given_up = root(problem), list[Candidate](), dict[Prefix, str]()
        with suppress(Exhausted):
            for depth in range(self.depth):
                if leaf.path.stopped:
                    break
                first = number * self.children if depth == 0 else 0
                to_end = self.last_level == "end" and depth + 1 == self.depth
                reach = Reach(1, self.lookahead, self.paths, to_end)
                level = yield from grow_level([leaf], [self.children], reach, first=first)
                best, *others = self.rank(level)
                leaf = best.candidate
                siblings = [child.candidate for child in others if child.path.finished]
                for child in level:
                    given_up |= dict.fromkeys(child.rollout, "lookahead")
                given_up |= {child.path: left_because(child) for child in others}
        kept = [leaf, *(siblings if self.siblings == "finished" else [])]
        return result(
            kept, given_up, reached("depth", self.depth, still_open=not leaf.path.stopped)
        )

    def rank(self, level: list[Continuation]) -> list[Continuation]:
        """Best first; those that were cut come last."""
        return sorted(rank(self.steering, level), key=lambda child: child.cut)


def left_because(child: Continuation) -> str:
    """Why a child that is not the best was left."""
    return f"cut: {child.path.steps[-1].stop}" if child.cut else "outranked by a sibling"
