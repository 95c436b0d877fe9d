"""A prefix whose beginning was called incorrect may inherit that: it can never be right."""

from __future__ import annotations

from search.core import Judgement, Missing, Origin, StepVerdict, VerdictStatus
from search.ports import Earlier, ScorerCall

EVEN = 0.5
"""A step whose probability of *correct* is lower is called incorrect."""


def inherited(call: ScorerCall) -> Judgement | None:
    """The judgement that a path inherits from its beginning; None where it has to be judged.

    It inherits where all steps of an earlier judged path are its own and one of them was called
    incorrect. The verdicts and the prefix probability are that path's; each further step takes the
    probability of the first incorrect one, as after an error within a chain.
    """
    earlier = call.earlier
    if earlier is None or not is_beginning(earlier, call):
        return None
    judgement = earlier.judgement
    error = first_incorrect(judgement)
    if error is None or isinstance(judgement.prefix, Missing):
        return None
    new = len(call.path.steps) - len(judgement.verdicts)
    after = StepVerdict(error.probability, VerdictStatus.AFTER_ERROR)
    verdicts = (*judgement.verdicts, *[after] * new)
    return Judgement(verdicts, judgement.prefix, origin=Origin.INHERITED)


def is_beginning(earlier: Earlier, call: ScorerCall) -> bool:
    """Whether the call's path goes on with the earlier one, and does not part from it."""
    return earlier.shared(call.path) == len(earlier.path.steps) == len(earlier.judgement.verdicts)


def first_incorrect(judgement: Judgement) -> StepVerdict | None:
    """The first verdict that calls its step incorrect."""
    for verdict in judgement.verdicts:
        if verdict.probability is not None and verdict.probability < EVEN:
            return verdict
    return None
