"""How sure a model was of the tokens that a policy drew, put into the steps that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import fsum

from engines.engine import MOST_LIKELIEST
from engines.sureness import per_step
from search.checks import fault
from search.core import Step, Sureness


def check_confidence(likeliest: int) -> None:
    """The key `confidence` of a policy: how many of the likeliest tokens are looked at."""
    if likeliest not in (0, *range(2, MOST_LIKELIEST + 1)):
        raise fault("confidence", likeliest, f"0, or from 2 to {MOST_LIKELIEST}", "0 is off")


def measured(steps: Sequence[Step], tokens: Sequence[Sureness]) -> tuple[Step, ...]:
    """The steps, which are the first of what was drawn, with what was measured of their tokens."""
    if not tokens:
        return tuple(steps)
    sums = per_step(tokens, [len(step.token_ids) for step in steps])
    return tuple(
        replace(step, logprob=min(0.0, fsum(each.logprob for each in own)), sureness=own)
        for step, own in zip(steps, sums, strict=True)
    )
