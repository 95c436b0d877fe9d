"""What searches share that try again after a verdict: chains side by side, and what is told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from search.candidates import Steering
from search.checks import check_choice, check_count
from search.core import (
    Candidate,
    Feedback,
    Judgement,
    Prefix,
    Problem,
    Result,
    VerdictStatus,
)
from search.limit import LimitReached
from search.questions import Flow
from search.strategies.pruning import result
from search.strategies.side_by_side import side_by_side
from search.strategies.steered import Steered

Told = Literal["none", "verdicts", "critique"]
"""What the policy is told of an earlier attempt: nothing; the attempt and the verdict of each step;
or these and the critique of the first step judged incorrect."""
Keep = Literal["final", "all"]
"""Which attempts of a chain are returned: the one it ends with, or every finished one.

With `all`, what a report says of fewer candidates than all leaves out what it took to get to them:
a revision is not had without the attempts before it.
"""


class Chained(Steered):
    """The base of a frozen dataclass that has at least these three fields.

    Attempt `a` of chain `c` has the number a × chains + c, so the first attempts are those that
    best-of-n would draw.
    """

    in_shares: ClassVar = True
    chains: int
    """How many independent chains of attempts run side by side, each with an equal share of the
    budget; what one leaves, no other has."""
    feedback: Told
    """What the policy is told of an earlier attempt."""
    keep: Keep
    """Which attempts are returned: the answer of each chain (`final`), or after these `all`
    finished attempts."""

    def check(self) -> None:
        """Raise ValueError for a field that makes no sense."""
        check_count("chains", self.chains, 1)
        check_choice("feedback", self.feedback, Told)
        check_choice("keep", self.keep, Keep)
        Steering.of(self.aggregate, self.missing)

    @property
    def candidates(self) -> int:
        """How many candidates a search returns at most."""
        return self.chains if self.keep == "final" else self.draws

    @property
    def at_once(self) -> int:
        """Each chain has one attempt in flight."""
        return self.chains

    @abstractmethod
    def chain(self, problem: Problem, number: int) -> Flow:
        """One chain; its answer is the first of its candidates."""

    def search(self, problem: Problem) -> Flow:
        """All chains side by side: their answers first, then their other attempts."""
        chains = [self.chain(problem, number) for number in range(self.chains)]
        return side_by_side(problem, chains, self.budget)

    def ended(
        self,
        answer: Candidate | None,
        attempts: Sequence[Candidate],
        given_up: Mapping[Prefix, str],
        limit: LimitReached | None = None,
    ) -> Result:
        """A chain's result: its answer, and with `keep: all` its other finished attempts.

        They stand newest first; `given_up` says of each path why it is not the answer. Without an
        answer, where time was up before anything was drawn, it is empty.
        """
        if answer is None:
            return Result()
        others = [each for each in reversed(attempts) if each.path.finished and each is not answer]
        return result([answer, *(others if self.keep == "all" else [])], given_up, limit)

    def told(self, attempt: Candidate | None, threshold: float = 0.5) -> Feedback | None:
        """What the policy is told of `attempt`; None where there is nothing to tell.

        One critique at most: that of the first step judged incorrect.
        """
        judgement = attempt.judgement if attempt else None
        if not attempt or not judgement or not judgement.verdicts or self.feedback == "none":
            return None
        first = first_incorrect(judgement, threshold) if self.feedback == "critique" else None
        verdicts = tuple(
            verdict if index == first else replace(verdict, critique="")
            for index, verdict in enumerate(judgement.verdicts)
        )
        return Feedback(attempt.path, replace(judgement, verdicts=verdicts))


def first_incorrect(judgement: Judgement, threshold: float) -> int | None:
    """The first step whose own verdict gives *correct* a probability below `threshold`.

    A step without a verdict is not incorrect, nor is one that only follows an incorrect step.
    """
    for index, verdict in enumerate(judgement.verdicts):
        own = verdict.probability if verdict.status is VerdictStatus.READ else None
        if own is not None and own < threshold:
            return index
    return None
