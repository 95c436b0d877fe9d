"""Best-first search: of all open paths, whatever their depth, the best are extended next.

Koh et al. (2024, 2407.01476) search with language models so; here the verifier gives the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from search.aggregation import MissingRule
from search.budget import Budget, Exhausted
from search.candidates import Steering, grow_candidates, root
from search.checks import check_count, check_number
from search.core import Candidate, Missing, Prefix, Problem
from search.limit import LimitReached
from search.questions import Flow
from search.strategies.pruning import reached, result
from search.strategies.steered import Steered


@dataclass(frozen=True)
class BestFirst(Steered):
    """The `expand` best paths of the frontier get `children` children each, again and again.

    The earliest drawn wins a tie, and a path without a score comes last. The search ends when
    `solutions` have finished, after `expansions` extended paths, or with nothing open.

    Finished paths are candidates in the order in which they were found, also those beyond
    `solutions` that the last question brought; where they are fewer, unfinished
    ones make up the number, the best open ones first.
    """

    widths: ClassVar = ("children",)
    children: int = 4
    """How many children an extended path gets."""
    expand: int = 1
    """How many of the best open paths are extended at once, at most `frontier`."""
    frontier: int = 16
    """How many of the best open paths are kept; the rest are given up."""
    depth_bonus: float = 0.0
    """Added to the score of a path for each of its steps: above 0 it favours going deep over going
    back, which scores that fall with every step otherwise do."""
    solutions: int = 4
    """The search ends when so many paths have finished."""
    expansions: int = 64
    """The search ends when so many paths have been extended."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    depth: int = 40
    """The most steps of a path; one so long is not extended."""
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        for name in ("children", "expand", "frontier", "solutions", "expansions", "depth"):
            check_count(name, getattr(self, name), 1)
        if self.expand > self.frontier:
            raise ValueError(
                f"expand: {self.expand} must be at most frontier {self.frontier}; "
                f"nearest {self.frontier}"
            )
        check_number("depth_bonus", self.depth_bonus, -1e6, 1e6)
        Steering.of(self.aggregate, self.missing)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most: one more question may find many."""
        return self.solutions - 1 + self.expand * self.children

    @property
    def at_once(self) -> int:
        """The children of those that are extended are in flight together."""
        return self.expand * self.children

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.expansions * self.children

    def search(self, problem: Problem) -> Flow:
        """Extend the best, put the children beside the rest, until there is enough."""
        found: list[Candidate] = []
        barred: list[Candidate] = []
        given_up: dict[Prefix, str] = {}
        frontier = [root(problem)]
        left = self.expansions
        with suppress(Exhausted):
            while frontier and left and len(found) < self.solutions:
                best = frontier[: min(self.expand, left)]
                families = yield from grow_candidates(best, self.children)
                left -= len(best)
                waiting = frontier[len(best) :]
                for child in (child for family in families for child in family):
                    if child.path.finished:
                        found.append(child)
                    elif child.path.stopped or len(child.path.steps) >= self.depth:
                        barred.append(child)
                    else:
                        waiting.append(child)
                ranked = self.rank(waiting)
                frontier, worst = ranked[: self.frontier], ranked[self.frontier :]
                given_up |= {child.path: "not among the best of the frontier" for child in worst}
        given_up |= {child.path: _why_barred(child.path) for child in barred}
        given_up |= {child.path: "still open when the search ended" for child in frontier}
        spare = max(0, self.solutions - len(found))
        limit = self.limit(frontier, barred) if spare else None
        return result([*found, *[*frontier, *barred][:spare]], given_up, limit)

    def limit(
        self, frontier: Sequence[Candidate], barred: Sequence[Candidate]
    ) -> LimitReached | None:
        """What ended a search that found too little; None where nothing was left to extend."""
        deep = any(not candidate.path.stopped for candidate in barred)
        return reached("expansions", self.expansions, still_open=bool(frontier)) or reached(
            "depth", self.depth, still_open=deep
        )

    def rank(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Best first; the earliest wins a tie; those without a score come last."""
        return sorted(candidates, key=self._key)

    def _key(self, candidate: Candidate) -> tuple[bool, float]:
        score = self.steering.score(candidate)
        if isinstance(score, Missing):
            return True, 0.0
        return False, -(score + self.depth_bonus * len(candidate.path.steps))


def _why_barred(path: Prefix) -> str:
    return "cut before its end" if path.stopped else "at the depth limit"
