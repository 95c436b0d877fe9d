"""The scorer of a run that has none: greedy decoding, majority vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engines.traits import DOUBLE, Judges, Traits
from search.core import Judgement, Spent
from search.ports import Failure, Scorer, ScorerCall, ScorerReply


@dataclass(frozen=True)
class NoScorerConfig:
    """Nobody judges, and there is nothing to set."""

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return replace(DOUBLE, judges=Judges.NOTHING, idle=True)


class NoScorer(Scorer):
    """Answers that there is no judgement. It never makes a number up."""

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """A `Missing` judgement for each call; asking again would not change it."""
        reply = ScorerReply(
            Judgement.missing("no scorer is configured (scorer.kind: none)"), Spent()
        )
        return [reply for _ in batch]


async def build(config: NoScorerConfig) -> NoScorer:
    """The scorer, ready at once."""
    return NoScorer()
