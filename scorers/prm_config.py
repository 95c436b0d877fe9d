"""The configuration of a discriminative process reward model, and how one is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engines.config import Ability, EngineConfig
from engines.engine import EngineError
from engines.scoring import Head
from engines.tokenizer import Tokenizer, TokenizerError
from engines.traits import Judges, Traits
from engines.vllm_config import VllmConfig
from scorers.prm import LAST_ROOM, Prm
from scorers.prm_families import FAMILIES, Family, Prepared
from scorers.prm_readers import HeadReader, WordReader
from scorers.step_texts import STEPS, Steps
from scorers.whole import Whole
from search.checks import UNCOUNTED, check_cache, check_choice, fault
from search.findings import UNMEASURED, Finding, fail, ok
from search.ports import Closing

FamilyName: TypeAlias = Literal["qwen_math", "skywork", "math_shepherd", "rlhflow"]
Making: TypeAlias = Callable[[Prepared], HeadReader | WordReader]


@dataclass(frozen=True)
class PrmConfig:
    """A discriminative process reward model: a number on every step, read in one pass."""

    model: str
    """The checkpoint that judges: a folder, or a name on the Hugging Face hub."""
    family: FamilyName
    """How it is shown a solution, and read: `qwen_math` (Qwen2.5-Math-PRM: a tag after each step,
    two classes), `skywork` (Skywork-o1-Open-PRM: a line for each step, one number),
    `math_shepherd` (numbered steps that end with `ки`, then `+` or `-`), `rlhflow` (a chat that
    answers each step with `+` or `-`)."""
    engine: EngineConfig = field(default_factory=VllmConfig)
    """How the model is run."""
    prefix: Whole = "last"
    """What a whole path gets: the `last` step's probability, the `min` over steps or their
    `product`."""
    incremental: bool = True
    """A search asks about new steps only; what was read of the steps before them stays, for they
    are read with nothing behind them in view."""
    steps: Steps = "as_written"
    """As of `thinkprm`: `as_written`, or `untagged`, without the tags of a structured response."""
    option_base: int = 0
    """`untagged` only: the number of the first option, 0 or 1; write `${grading.option_base}`."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where judgements are kept, so that none is made twice: `off`; `run`, in memory while the run
    is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise fault("model", self.model, "a folder or a model name")
        check_choice("family", self.family, FamilyName)
        check_choice("prefix", self.prefix, Whole)
        check_choice("steps", self.steps, STEPS)
        check_cache("cache", self.cache)
        if self.option_base not in (0, 1):
            raise fault("option_base", self.option_base, "0 or 1")

    @property
    def of(self) -> Family:
        """The family's entry."""
        return FAMILIES[self.family]

    @property
    def traits(self) -> Traits:
        """See `engines.traits`. A model without a head generates one token for each step."""
        way = Ability.HEADS if self.of.head else Ability.LOGPROBS
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=frozenset({Ability.TOKEN_IDS, way}),
            most_tokens=0 if self.of.head else self.engine.max_model_len,
            judges=Judges.STEPS,
            judges_key="family",
            cache=self.cache,
            repeatable=not self.engine.remote,
            goes_on=self.incremental,
            option_base=self.option_base if self.steps == "untagged" else None,
        )

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        tokenizer = yield from self.engine.examine("scorer", self.model, chats=self.of.chats)
        if tokenizer is None:
            return
        try:
            prepared = self.of.prepare(tokenizer, self.model)
            longest = max(questions, key=len, default="")
            most = len(prepared.prompting.prompts(longest, ["?"])[-1])
        except TokenizerError as error:
            hint = f"scorer.model must be like {self.of.source}, or see scorer.family"
            yield fail("verdict tokens", str(error), hint)
            return
        yield ok("verdict tokens", prepared.told)
        if not questions:
            yield ok("scorer prompt", UNMEASURED)
            return
        yield self.engine.fits("scorer prompt", self.model, most, LAST_ROOM)


async def build(config: PrmConfig) -> Prm:
    """Load the tokenizer, start the engine, and read one step to see that the model is fit.

    Raises:
        TokenizerError: the folder is missing, or lacks what the family needs.
        EngineError: the engine does not start, or its model has another head.
    """
    tokenizer, engine, making = await _open(config)
    try:
        prepared = config.of.prepare(tokenizer, config.model)
        port = Prm(config, prepared, making(prepared))
        await port.try_out()
    except (EngineError, TokenizerError):
        await engine.close()
        raise
    return port


async def _open(config: PrmConfig) -> tuple[Tokenizer, Closing, Making]:
    """The engine that the family needs, and how it is asked."""
    if config.of.head is None:
        tokenizer, engine = await config.engine.open_plain(config.model)
        return tokenizer, engine, lambda prepared: WordReader(engine, prepared.read_by)
    tokenizer, scoring = await config.engine.open_scoring(config.model, Head.TOKENS)
    return tokenizer, scoring, lambda prepared: HeadReader(scoring, config.of.classes)
