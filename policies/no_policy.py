"""The policy where nothing is drawn: solutions are there already, and are only judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engines.traits import DOUBLE, Traits
from search.ports import Failure, FailureKind, Policy, PolicyCall, PolicyReply


@dataclass(frozen=True)
class NoPolicyConfig:
    """Nobody draws, and there is nothing to set."""

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return replace(DOUBLE, idle=True)


class NoPolicy(Policy):
    """Answers that there is no policy. It never makes a path up."""

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """A failure for each call."""
        message = "there is no policy: solutions are judged here, not drawn"
        return [Failure.about(call.path, FailureKind.INVALID, message) for call in batch]


async def build(config: NoPolicyConfig) -> NoPolicy:
    """The policy, ready at once."""
    return NoPolicy()
