"""ThinkPRM, a verifier that thinks: it writes a critique of each step before it judges it.

Khalifa et al., "Process Reward Models That Think" (arXiv 2504.16828), checkpoints
`launch/ThinkPRM-1.5B` and larger. The paper reads one probability from a chain, that of Yes to the
closing question; the step probabilities, from the boxed verdicts, are read here in the same pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engines.engine import Engine, EnginePort, Refused
from engines.tokenizer import Tokenizer, TokenizerError
from scorers.chain import Chain, ChainVerifier, Unread
from scorers.combining import combine, votes, with_further
from scorers.continuing import Begun, Continuing, attempts, is_rechecked
from scorers.drafts import Cues, Sheet
from scorers.inheriting import inherited
from scorers.prompt import VerifierPrompt, highest_label
from scorers.step_texts import step_texts
from scorers.verdict_ids import VerdictIds
from scorers.verdicts import ChainReader
from scorers.writing import ChainWriter
from search.core import ChainStart, Judgement, Origin, Prefix, Spent
from search.gather import gather
from search.ports import Failure, FailureKind, Further, ScorerCall, ScorerReply
from search.seeds import call_seed

if TYPE_CHECKING:
    from scorers.thinkprm_config import ThinkPrmConfig

CLOSING_ROOM = 4
"""Tokens kept free beyond the closing question: braces and newline before it, the answer after."""


class ThinkPrm(EnginePort):
    """Judges solutions with chains of one verifier model.

    Raises `UnfitTokenizer` when the model is no ThinkPRM.
    """

    def __init__(self, config: ThinkPrmConfig, engine: Engine, tokenizer: Tokenizer) -> None:
        verdict_ids = VerdictIds.of(tokenizer, config.model, variants=config.case_variants)
        super().__init__(engine)
        self._config = config
        self._prompt = VerifierPrompt(
            tokenizer, config.prefill, config.model, config.verifier_instruction
        )
        self._reserve = len(self._prompt.closing("", thought=False)) + CLOSING_ROOM
        reader = ChainReader(tokenizer, verdict_ids)
        self._continuing = Continuing(reader, verdict_ids, self._prompt.lead)
        writer = ChainWriter(
            engine,
            self._prompt,
            reader,
            verdict_ids,
            tokenizer.eos_ids,
            config.top_p,
            config.loop_guard,
            config.early_stop,
            self._cues(),
        )
        self._verifier = ChainVerifier(writer, config.min_mass)

    def _cues(self) -> Cues:
        """What bids a chain go on, for each further round and while it is too short."""
        config = self._config
        again = [self._prompt.cue(text) for text in config.again[: config.rounds - 1]]
        return Cues(tuple(again), self._prompt.cue(config.wait), config.min_tokens)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._judge(call) for call in batch)

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        if not call.path.steps:
            return Failure.about(call.path, FailureKind.INVALID, "it has no steps to judge")
        if is_rechecked(call, self._config.recheck_every, self._config.final):
            call = replace(call, earlier=None)
        if self._config.after_incorrect == "inherit" and (taken := inherited(call)):
            return ScorerReply(taken, Spent(), sampled=False)
        try:
            sheet = self._sheet(call)
        except TokenizerError as error:
            return Failure.about(call.path, FailureKind.INVALID, str(error))
        if sheet.room < 1:
            return Failure.about(call.path, FailureKind.INVALID, self._too_long(len(sheet.prompt)))
        if call.further:
            return await self._add_chain(call, sheet, call.further)
        return await self._verify(call, sheet)

    async def _verify(self, call: ScorerCall, sheet: Sheet) -> ScorerReply | Failure:
        unread: list[Unread] = []
        begun_with = self._begun(call, sheet, self._config.first_chains)
        for attempt, begun in attempts(begun_with, self._config.retries):
            written = await self._attempt(call, sheet, attempt, begun)
            if failure := failed(call.path, written.values()):
                return failure.after(total(unread))
            unread += [outcome for outcome in written.values() if isinstance(outcome, Unread)]
            if chains := {k: each for k, each in written.items() if isinstance(each, Chain)}:
                reply = self._reply(chains, unread)
                return replace(reply, sampled=self._is_sampled(attempt))
        judgement = Judgement.missing(why(unread))
        return ScorerReply(judgement, total(unread), self._is_sampled(self._config.retries))

    def _is_sampled(self, attempt: int) -> bool:
        """Whether chains were sampled, under the call's seed, up to this attempt."""
        return attempt > 0 or self._config.first_temperature > 0

    async def _add_chain(
        self, call: ScorerCall, sheet: Sheet, further: Further
    ) -> ScorerReply | Failure:
        """The judgement with one more chain; one that cannot be read leaves it as it was."""
        k = further.drawn
        begun = self._begun(call, sheet, k + 1)[k]
        written = await self._attempt(call, sheet, 0, {k: begun})
        if failure := failed(call.path, written.values()):
            return failure
        chain = written[k]
        assert not isinstance(chain, Refused)
        if isinstance(chain, Unread):
            return ScorerReply(further.judgement, chain.spent, self._is_sampled(0))
        config, known = self._config, further.judgement
        judgement = with_further(
            known, chain.reading, chain.prefix, config.combine, config.decision_temperature
        )
        if config.incremental:
            starts = (*known.starts, *[ChainStart()] * (k - len(known.starts)), self._start(chain))
            origin = Origin.INCREMENTAL if chain.begun else known.origin
            judgement = replace(judgement, origin=origin, starts=starts)
        return ScorerReply(judgement, chain.spent, self._is_sampled(0))

    def _begun(self, call: ScorerCall, sheet: Sheet, chains: int) -> list[Begun]:
        """What each of so many chains begins with: nothing, or what it goes on from."""
        earlier = call.earlier if self._config.incremental else None
        return self._continuing.all_begun(earlier, call.path, chains, sheet.room)

    def _reply(self, chains: Mapping[int, Chain], unread: Sequence[Unread]) -> ScorerReply:
        """The judgement of the chains that were read; the others are paid for as well."""
        config, read = self._config, list(chains.values())
        readings, prefixes = [chain.reading for chain in read], [chain.prefix for chain in read]
        judgement = combine(readings, prefixes, config.combine, config.decision_temperature)
        if config.incremental:
            origin = Origin.INCREMENTAL if any(chain.begun for chain in read) else Origin.WHOLE
            starts = tuple(self._start(chains.get(k)) for k in range(config.first_chains))
            judgement = replace(judgement, origin=origin, starts=starts)
        if config.traits.chains:
            judgement = replace(judgement, votes=votes(readings, prefixes))
        return ScorerReply(judgement, total([*read, *unread]))

    def _start(self, chain: Chain | None) -> ChainStart:
        """What a longer path's chain may begin with; nothing of one that could not be read."""
        if chain is None:
            return ChainStart()
        return self._continuing.start(
            chain.ids, chain.odds, chain.reading, chain.shown, chain.given
        )

    def _sheet(self, call: ScorerCall, shown: int = 0, judged: int = 0) -> Sheet:
        """What is to be verified.

        Where a prompt is kept that shows the first `shown` steps, those that no verdict of the
        chain is on yet, after the first `judged`, are put into the chain.
        """
        question = call.path.problem.question
        written = [step.text for step in call.path.steps]
        texts = step_texts(self._config.steps, question, written, self._config.option_base)
        prompt = self._prompt.ids(question, texts[:shown] if shown else texts)
        free = self.engine.max_model_len - len(prompt) - self._reserve
        room = min(self._config.max_tokens, free)
        kept = (shown or len(texts)) if self._config.keep_prompt else 0
        given = tuple(texts[judged:]) if shown else ()
        labels = highest_label(texts)
        return Sheet(prompt, room, free, len(texts), labels, call.cache, kept, given)

    async def _attempt(
        self, call: ScorerCall, sheet: Sheet, attempt: int, begun: Mapping[int, Begun]
    ) -> dict[int, Chain | Unread | Refused]:
        config = self._config
        temperature = config.retry_temperature if attempt else config.first_temperature
        sheets = {
            k: self._sheet(call, each.shown, each.steps) if each.shown else sheet
            for k, each in begun.items()
        }
        written = await gather(
            self._verifier.verify(
                sheets[k], temperature, call_seed(call.seed, attempt, k), begun[k]
            )
            for k in begun
        )
        return dict(zip(begun, written, strict=True))

    def _too_long(self, prompt: int) -> str:
        return (
            f"its verification prompt has {prompt} tokens and the verifier's context "
            f"{self.engine.max_model_len}: raise scorer.engine.max_model_len or shorten the steps"
        )


def failed(path: Prefix, outcomes: Iterable[Chain | Unread | Refused]) -> Failure | None:
    """Why there is no judgement, where the engine is to blame and not the model."""
    listed = list(outcomes)
    if refused := [outcome for outcome in listed if isinstance(outcome, Refused)]:
        told = min(refused, key=lambda refusal: refusal.again)
        kind = FailureKind.UNAVAILABLE if told.again else FailureKind.INVALID
        return Failure.about(path, kind, told.message, total(listed))
    if any(isinstance(outcome, Unread) and outcome.aborted for outcome in listed):
        # No fault of the model's: fewer chains, or warmer ones, would be another judgement.
        message = "a verification chain was aborted by the engine"
        return Failure.about(path, FailureKind.UNAVAILABLE, message, total(listed))
    return None


def total(chains: Iterable[Chain | Unread | Refused]) -> Spent:
    """What all of them cost."""
    return sum((chain.spent for chain in chains), Spent())


def why(unread: Sequence[Unread]) -> str:
    """Why no chain could be read, in one line."""
    counts = Counter(chain.reason for chain in unread)
    reasons = "; ".join(f"{reason} ({count})" for reason, count in counts.items())
    return f"none of {len(unread)} verification chains could be read: {reasons}"
