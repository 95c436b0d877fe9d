"""An outcome reward model: one number for a finished solution, by a classifying head.

Cobbe et al., "Training Verifiers to Solve Math Word Problems" (arXiv 2110.14168).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engines.checkpoint import generator
from engines.config import Ability, EngineConfig
from engines.engine import EngineError, Refused, Served
from engines.scoring import Head, ScoreRequest, Scores, ScoringEngine
from engines.tokenizer import Tokenizer, TokenizerError
from engines.traits import Judges, Traits
from engines.vllm_config import VllmConfig
from scorers.log_odds import probability
from scorers.prm_families import CANNOT_JUDGE, UnfitModel
from scorers.prm_readers import odds_of
from search.checks import UNCOUNTED, check_cache, check_choice, fault
from search.core import Judgement, Prefix, Spent
from search.findings import UNMEASURED, Finding, fail, ok
from search.gather import gather
from search.ports import Failure, FailureKind, ScorerCall, ScorerReply

CLASSES = (1, 2)
NO_HEAD = "a reward model has a head that gives numbers, …ForSequenceClassification say"


@dataclass(frozen=True)
class OrmConfig:
    """An outcome reward model: one number for a finished solution, and none for its steps.

    It is shown a chat, the problem in the user's turn and the solution in the assistant's, and read
    at the last token. A head of one number is the log-odds of *correct*, one of two is the logits
    of incorrect and correct.
    """

    model: str
    """The checkpoint that judges: a folder, or a name on the Hugging Face hub."""
    engine: EngineConfig = field(default_factory=VllmConfig)
    """How the model is run."""
    head: Literal["text", "tokens"] = "text"
    """What the head is on: `text`, as of `…ForSequenceClassification`; `tokens`, as of
    `Qwen2ForRewardModel`, of which the last one is read."""
    system_prompt: str | None = None
    """The system turn; `null` leaves it to the chat template, which may have its own."""
    tail: str = ""
    """What its chat template writes after the end of a turn, where the model was trained to be read
    behind it: `"\\n"` for ChatML."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise fault("model", self.model, "a folder or a model name")
        check_choice("head", self.head, list(Head))
        check_cache("cache", self.cache)

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=frozenset({Ability.TOKEN_IDS, Ability.HEADS}),
            most_tokens=0,
            judges=Judges.OUTCOME,
            cache=self.cache,
            repeatable=not self.engine.remote,
        )

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        tokenizer = yield from self.engine.examine("scorer", self.model)
        if name := generator(self.model):
            yield fail("verifier head", f"{self.model}: {name} writes text", NO_HEAD)
        if tokenizer is None:
            return
        if not questions:
            yield ok("scorer prompt", UNMEASURED)
            return
        most = len(prompt_of(self, tokenizer, max(questions, key=len), "?"))
        yield self.engine.fits("scorer prompt", self.model, most, 0)


class Orm(Served):
    """Judges finished solutions as a whole."""

    def __init__(self, config: OrmConfig, engine: ScoringEngine, tokenizer: Tokenizer) -> None:
        super().__init__(engine)
        self.config = config
        self._engine = engine
        self._tokenizer = tokenizer

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """`replies[i]` answers `batch[i]`. Raises `EngineError` when the engine is dead."""
        return await gather(self._judge(call.path, call.cache) for call in batch)

    async def try_out(self) -> None:
        """Score one solution.

        Raises `EngineError` where the head has other numbers, `UnfitModel` where it gives none.
        """
        found = await self._score("1 + 1 = ?", "2", "")
        if isinstance(found, Refused) and not found.again:
            told = f"{self.config.model} cannot judge a solution: {found.message}"
            raise UnfitModel(told, CANNOT_JUDGE)

    async def _judge(self, path: Prefix, cache: str) -> ScorerReply | Failure:
        if not path.finished:
            message = "it is unfinished, this scorer judges ends"
            return Failure.about(path, FailureKind.INVALID, message)
        try:
            scores = await self._score(path.problem.question, path.text, cache)
        except TokenizerError as error:
            return Failure.about(path, FailureKind.INVALID, str(error))
        if isinstance(scores, Refused):
            kind = FailureKind.UNAVAILABLE if scores.again else FailureKind.INVALID
            return Failure.about(path, kind, scores.message, scores.spent)
        odds = odds_of(scores.rows[-1])
        judgement = (
            Judgement.missing("the head gives no number")
            if odds is None
            else Judgement((), probability(odds), chains=1)
        )
        spent = Spent(1, scores.prompt_tokens, scores.cached_tokens)
        return ScorerReply(judgement, spent, sampled=False)

    async def _score(self, question: str, solution: str, cache: str) -> Scores | Refused:
        prompt = prompt_of(self.config, self._tokenizer, question, solution)
        positions = (len(prompt) - 1,) if self.config.head == "tokens" else ()
        (scores,) = await self._engine.score([ScoreRequest(prompt, positions, cache)])
        if isinstance(scores, Scores) and len(scores.rows[-1]) not in CLASSES:
            raise EngineError(
                f"{self.config.model}: its head gives {len(scores.rows[-1])} numbers, an outcome "
                "reward model's 1 or 2"
            )
        return scores


def prompt_of(
    config: OrmConfig, tokenizer: Tokenizer, question: str, solution: str
) -> tuple[int, ...]:
    """The whole chat, up to the end of the assistant's turn and the tail."""
    system = [] if config.system_prompt is None else [("system", config.system_prompt)]
    turns = [{"role": role, "content": said} for role, said in (*system, ("user", question))]
    said = tokenizer.encode(solution.strip())
    return (*tokenizer.chat(turns), *said, *tokenizer.eos_ids[:1], *tokenizer.encode(config.tail))


async def build(config: OrmConfig) -> Orm:
    """Load the tokenizer, start the engine, and score one solution to see that the model is fit.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint, or one without a head.
        EngineError: the engine does not start, or its model has another head.
    """
    tokenizer, engine = await config.engine.open_scoring(config.model, Head(config.head))
    port = Orm(config, engine, tokenizer)
    try:
        await port.try_out()
    except (EngineError, TokenizerError):
        await port.close()
        raise
    return port
