"""Discriminative process reward models: a number on every step in one pass, nothing is written.

Lightman et al. (arXiv 2305.20050), Wang et al., Math-Shepherd (arXiv 2312.08935), Zhang et al.,
Qwen2.5-Math-PRM (arXiv 2501.07301). How a family is shown a solution: `scorers.prm_families`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engines.engine import Refused, Served
from engines.tokenizer import TokenizerError
from scorers.log_odds import probability
from scorers.prm_families import CANNOT_JUDGE, Prepared, UnfitModel
from scorers.prm_readers import HeadReader, Read, Reader, WordReader
from scorers.step_texts import step_texts
from scorers.whole import whole
from search.core import Judgement, Missing, Origin, Spent, StepVerdict, VerdictStatus
from search.gather import gather
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply

if TYPE_CHECKING:
    from scorers.prm_config import PrmConfig

UNREAD = StepVerdict(None, VerdictStatus.MISSING)
LAST_ROOM = 1
"""Tokens that an engine that generates needs beyond the prompt."""


class Prm(Served):
    """Judges the steps of a path with one model."""

    def __init__(
        self, config: PrmConfig, prepared: Prepared, reader: HeadReader | WordReader
    ) -> None:
        super().__init__(reader.engine)
        self.config = config
        self._prompting = prepared.prompting
        self._reader: Reader = reader
        self._longest = reader.engine.max_model_len - (0 if config.of.head else LAST_ROOM)

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._judge(call) for call in batch)

    async def try_out(self) -> None:
        """Read one step.

        Raises `EngineError` where the model's head is another, `TokenizerError` where it cannot be
        shown a step, or cannot judge it.
        """
        read = await self._reader.read(self._prompting.prompts("1 + 1 = ?", ["1 + 1 = 2"]), "")
        if isinstance(read, Refused) and not read.again:
            raise UnfitModel(
                f"{self.config.model} cannot judge a step: {read.message}", CANNOT_JUDGE
            )

    async def _judge(self, call: ScorerCall) -> ScorerReply | Failure:
        path = call.path
        if not path.steps:
            return Failure.about(path, FailureKind.INVALID, "it has no steps to judge")
        known = read_before(call) if self.config.incremental else ()
        if len(known) == len(path.steps):
            return ScorerReply(self._judgement(known, len(known)), Spent(), sampled=False)
        read = await self._read(call, len(known))
        if isinstance(read, Refused):
            kind = FailureKind.UNAVAILABLE if read.again else FailureKind.INVALID
            return Failure.about(path, kind, read.message, read.spent)
        verdicts, spent = (*known, *map(verdict, read.odds)), read.spent
        judgement = self._judgement(verdicts, len(known))
        if isinstance(judgement.prefix, Missing):
            spent = spent.as_failed()
        return ScorerReply(judgement, spent, sampled=False)

    async def _read(self, call: ScorerCall, known: int) -> Read | Refused:
        """What is said of the steps after the first `known`."""
        config, path = self.config, call.path
        question, written = path.problem.question, [step.text for step in path.steps]
        try:
            texts = step_texts(config.steps, question, written, config.option_base)
            prompts = self._prompting.prompts(question, texts)
        except TokenizerError as error:
            return Refused(str(error))
        if (longest := len(prompts[-1])) > self._longest:
            return Refused(
                f"its prompt has {longest} tokens and the verifier takes {self._longest}: raise "
                "scorer.engine.max_model_len, as far as the model goes"
            )
        return await self._reader.read(prompts[known:], call.cache)

    def _judgement(self, verdicts: tuple[StepVerdict, ...], known: int) -> Judgement:
        """Of all steps; where one could not be read nothing is known of the whole."""
        read = [each.probability for each in verdicts if each.probability is not None]
        if len(read) < len(verdicts):
            return Judgement.missing("the model gives neither verdict any probability")
        origin = Origin.INCREMENTAL if known else Origin.WHOLE
        return Judgement(verdicts, whole(read, self.config.prefix), chains=1, origin=origin)


def read_before(call: ScorerCall) -> tuple[StepVerdict, ...]:
    """The verdicts of the first steps that an earlier judged path begins with, too."""
    earlier = call.earlier
    return earlier.judgement.verdicts[: earlier.shared(call.path)] if earlier else ()


def verdict(odds: float | None) -> StepVerdict:
    """Of one step."""
    return UNREAD if odds is None else StepVerdict(probability(odds), VerdictStatus.READ)
