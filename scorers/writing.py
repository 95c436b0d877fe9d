"""How a chain is written: pass by pass, each to where the verifier would end it.

Sequential scaling bids a chain verify again, in R rounds, as ThinkPRM's authors do (Khalifa et al.,
arXiv 2504.16828); budget forcing has a short one go on (Muennighoff et al., arXiv 2501.19393). For
both the end is taken away, the line is ended, and a cue stands in its place. A pass that adds
nothing is forgotten, with its cue.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from engines.engine import Engine, Finish, Refused, Request, Sampling
from engines.loop_guard import LoopGuard, loop_across
from scorers.continuing import Begun
from scorers.continuing import cut as cut_after
from scorers.drafts import Cues, Draft, Sheet, Written, limit
from scorers.prompt import VerifierPrompt
from scorers.readings import BoxedVerdict, ChainReading
from scorers.verdict_ids import QUESTION, VerdictIds
from scorers.verdicts import ChainReader
from search.seeds import call_seed

CUTS = frozenset({Finish.LENGTH, Finish.LOOP, Finish.ABORT})
"""The ways in which a chain is cut before its end."""

ASKED_ITSELF = re.compile(
    rf"\s{{0,8}}(?P<question>{re.escape(QUESTION)})[\s*]{{0,4}}(?:Yes|No)?\W{{0,4}}\Z",
    re.IGNORECASE,
)
"""The closing question at the end of a chain that never left its thinking."""


FALSE_HALTS = 3
"""So often a pass goes on after an `incorrect` that is no verdict; then that halts it no more."""


@dataclass(frozen=True, slots=True)
class ChainWriter:
    """Writes chains."""

    engine: Engine
    prompt: VerifierPrompt
    reader: ChainReader
    verdict_ids: VerdictIds
    eos_ids: tuple[int, ...]
    top_p: float
    loop_guard: LoopGuard
    early_stop: bool
    cues: Cues

    async def write(
        self, sheet: Sheet, temperature: float, seed: int, begun: Begun
    ) -> Draft | Refused:
        """All rounds of a chain, the last as long as it must be; or up to where it is cut."""
        written = Written(begun.ids, begun.odds, shown=begun.shown, given=begun.given)
        if sheet.given:
            return await self._step_by_step(sheet, written, temperature, seed)
        draft: Draft | Refused
        if begun.steps == sheet.steps:
            draft = Draft(written, self._read(sheet, written, None), None)
        else:
            draft = await self._pass(sheet, written, temperature, seed)
        for cue in self.cues.again:
            draft = await self._further(sheet, draft, cue, temperature, seed, anew=True)
        while isinstance(draft, Draft) and len(self.bare(draft)[0]) < self.cues.min_tokens:
            more = await self._further(sheet, draft, self.cues.wait, temperature, seed, anew=False)
            if isinstance(more, Draft) and more.written.ids == draft.written.ids:
                return more
            draft = more
        return draft

    async def _step_by_step(
        self, sheet: Sheet, written: Written, temperature: float, seed: int
    ) -> Draft | Refused:
        """The chain into which each further step is put, up to the verdict on the last of them.

        Up to an earlier one that is *incorrect*, or that the chain does not judge.
        """
        cut: Finish | None = None
        for number, text in enumerate(sheet.given, sheet.steps - len(sheet.given) + 1):
            written = self._given(written, number, text)
            if len(written.ids) >= limit(sheet, written):
                cut = Finish.LENGTH
                break
            part = replace(sheet, steps=number, labels=0)
            draft = await self._pass(part, written, temperature, seed, to_verdict=True)
            if isinstance(draft, Refused):
                return draft
            written, cut = draft.written, draft.cut
            if cut is Finish.ABORT or not called_correct(draft.reading):
                break
            kept = self._to_verdict(written, number)
            if kept is None:
                break
            written, cut = kept, None
        return Draft(written, self._read(sheet, written, cut), cut)

    def _to_verdict(self, written: Written, steps: int) -> Written | None:
        """The chain up to the word of its verdict on the last of so many steps.

        None where it takes one on an earlier step back.
        """
        judged, tokens = cut_after(self._verdicts(written, steps), steps)
        if judged < steps:
            return None
        return replace(written, ids=written.ids[:tokens], odds=written.odds[:tokens])

    def _is_sure(self, sheet: Sheet, written: Written) -> bool:
        r"""Whether nothing that follows could show that the last verdict is none, or is elsewhere.

        "I say whether it is `\boxed{correct}` or `\boxed{incorrect}`" is talk.
        """
        return self._verdicts(written, sheet.steps)[-1].sure

    def _verdicts(self, written: Written, steps: int) -> list[BoxedVerdict]:
        """All verdicts in a chain about so many steps."""
        parts = self.reader.of_parts(
            written.ids,
            written.odds,
            steps,
            self.prompt.lead,
            given=written.given,
            shown=written.shown,
        )
        return list(parts)

    def _given(self, written: Written, number: int, text: str) -> Written:
        """The chain with a step put into it."""
        chain = "".join(self.reader.pieces(written.ids))
        step = self.prompt.given(chain, number, text)
        unknown: Mapping[int, float] = dict.fromkeys(self.verdict_ids.step, -math.inf)
        odds = written.odds + (unknown,) * len(step)
        ids = written.ids + step
        given = (*written.given, (len(written.ids), len(ids)))
        return replace(written, ids=ids, odds=odds, given=given)

    async def _further(
        self,
        sheet: Sheet,
        draft: Draft | Refused,
        cue: tuple[int, ...],
        temperature: float,
        seed: int,
        *,
        anew: bool,
    ) -> Draft | Refused:
        """The chain with one more pass, in a round of its own (`anew`) or in the last one.

        It stays as it was where it was cut, where there is no room, and where nothing is added.
        """
        if isinstance(draft, Refused) or draft.cut:
            return draft
        bidden = self._bidden(draft, cue, anew=anew)
        if len(bidden.ids) >= limit(sheet, bidden):
            return draft
        more = await self._pass(sheet, bidden, temperature, seed)
        if isinstance(more, Refused) or more.cut:
            return more
        added = self.bare(more)[0][len(bidden.ids) :]
        if "".join(self.reader.pieces(added)).strip():
            return more
        return replace(draft, written=replace(draft.written, spent=more.written.spent))

    def _bidden(self, draft: Draft, cue: tuple[int, ...], *, anew: bool) -> Written:
        """The chain without its end, its last line ended, and the cue."""
        kept, text = self.bare(draft)
        said = self.prompt.lead + text
        line = self.prompt.line_end(said) if said else ()
        unknown: Mapping[int, float] = dict.fromkeys(self.verdict_ids.step, -math.inf)
        odds = draft.written.odds[: len(kept)] + (unknown,) * len(line + cue)
        mark = (len(kept + line),)
        rounds = draft.written.rounds + (mark if anew else ())
        passes = draft.written.passes + mark
        ids, spent = kept + line + cue, draft.written.spent
        return replace(draft.written, ids=ids, odds=odds, rounds=rounds, passes=passes, spent=spent)

    async def _pass(
        self,
        sheet: Sheet,
        written: Written,
        temperature: float,
        seed: int,
        *,
        to_verdict: bool = False,
    ) -> Draft | Refused:
        """The chain up to its end, a limit, or the first step that this pass calls incorrect.

        Or, with `to_verdict`, up to any verdict on the last step.

        The early stop ends it at the token `incorrect`. Where that turns out to be no verdict on a
        step, or one of which it is not sure yet on which, the chain goes on from there; after
        `FALSE_HALTS` of them the token stops it no more.
        """
        halts_left = FALSE_HALTS if self.early_stop else 0
        while True:
            begin = len(written.ids)
            room = limit(sheet, written) - begin
            halts = self._halts(to_verdict) if halts_left else ()
            sampling = self._sampling(room, temperature, call_seed(seed, begin), halts)
            request = Request(sheet.prompt + written.ids, sampling, sheet.cache)
            (answer,) = await self.engine.generate([request])
            if isinstance(answer, Refused):
                return answer.after(written.spent)
            written = replace(
                written,
                ids=written.ids + answer.token_ids,
                odds=written.odds + answer.logprobs,
                spent=written.spent + answer.spent,
            )
            halted = answer.finish is Finish.STOP and written.ids[-1] in halts
            cut = answer.finish if answer.finish in CUTS else None
            if halted and len(written.ids) >= limit(sheet, written):
                cut = Finish.LENGTH
            looped = None if cut is Finish.ABORT else self._loop_across(written, begin)
            if looped is not None:
                written = replace(written, ids=written.ids[:looped], odds=written.odds[:looped])
                cut = Finish.LOOP
            reading = self._read(sheet, written, cut)
            judged = to_verdict and called_correct(reading) and self._is_sure(sheet, written)
            if cut or not halted or judged or (reading.error is not None and reading.sure):
                return Draft(written, reading, cut)
            halts_left -= 1

    def _loop_across(self, written: Written, begin: int) -> int | None:
        """Where a round loops over the border of two requests: the engine sees one of them.

        A step that was put into it may repeat itself: that is no loop of the verifier's.
        """
        guard = self.loop_guard
        start = max(written.rounds[-1], written.given[-1][1] if written.given else 0)
        if begin == start:
            return None
        looped = loop_across(written.ids[start:], begin - start, guard.ngram, guard.repeats)
        return None if looped is None else start + looped

    def _read(self, sheet: Sheet, written: Written, cut: Finish | None) -> ChainReading:
        return self.reader.read(
            written.ids,
            written.odds,
            sheet.steps,
            labels=sheet.labels,
            lead=self.prompt.lead,
            truncated=cut is not None,
            early_stop=self.early_stop,
            rounds=written.rounds,
            passes=written.passes,
            given=written.given,
            shown=written.shown,
        )

    def _halts(self, to_verdict: bool) -> tuple[int, ...]:
        """The tokens that end a pass; *correct* as it was trained, for prose is full of others."""
        trained = self.verdict_ids.correct[:1]
        whole = to_verdict and self.reader.pieces(trained) == ["correct"]
        return self.verdict_ids.halts + (trained if whole else ())

    def _sampling(
        self, room: int, temperature: float, seed: int, halts: tuple[int, ...]
    ) -> Sampling:
        return Sampling(
            max_tokens=room,
            temperature=temperature,
            top_p=self.top_p,
            seed=seed,
            stop_token_ids=(self.prompt.end_of_think, *self.eos_ids, *halts),
            logprob_ids=self.verdict_ids.step,
            loop_ngram=self.loop_guard.ngram,
            loop_repeats=self.loop_guard.repeats,
        )

    def thought(self, draft: Draft) -> bool:
        """Whether a chain ended its thinking."""
        return draft.ids[-1:] == (self.prompt.end_of_think,)

    def bare(self, draft: Draft) -> tuple[tuple[int, ...], str]:
        """The tokens of a chain without its end, and their text.

        Cut away are the end of thinking or of turn, a question that it asked itself without closing
        its thinking, and steps of its own invention.
        """
        ids, thought = draft.ids, self.thought(draft)
        if thought or (ids and ids[-1] in self.eos_ids):
            ids = ids[:-1]
        pieces = self.reader.pieces(ids)
        kept = len(pieces)
        if not thought and (asked := ASKED_ITSELF.search("".join(pieces))):
            kept = tokens_before(pieces, asked.start(), asked.start("question"))
        # The text is that of the tokens that are kept: `}` and a newline are one token to Qwen.
        return ids[:kept], "".join(pieces[:kept])


def called_correct(reading: ChainReading) -> bool:
    """Whether the last step of what was read has a verdict, and it is *correct*."""
    return reading.error is None and reading.steps[-1].log_odds is not None


def tokens_before(pieces: Sequence[str], text_end: int, question: int) -> int:
    """How many tokens hold the text up to `text_end`, and nothing of what begins at `question`.

    Between the two lies white space, of which the last token that is kept may hold some.
    """
    starts = accumulate(map(len, pieces), initial=0)
    spans = pairwise(starts)
    return sum(start < text_end and end <= question for start, end in spans)
