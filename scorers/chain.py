"""One verification chain: written by the engine, read step by step, closed and read as a whole.

A chain ends at tokens only. The closing question as a stop string would end chains that ask it in
passing, and one that ends with it unclosed is cut there afterwards; so are steps beyond the last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engines.engine import Finish, Refused, Request, Sampling
from scorers.continuing import NOTHING, Begun, Odds, Spans, loses, silent
from scorers.drafts import Draft, Sheet
from scorers.log_odds import log_odds, log_sum
from scorers.readings import ChainReading
from scorers.writing import ChainWriter
from search.core import Spent

CUT = {
    Finish.LENGTH: "cut by the token limit before any verdict",
    Finish.LOOP: "stopped for repeating itself before any verdict",
    Finish.ABORT: "aborted by the engine",
}
"""What is said of a chain that was cut before its end where nothing was read."""
SILENT = "went on from an earlier chain and did not judge what is new"
LOST = "went on from an earlier chain in a way that leaves no verdict on what that had judged"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that was read. `prefix` holds the log-odds of Yes, that the whole prefix is right.

    `begun`: whether an earlier chain is its beginning. `ids` and `odds`: its first pass as it was
    written. `shown` as in `Sheet`, `given` as in `ChainStart`.
    """

    reading: ChainReading
    prefix: float
    spent: Spent
    begun: bool = False
    ids: tuple[int, ...] = ()
    odds: Odds = ()
    shown: int = 0
    given: Spans = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A chain that came to nothing. `aborted` tells a fault of the engine from the model's."""

    reason: str
    spent: Spent
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class ChainVerifier:
    """Writes and reads chains.

    `min_mass` is the least P(Yes)+P(No) with which the closing question counts as answered.
    """

    writer: ChainWriter
    min_mass: float

    async def verify(
        self, sheet: Sheet, temperature: float, seed: int, begun: Begun = NOTHING
    ) -> Chain | Unread | Refused:
        """Write one chain, after what is begun of it, and read it.

        One that does not judge what is new is not read: it went on from there to no end. Nor is
        one of which what it began with is not read any more.
        """
        draft = await self.writer.write(sheet, temperature, seed, begun)
        if isinstance(draft, Refused):
            return draft
        aborted = draft.cut is Finish.ABORT
        spent = draft.written.spent
        if draft.cut and (aborted or draft.reading.empty):
            return unread(CUT[draft.cut], spent, aborted=aborted)
        if silent(draft.reading, begun):
            return unread(SILENT, spent)
        if loses(draft.reading, begun):
            return unread(LOST, spent)
        return await self._answer(sheet, draft, begun)

    async def _answer(self, sheet: Sheet, draft: Draft, begun: Begun) -> Chain | Unread | Refused:
        """Have the closing question answered, by one token, and read the answer."""
        writer, written = self.writer, draft.written
        labels = writer.verdict_ids.whole
        request = Request(
            sheet.prompt + self._closed(draft),
            Sampling(1, temperature=0.0, logprob_ids=labels, allowed_ids=labels),
            sheet.cache,
        )
        (answer,) = await writer.engine.generate([request])
        if isinstance(answer, Refused):
            return answer.after(written.spent)
        spent = written.spent + answer.spent
        if answer.finish is Finish.ABORT:
            return unread(CUT[Finish.ABORT], spent, aborted=True)
        if not answer.logprobs:
            return unread("no answer to the closing question", spent)
        odds = log_odds(answer.logprobs[0], writer.verdict_ids.yes, writer.verdict_ids.no)
        if odds is None or math.exp(log_sum(answer.logprobs[0], labels)) < self.min_mass:
            return unread(f"neither Yes nor No at its end: P(Yes)+P(No) < {self.min_mass:g}", spent)
        ids = draft.ids[: written.passes[1]] if len(written.passes) > 1 else draft.ids
        begun_so, given = begun.steps > 0, written.given
        return Chain(draft.reading, odds, spent, begun_so, ids, written.odds, sheet.shown, given)

    def _closed(self, draft: Draft) -> tuple[int, ...]:
        """The chain's tokens and the closing question, in the form that ThinkPRM was trained on."""
        if self.writer.thought(draft):
            return draft.ids + self.writer.prompt.closing("", thought=True)
        ids, text = self.writer.bare(draft)
        return ids + self.writer.prompt.closing(text, thought=False)


def unread(reason: str, spent: Spent, *, aborted: bool = False) -> Unread:
    """A chain that came to nothing: all that it generated counts as failed."""
    return Unread(reason, spent.as_failed(), aborted)
