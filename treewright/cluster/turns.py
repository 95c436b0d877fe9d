"""A policy and a verifier that compute on the same GPU by turns: one is awake, the other sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engines.config import Ability
from engines.traits import Part, Traits, traits_of
from treewright.cluster.config import ClusterConfig

SIDES = ("policy", "scorer")


class Turn:
    """When the replica of a slot may be awake. This is that of one which shares nothing: always."""

    @property
    def mine(self) -> bool:
        """Whether it is to be awake. Where it is and this says no, it ends what it was asked."""
        return True

    async def begin(self) -> None:
        """Wait until it is its turn and the other has left. Before, it takes nothing of a GPU."""

    def end(self) -> None:
        """It has left: it sleeps, or it is gone. Idempotent."""


class Pair:
    """A policy and a verifier that take turns. `side`: whose turn is first."""

    def __init__(self, side: str) -> None:
        self._given = {each: asyncio.Event() for each in SIDES}
        self._place = asyncio.Lock()
        self.give(side)

    @property
    def side(self) -> str:
        """Whose turn it is: `policy` or `scorer`."""
        return next(side for side, given in self._given.items() if given.is_set())

    def give(self, side: str) -> None:
        """It is its turn from now on, which begins when the other has left."""
        for given in self._given.values():
            given.clear()
        self._given[side].set()

    def turn(self, side: str) -> Turn:
        """That of one side, for its slot."""
        return TurnOfPair(self._given[side], self._place)


class TurnOfPair(Turn):
    """The turn of one side of a pair."""

    def __init__(self, given: asyncio.Event, place: asyncio.Lock) -> None:
        self._given, self._place = given, place
        self._here = False

    @property
    def mine(self) -> bool:
        """See `Turn.mine`."""
        return self._given.is_set()

    async def begin(self) -> None:
        """See `Turn.begin`."""
        while not self._here:
            await self._given.wait()
            await self._place.acquire()
            self._here = True
            if not self.mine:  # it was taken back while the other left
                self.end()

    def end(self) -> None:
        """See `Turn.end`."""
        if self._here:
            self._here = False
            self._place.release()


def pairs_of(config: ClusterConfig) -> Sequence[Pair]:
    """As many as replicas are awake, the first of them policies; none where nobody takes turns."""
    if not config.elastic:
        return ()
    sides = ["policy"] * config.policy_replicas + ["scorer"] * config.scorer_replicas
    return [Pair(side) for side in sides]


def unfit(policy: Part, scorer: Part) -> str:
    """Why these two cannot take turns, after the words `cluster.elastic`; empty where they can."""
    for side, part in (("policy", policy), ("scorer", scorer)):
        traits = traits_of(part)
        if traits.idle:
            return f"gives replicas to the side with more to do, and the {side} has nothing to do"
        if not traits.can_sleep:
            engine = f"engine.kind {traits.engine.kind}" if traits.engine else type(part).__name__
            return (
                f"needs engines that sleep, as vLLM's do on a GPU, and that of the {side} cannot: "
                f"{engine}{' on a CPU' if on_cpu(traits) else ''}"
            )
    return ""


def on_cpu(traits: Traits) -> bool:
    """Whether it has one engine, which would sleep elsewhere."""
    engine = traits.engine
    return not traits.within and engine is not None and Ability.SLEEP in engine.can
