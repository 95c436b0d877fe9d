"""The scripted policy on a simulated engine: the same solutions, but they take their time.

For scheduling experiments and speed benchmarks without a model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engines.token_clock import Timing, TokenClock
from engines.traits import Traits
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from search.ports import Failure, PolicyCall, PolicyReply


@dataclass(frozen=True)
class SimulatedPolicyConfig(ScriptedPolicyConfig):
    """Scripted solutions that take as long as a model would: a double for measuring schedules."""

    timing: Timing = field(default_factory=Timing)
    """How long the tokens of a solution take."""

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return replace(super().traits, slots=self.timing.slots)


class SimulatedPolicy(ScriptedPolicy):
    """The replies of `ScriptedPolicy`, each after the time that its tokens take."""

    def __init__(self, config: SimulatedPolicyConfig) -> None:
        super().__init__(config)
        self.clock = TokenClock(config.timing)
        self.wake_seconds = config.timing.wake_seconds / config.timing.speed

    async def reply(self, call: PolicyCall) -> PolicyReply | Failure:
        """The child, when it would be there."""
        reply = await super().reply(call)
        if isinstance(reply, PolicyReply):
            spent = reply.spent
            await self.clock.serve(spent.prompt - spent.cached, spent.generated)
        return reply


async def build(config: SimulatedPolicyConfig) -> SimulatedPolicy:
    """The policy of this configuration, ready at once."""
    return SimulatedPolicy(config)
