"""One verification chain: written by the engine, read step by step, closed and read as a whole.

A chain ends at tokens only. The closing question as a stop string would end chains that ask it in
passing, and one that ends with it unclosed is cut there afterwards; so are steps beyond the last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from engines.engine import Engine, Finish, Generation, Refused, Request, Sampling
from engines.loop_guard import LoopGuard, loop_across
from scorers.continuing import NOTHING, Begun, Odds, silent
from scorers.log_odds import log_odds, log_sum
from scorers.prompt import VerifierPrompt
from scorers.readings import ChainReading
from scorers.verdict_ids import QUESTION, VerdictIds
from scorers.verdicts import ChainReader
from search.core import Spent
from search.seeds import call_seed

CUT = {
    Finish.LENGTH: "cut by the token limit before any verdict",
    Finish.LOOP: "stopped for repeating itself before any verdict",
    Finish.ABORT: "aborted by the engine",
}
"""The ways in which a chain is cut before its end, and what is said where nothing was read."""
SILENT = "went on from an earlier chain and judged no further step"

ASKED_ITSELF = re.compile(
    rf"\s{{0,8}}(?P<question>{re.escape(QUESTION)})[\s*]{{0,4}}(?:Yes|No)?\W{{0,4}}\Z",
    re.IGNORECASE,
)
"""The closing question at the end of a chain that never left its thinking."""


FALSE_HALTS = 3
"""So often a chain goes on after an `incorrect` that is no verdict; then that halts it no more."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a chain is to verify.

    `prompt` ends where the chain begins; `room` is how many tokens the chain may take; `steps` is
    how many steps the solution has, `labels` the highest step number that its text writes. `cache`
    names the prefix cache.
    """

    prompt: tuple[int, ...]
    room: int
    steps: int
    labels: int
    cache: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that was read. `prefix` holds the log-odds of Yes, that the whole prefix is right.

    `begun`: whether an earlier chain is its beginning. `ids` and `odds`: as it was written.
    """

    reading: ChainReading
    prefix: float
    spent: Spent
    begun: bool = False
    ids: tuple[int, ...] = ()
    odds: Odds = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A chain that came to nothing. `aborted` tells a fault of the engine from the model's."""

    reason: str
    spent: Spent
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A chain as it was written. `cut` is the finish of one that was cut before its end."""

    ids: tuple[int, ...]
    odds: Odds
    reading: ChainReading
    cut: Finish | None
    spent: Spent


@dataclass(frozen=True, slots=True)
class ChainVerifier:
    """Writes and reads chains.

    `min_mass` is the least P(Yes)+P(No) with which the closing question counts as answered.
    """

    engine: Engine
    prompt: VerifierPrompt
    reader: ChainReader
    verdict_ids: VerdictIds
    eos_ids: tuple[int, ...]
    top_p: float
    loop_guard: LoopGuard
    early_stop: bool
    min_mass: float

    async def verify(
        self, sheet: Sheet, temperature: float, seed: int, begun: Begun = NOTHING
    ) -> Chain | Unread | Refused:
        """Write one chain, after what is begun of it, and read it.

        One that says nothing beyond what was begun is not read: it went on from there to no end.
        """
        draft = await self._write(sheet, temperature, seed, begun)
        if isinstance(draft, Refused):
            return draft
        aborted = draft.cut is Finish.ABORT
        if draft.cut and (aborted or draft.reading.empty):
            return unread(CUT[draft.cut], draft.spent, aborted=aborted)
        if silent(draft.reading, begun):
            return unread(SILENT, draft.spent)
        return await self._answer(sheet, draft, begun)

    async def _write(
        self, sheet: Sheet, temperature: float, seed: int, begun: Begun
    ) -> Draft | Refused:
        """The chain up to its end, a limit, or the first step that it calls incorrect.

        The early stop ends it at the token `incorrect`. Where that turns out to be no verdict on a
        step, or one of which it is not sure yet on which, the chain goes on from there; after
        `FALSE_HALTS` of them the token stops it no more.
        """
        ids, odds, spent = begun.ids, begun.odds, Spent()
        halts_left = FALSE_HALTS if self.early_stop else 0
        while True:
            prompt, room = sheet.prompt + ids, sheet.room - len(ids)
            seed_here = call_seed(seed, len(ids))
            sampling = self._sampling(room, temperature, seed_here, halts=halts_left > 0)
            (written,) = await self.engine.generate([Request(prompt, sampling, sheet.cache)])
            if isinstance(written, Refused):
                return written
            begin = len(ids)
            ids += written.token_ids
            odds += written.logprobs
            spent += cost(written)
            halted = written.finish is Finish.STOP and ids[-1] in self.verdict_ids.halts
            cut = written.finish if written.finish in CUT else None
            if halted and len(ids) >= sheet.room:
                cut = Finish.LENGTH
            looped = None if cut is Finish.ABORT else self._loop_across(ids, begin)
            if looped is not None:
                ids, odds, cut = ids[:looped], odds[:looped], Finish.LOOP
            reading = self._read(sheet, ids, odds, cut)
            if cut or not halted or (reading.error is not None and reading.sure):
                return Draft(ids, odds, reading, cut, spent)
            halts_left -= 1

    def _loop_across(self, ids: tuple[int, ...], begin: int) -> int | None:
        """Where the chain loops over the border of two requests: the engine sees one of them."""
        guard = self.loop_guard
        return loop_across(ids, begin, guard.ngram, guard.repeats) if begin else None

    def _read(
        self,
        sheet: Sheet,
        ids: tuple[int, ...],
        odds: Odds,
        cut: Finish | None,
    ) -> ChainReading:
        return self.reader.read(
            ids,
            odds,
            sheet.steps,
            labels=sheet.labels,
            lead=self.prompt.lead,
            truncated=cut is not None,
            early_stop=self.early_stop,
        )

    def _sampling(self, room: int, temperature: float, seed: int, *, halts: bool) -> Sampling:
        incorrect = self.verdict_ids.halts if halts else ()
        return Sampling(
            max_tokens=room,
            temperature=temperature,
            top_p=self.top_p,
            seed=seed,
            stop_token_ids=(self.prompt.end_of_think, *self.eos_ids, *incorrect),
            logprob_ids=self.verdict_ids.step,
            loop_ngram=self.loop_guard.ngram,
            loop_repeats=self.loop_guard.repeats,
        )

    async def _answer(self, sheet: Sheet, draft: Draft, begun: Begun) -> Chain | Unread | Refused:
        """Have the closing question answered, by one token, and read the answer."""
        labels = self.verdict_ids.whole
        request = Request(
            sheet.prompt + self._closed(draft),
            Sampling(1, temperature=0.0, logprob_ids=labels, allowed_ids=labels),
            sheet.cache,
        )
        (answer,) = await self.engine.generate([request])
        if isinstance(answer, Refused):
            return answer
        spent = draft.spent + cost(answer)
        if answer.finish is Finish.ABORT:
            return unread(CUT[Finish.ABORT], spent, aborted=True)
        odds = log_odds(answer.logprobs[0], self.verdict_ids.yes, self.verdict_ids.no)
        if odds is None or math.exp(log_sum(answer.logprobs[0], labels)) < self.min_mass:
            return unread(f"neither Yes nor No at its end: P(Yes)+P(No) < {self.min_mass:g}", spent)
        ids = draft.ids[: draft.reading.tokens]
        return Chain(draft.reading, odds, spent, begun.steps > 0, ids, draft.odds)

    def _closed(self, draft: Draft) -> tuple[int, ...]:
        """The chain's tokens and the closing question, in the form that ThinkPRM was trained on.

        What is cut away before it is closed: the end of turn, a question that it asked itself
        without closing its thinking, and steps of its own invention.
        """
        ids = draft.ids[: draft.reading.tokens]
        if ids[-1:] == (self.prompt.end_of_think,):
            return ids + self.prompt.closing("", thought=True)
        if ids and ids[-1] in self.eos_ids:
            ids = ids[:-1]
        pieces = self.reader.pieces(ids)
        kept = len(pieces)
        if asked := ASKED_ITSELF.search("".join(pieces)):
            kept = tokens_before(pieces, asked.start(), asked.start("question"))
        # The text is that of the tokens that are kept: `}` and a newline are one token to Qwen.
        return ids[:kept] + self.prompt.closing("".join(pieces[:kept]), thought=False)


def tokens_before(pieces: Sequence[str], text_end: int, question: int) -> int:
    """How many tokens hold the text up to `text_end`, and nothing of what begins at `question`.

    Between the two lies white space, of which the last token that is kept may hold some.
    """
    starts = accumulate(map(len, pieces), initial=0)
    spans = pairwise(starts)
    return sum(start < text_end and end <= question for start, end in spans)


def unread(reason: str, spent: Spent, *, aborted: bool = False) -> Unread:
    """A chain that came to nothing: all that it generated counts as failed."""
    failed = Spent(spent.calls, spent.prompt, spent.cached, spent.generated, spent.generated)
    return Unread(reason, failed, aborted)


def cost(generation: Generation) -> Spent:
    """What one request cost."""
    return Spent(1, generation.prompt_tokens, generation.cached_tokens, len(generation.token_ids))
