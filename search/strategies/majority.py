"""Majority voting, also called self-consistency.

Draw whole solutions, ask no verifier (Wang et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

from search.checks import at_least_one
from search.core import Candidate, Path, Problem, Result
from search.questions import Flow, Until, extend


@dataclass(frozen=True)
class Majority:
    """`n` independent solutions, none judged; meant for the selection `majority`."""

    n: int = 16

    def __post_init__(self) -> None:
        at_least_one("n", self.n)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns."""
        return self.n

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.n

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        return False

    def __call__(self, problem: Problem) -> Flow:
        """Draw all."""
        (drafts,) = yield from extend([Path.start(problem)], self.n, Until.END)
        return Result(tuple(Candidate(draft) for draft in drafts))
