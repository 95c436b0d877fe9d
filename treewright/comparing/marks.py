"""An arm over problems: where its answer is right, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.estimators.expected import Share
from benchmarks.estimators.subsets import subset_chances
from benchmarks.grading import Outcome
from search.aggregation import MissingRule
from search.seeds import call_seed
from search.selection import SELECTIONS
from treewright.comparing.arm_name import ArmName
from treewright.comparing.source import Found
from treewright.ledger import candidate_tokens
from treewright.metrics import UNDECIDED, Solved, options_of, scale_of

DIGITS = 12
"""Of a chance that are kept: what two arms do alike must cancel."""


@dataclass(frozen=True)
class Marks:
    """One arm of one run.

    `right`: as `decided` has it; 0 or 1 over all candidates.
    `policy`, `verifier`: tokens by problem id, of prompt not cached plus generated, None where
    nobody counted them, of all problems with a result. `n`: how many candidates are looked at, at
    most.
    """

    run: str
    name: ArmName
    n: int
    right: dict[str, float]
    policy: dict[str, int | None]
    verifier: dict[str, int | None]


def mark(found: Found, name: ArmName, missing: MissingRule) -> Marks:
    """How an arm fares on every problem of a run.

    Over n < N candidates it is the chance over all n-subsets; the cost is that of the first n,
    which are the run with n. The verifier is free where nothing asks for a score, neither the arm
    nor the search.
    """
    shares = {item.problem_id: share(item, name, missing) for item in found.solved}
    judged = name.aggregation is not None or not found.source.draws_independently
    reads = SELECTIONS[name.selection].reads
    costs = {
        item.problem_id: candidate_tokens(item.search, min(size, reads or size), judged=judged)
        for item in found.solved
        for size in [name.n or len(item.search.result.candidates)]
    }
    return Marks(
        run=found.source.label,
        name=name,
        n=name.n or found.largest,
        right=decided(shares),
        policy={id: policy for id, (policy, _) in costs.items()},
        verifier={id: verifier for id, (_, verifier) in costs.items()},
    )


def decided(shares: Mapping[str, Share]) -> dict[str, float]:
    """By problem id the chance in [0, 1] that the answer is right, where it could be decided.

    An abstention is wrong. Left out: problems with no score to choose by or no grade. An arm that
    never had a score has no marks, whatever abstained beside it.
    """
    told = shares.values()
    chosen = any(each.decided > each.abstained or each.ungraded for each in told)
    if not chosen and any(each.unscored for each in told):
        return {}
    return {
        id: round(min(1.0, each.right / each.decided), DIGITS)
        for id, each in shares.items()
        if each.decided > 0
    }


def share(item: Solved, name: ArmName, missing: MissingRule) -> Share:
    """In which share of a problem's n-subsets the arm is right, wrong or without an answer."""
    options = options_of(item, name.aggregator, missing)
    (chances,) = subset_chances(
        name.selection,
        options,
        scale_of(name.aggregator),
        [name.n or len(options)],
        seed=call_seed(0, item.problem_id),
    )
    outcomes = item.grades.outcomes
    right = [outcome is Outcome.CORRECT for outcome in outcomes]
    return Share.of(chances, right, [outcome in UNDECIDED for outcome in outcomes])
