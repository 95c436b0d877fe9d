"""Greedy: one solution at temperature 0, the baseline that every search is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from search.core import Candidate, Prefix, Problem, Result
from search.questions import Flow, Until, extend


@dataclass(frozen=True)
class Greedy:
    """One solution, decoded greedily whatever the policy's temperature is; not judged."""

    @property
    def candidates(self) -> int:
        """How many candidates a search returns."""
        return 1

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return 1

    @property
    def judges(self) -> bool:
        """Whether the search asks the verifier."""
        return False

    def __call__(self, problem: Problem) -> Flow:
        """Draw the one."""
        ((draft,),) = yield from extend([Prefix.start(problem)], 1, Until.END, greedy=True)
        return Result((Candidate(draft),))
