"""How long the runs of a study would take, said before they start."""

from __future__ import annotations

from collections.abc import Iterable

from search.wording import counted, whole
from treewright.running.progress import clock

RATE = 5000.0
"""Tokens that two quiet cores compute in a second with the embedded models, both at work: prompt
tokens that are not cached, and generated ones (`make run`: 4,700 to 9,500, the more the fuller the
batches are)."""


def told(work: Iterable[tuple[int, float]], rate: float = RATE) -> str:
    """The line before the start; `work` is problems left and tokens of each, per run."""
    listed = [(problems, tokens) for problems, tokens in work if problems]
    total = sum(problems * tokens for problems, tokens in listed)
    if not listed:
        return "estimate: nothing is left to run"
    searches = sum(problems for problems, _ in listed)
    return (
        f"estimate: {counted(searches, 'search', 'es')}, up to about {whole(total)} tokens, "
        f"{clock(total / rate)} at {whole(rate)} tokens a second (two quiet cores; --rate says "
        "another); what is finished is kept, and the same command goes on"
    )
