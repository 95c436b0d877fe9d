"""The scripted scorer on a simulated engine: the same judgements, but they take their time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engines.token_clock import Timing, TokenClock
from engines.traits import Traits
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.ports import Failure, ScorerCall, ScorerReply


@dataclass(frozen=True)
class SimulatedScorerConfig(ScriptedScorerConfig):
    """Scripted judgements that take as long as a model would: a double for measuring schedules."""

    timing: Timing = field(default_factory=Timing)
    """How long the tokens of a judgement take."""

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return replace(super().traits, slots=self.timing.slots)


class SimulatedScorer(ScriptedScorer):
    """The replies of `ScriptedScorer`, each after the time that its tokens take."""

    def __init__(self, config: SimulatedScorerConfig) -> None:
        super().__init__(config)
        self.clock = TokenClock(config.timing)
        self.wake_seconds = config.timing.wake_seconds / config.timing.speed

    async def reply(self, call: ScorerCall) -> ScorerReply | Failure:
        """The judgement, when it would be there."""
        reply = await super().reply(call)
        if isinstance(reply, ScorerReply):
            spent = reply.spent
            await self.clock.serve(spent.prompt - spent.cached, spent.generated)
        return reply


async def build(config: SimulatedScorerConfig) -> SimulatedScorer:
    """The scorer of this configuration, ready at once."""
    return SimulatedScorer(config)
