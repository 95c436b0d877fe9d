"""Further verification chains, for the paths of one question whose place is contested.

They are asked for when all first replies to the question are there, one for each contested path at
a time, and each is a call and a reply of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.calls import Calls
from search.contest import Contest
from search.core import Judgement, Prefix, Spent
from search.flow_history import FlowHistory
from search.ports import Earlier, Further, ScorerReply


@dataclass
class Standing:
    """How a path stands: its judgement, of how many chains, and what they cost the flow."""

    name: str
    path: Prefix
    earlier: Earlier | None
    judgement: Judgement
    spent: Spent
    drawn: int


@dataclass(frozen=True, slots=True)
class FurtherChains:
    """Asks for further chains on behalf of a flow."""

    calls: Calls
    contest: Contest

    async def judged(
        self,
        asked: Sequence[tuple[Prefix, Earlier | None]],
        replies: Sequence[ScorerReply],
        history: FlowHistory,
        told: Sequence[int] | None = None,
    ) -> list[ScorerReply]:
        """The replies to one question once no place is contested any more.

        `told`, for a replay: of how many chains each judgement was, 0 for the least. What the flow
        has asked of a path before, it begins with.
        """
        standings = [
            Standing(
                self.calls.name(path, earlier),
                path,
                earlier,
                reply.judgement,
                reply.spent,
                self.contest.chains.least,
            )
            for (path, earlier), reply in zip(asked, replies, strict=True)
        ]
        goals = told or [history.drawn.get(each.name, 0) for each in standings]
        while behind := [
            each
            for each, goal in zip(standings, goals, strict=True)
            if each.drawn < goal and each.judgement.chains
        ]:
            await self._one_more(behind, history)
        while told is None and (contested := self._contested(standings)):
            await self._one_more(contested, history)
        for each in standings:
            history.drawn[each.name] = max(each.drawn, history.drawn.get(each.name, 0))
        return [ScorerReply(each.judgement, each.spent) for each in standings]

    def _contested(self, standings: Sequence[Standing]) -> list[Standing]:
        """Those that one more chain is worth."""
        names = self.contest.contested(
            [each.name for each in standings], [each.judgement for each in standings]
        )
        most = self.contest.chains.most
        return [
            each
            for each in standings
            if each.name in names and each.drawn < most and each.judgement.chains
        ]

    async def _one_more(self, standings: Sequence[Standing], history: FlowHistory) -> None:
        """One more chain for each."""
        wanted = [
            (each.path, each.earlier, Further(each.drawn, each.judgement)) for each in standings
        ]
        replies = await self.calls.judge_all(wanted, history.charged)
        for each, reply in zip(standings, replies, strict=True):
            each.judgement, each.drawn = reply.judgement, each.drawn + 1
            each.spent += reply.spent
