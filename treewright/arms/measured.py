"""The figures of an arm over problems: what every table of arms shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.estimators import wilson_interval
from benchmarks.estimators.expected import Expected
from treewright.arms.arm import Arm
from treewright.ledger import sum_known


@dataclass(frozen=True, slots=True)
class Measured:
    """An arm over the first `n` candidates, or over all n-subsets of them.

    `accuracy` is the share of right answers in [0, 1] over `problems`, None over no problem; `ci95`
    is its interval over problems, and `error` its standard error from the drawing of subsets, 0
    where all were counted. An abstention is a wrong answer and is counted in `abstained`; `tied`
    counts choices that another answer was as good as. Left out of `problems`, and counted:
    `unscored` (answers, but no score to choose by) and `ungraded` (the grader could not decide in
    time). Over subsets these are expected numbers. `policy_tokens` and `verifier_tokens` are means
    per problem, of prompt not cached plus generated, None where nobody counted them. `price`: the
    same in money, of both sides, None where nobody sends a bill or a part of it is unknown.
    """

    arm: Arm
    n: int
    accuracy: float | None
    ci95: tuple[float, float] | None
    error: float
    problems: float
    abstained: float
    tied: int
    unscored: float
    ungraded: float
    policy_tokens: float | None
    verifier_tokens: float | None
    price: float | None = None

    @property
    def tokens(self) -> float | None:
        """Of both models; None where unknown."""
        policy, verifier = self.policy_tokens, self.verifier_tokens
        return None if policy is None or verifier is None else policy + verifier

    @property
    def left_out(self) -> float:
        """Problems that say nothing of the arm."""
        return self.unscored + self.ungraded


def whole(found: Expected) -> Expected:
    """The same of the first n candidates: every problem is right or wrong, and is counted."""
    problems = round(found.problems)
    right = round((found.accuracy or 0.0) * problems)
    return Expected(
        found.accuracy,
        wilson_interval(right, problems) if problems else None,
        0.0,
        problems,
        *map(round, (found.abstained, found.unscored, found.ungraded)),
    )


def mean(values: Iterable[float | None]) -> float | None:
    """The mean, 0 over nothing, None where a value is unknown."""
    listed = list(values)
    total = sum_known(listed)
    return None if total is None else total / max(1, len(listed))
