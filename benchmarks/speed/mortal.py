"""Simulated replicas that can be killed, and take their time to come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from treewright.cluster.inline_replica import InlineReplica
from treewright.cluster.replica import Call, Info, Port

ILLEGAL = "EngineError: an illegal memory access was encountered"
KILLS_AFTER_S = 0.5
"""How long a poisonous call is in flight before it kills."""


class MortalReplica(InlineReplica):
    """Ready after `start_s`; never where its node is gone. A call of `poison` kills it."""

    def __init__(self, make: Callable[[], Port], start_s: float, poison: str | None) -> None:
        async def build() -> Port:
            return make()

        super().__init__(build)
        self.start_s = start_s
        self.poison = poison
        self.poisoned: dict[int, asyncio.TimerHandle] = {}

    @property
    def alive(self) -> bool:
        """Whether nothing has killed it."""
        return self._dead is None

    async def start(self) -> Info:
        """See `Replica.start`."""
        await asyncio.sleep(self.start_s)
        return await super().start()

    def submit(self, batch: Sequence[tuple[int, Call]]) -> None:
        """See `Replica.submit`."""
        super().submit(batch)
        for call_id, call in batch:
            if call.path.problem.id == self.poison:
                dies = asyncio.get_running_loop().call_later(KILLS_AFTER_S, self.kill, ILLEGAL)
                self.poisoned[call_id] = dies

    def abort(self, ids: Sequence[int]) -> None:
        """See `Replica.abort`."""
        super().abort(ids)
        for call_id in ids:
            if dies := self.poisoned.pop(call_id, None):
                dies.cancel()


class MortalReplicas:
    """Makes them, and kills by the order in which they were made."""

    def __init__(
        self, port: Callable[[], Port], restart_s: float, poison: str | None = None
    ) -> None:
        self.port, self.restart_s, self.poison = port, restart_s, poison
        self.made: list[MortalReplica] = []
        self.gone = 0
        """How many nodes are gone for good."""

    def make(self) -> MortalReplica:
        """One that is ready at once before the first has died."""
        died = any(not replica.alive for replica in self.made)
        start_s = 0.0 if not died else self.restart_s
        if self.gone:
            self.gone, start_s = self.gone - 1, float("inf")
        self.made.append(MortalReplica(self.port, start_s, self.poison))
        return self.made[-1]

    def kill(self, index: int, *, node: bool) -> None:
        """Kill one of the first ones; with its node, for good."""
        self.gone += node
        self.made[index].kill("its node died" if node else "killed", explained=node)
