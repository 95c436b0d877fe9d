"""Sequential revision: each solution is drawn with the previous one and its verdicts in view.

Snell et al. (2024, 2408.03314, section 6) revise with a policy trained for it, and choose by the
verifier among all attempts of all chains; Madaan et al. (2023, 2303.17651, Self-Refine) prompt a
policy with feedback in words. Here the words are the verifier's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from search.aggregation import MissingRule, Scale
from search.budget import Budget, Exhausted
from search.candidates import judge_finished
from search.checks import check_choice, check_count, check_number
from search.core import Candidate, Missing, Prefix, Problem
from search.questions import Flow, Until, extend
from search.strategies.chained import Chained, Keep, Told

Revise = Literal["last", "best"]


@dataclass(frozen=True)
class Sequential(Chained):
    """`chains` times a solution and up to `revisions` revisions of it, one after the other.

    Every attempt is a whole solution, drawn from the question on. One that was cut is not judged.
    It is never shown, nor is one without verdicts: while there is no other, the next is drawn
    from the question alone.
    """

    chains: int = 4
    revisions: int = 3
    """How often a chain revises its solution at most; with 0 it is one solution."""
    feedback: Told = "critique"
    """With each revision the policy is shown an earlier attempt, and of it the `verdicts`, or also
    the `critique` of the first step judged incorrect. With `none` it sees the question alone:
    independent redraws, the control."""
    revise: Revise = "last"
    """Which attempt is shown, and is the chain's answer at its end: the `last` finished one that
    has a score, or the `best` by score so far, the earliest on ties."""
    accept: float | None = 0.5
    """A chain ends with the first attempt whose score is so high; `null` never ends one. With
    `aggregate: min` 0.5 means that no step is judged incorrect; with `history.last`, that the
    verifier says the whole is correct."""
    keep: Keep = "final"
    """Which attempts are returned: the answer of each chain (`final`), or after these `all`
    finished attempts, as Snell et al. do."""
    aggregate: str = "history.last"
    missing: MissingRule = MissingRule.WORST
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        self.check()
        check_count("revisions", self.revisions, 0)
        check_choice("revise", self.revise, Revise)
        if self.accept is not None:
            probability = self.steering.aggregator.scale is Scale.PROBABILITY
            check_number("accept", self.accept, *((0.0, 1.0) if probability else (-1e6, 1e6)))

    @property
    def draws(self) -> int:
        """How often a search asks the policy at most."""
        return self.chains * (1 + self.revisions)

    @property
    def judges_prefixes(self) -> bool:
        """Only finished solutions are judged, but feedback is on their steps."""
        return self.feedback != "none"

    @property
    def continues(self) -> bool:
        """Each attempt is drawn from the problem on."""
        return False

    @property
    def draws_alike(self) -> bool:
        """A revision is drawn with something else in view than what it revises."""
        return self.chains > 1 or (self.revisions > 0 and self.feedback == "none")

    def chain(self, problem: Problem, number: int) -> Flow:
        """Draw, judge, and draw again with the verdicts in view, until one is accepted."""
        attempts: list[Candidate] = []
        with suppress(Exhausted):
            for first in range(number, self.draws, self.chains):
                told = self.told(self.standing(attempts))
                ((path,),) = yield from extend(
                    [Prefix.start(problem)], 1, Until.END, first=first, feedback=told
                )
                attempts.append(Candidate(path))
                attempts[-1:] = yield from judge_finished(attempts[-1:])
                if self.accepts(attempts[-1]):
                    break
        given_up = {each.path: _why_left(each.path) for each in attempts}
        return self.ended(self.standing(attempts), attempts, given_up)

    def standing(self, attempts: Sequence[Candidate]) -> Candidate | None:
        """The attempt that is revised next; where none finished, one that was cut."""
        finished = [each for each in attempts if each.path.finished] or attempts
        if self.revise == "best":
            return next(iter(self.steering.rank(finished)), None)
        scored = [each for each in finished if self.scored(each)]
        return next(reversed(scored or finished), None)

    def accepts(self, attempt: Candidate) -> bool:
        """Whether nothing more is drawn after `attempt`."""
        score = self.steering.score(attempt)
        return self.accept is not None and not isinstance(score, Missing) and score >= self.accept

    def scored(self, attempt: Candidate) -> bool:
        """Whether the verifier gave the attempt a number."""
        return not isinstance(self.steering.score(attempt), Missing)


def _why_left(path: Prefix) -> str:
    return "another attempt stands" if path.finished else f"cut: {path.steps[-1].stop}"
