"""Faults that a double commits on purpose, so that what must survive them can be tested."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from random import Random

from engines.engine import EngineError
from search.checks import check_number
from search.ports import Failure, FailureKind
from search.seeds import call_seed


@dataclass(frozen=True)
class Faults:
    """For testing; everything is off by default. Which call is hit depends on its seed only."""

    die_on: str | None = None
    """A question that contains this text raises `EngineError`, as a dead engine does."""
    exit_on: str | None = None
    """A question that contains this text ends the process at once, as a segmentation fault does
    (for actors only)."""
    fail: float = 0.0
    """Chance in [0, 1] that a call fails (`UNAVAILABLE`)."""
    hang: float = 0.0
    """Chance in [0, 1] that a call never returns."""

    def __post_init__(self) -> None:
        check_number("fail", self.fail, high=1.0)
        check_number("hang", self.hang, high=1.0)

    async def strike(self, question: str, seed: int) -> Failure | None:
        """Commit what this call is to suffer; the failure to reply with, None for none.

        Raises:
            EngineError: for a question that contains `die_on`.
        """
        if self.exit_on and self.exit_on in question:
            os._exit(1)
        if self.die_on and self.die_on in question:
            raise EngineError(f"fault injected: the question contains {self.die_on!r}")
        chance = Random(call_seed(seed, "fault")).random()
        if chance < self.hang:
            await asyncio.Event().wait()
        if chance < self.hang + self.fail:
            return Failure(FailureKind.UNAVAILABLE, "fault injected: no reply")
        return None
