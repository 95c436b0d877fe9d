"""The keys of the policy `qwen`: any Qwen2, Qwen2.5 or Qwen3 chat checkpoint, on an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engines.config import Ability, EngineConfig
from engines.loop_guard import LoopGuard
from engines.stop_strings import MOST
from engines.texts import OpensTexts
from engines.traits import Traits
from engines.vllm_config import VllmConfig
from policies.chat_prompt import SLOT, FewShot, check_template
from policies.examining import examine
from policies.feedback import TEMPLATE, check_feedback_template
from policies.measuring import check_confidence
from policies.own_stops import check_stops
from policies.segmentation import Segmentation
from policies.thinking import Thinking
from search.checks import (
    UNCOUNTED,
    UNSAID,
    check_above_zero,
    check_cache,
    check_count,
    check_number,
    fault,
)
from search.findings import Finding

if TYPE_CHECKING:
    from policies.qwen import Qwen
    from policies.texts import TextPolicy

WITH_TOKENS = frozenset({Ability.TOKEN_IDS, Ability.SEEDS})
NOTHING: frozenset[Ability] = frozenset()


@dataclass(frozen=True)
class PolicySampling:
    """How solutions are sampled."""

    temperature: float = 0.8
    """Sampling temperature, from 0, which is greedy, to 2."""
    top_p: float = 1.0
    """Above 0, at most 1: only the likeliest tokens that have this probability together are drawn;
    1 is all."""
    max_tokens: int = 2048
    """Tokens of the longest solution, counted along the whole path; a longer one is cut, and not
    finished."""
    max_step_tokens: int | None = None
    """Tokens of the longest step in a step-by-step search; a longer one is cut and its path is dead
    (`LENGTH`). `null` sets no limit."""
    top_k: int = field(default=0, metadata=UNSAID)
    """Only so many of the likeliest tokens are drawn; 0 is all."""
    min_p: float = field(default=0.0, metadata=UNSAID)
    """From 0, which is off, to 1: no token is drawn that is less likely than this share of the
    likeliest one's probability."""
    repetition_penalty: float = field(default=1.0, metadata=UNSAID)
    """Above 1, at most 2: tokens that the prompt or the solution has already are made less likely,
    greedy draws too; below 1 more likely, 1 is off."""
    stop: tuple[str, ...] = field(default=(), metadata=UNSAID)
    """Strings that end a solution as an end of turn does, wherever one is complete, over its steps.
    The token that completes one is kept, and its step is the last, even where it ends a step as
    well."""

    def __post_init__(self) -> None:
        check_number("temperature", self.temperature, high=2.0, hint="0 is greedy")
        check_number("top_p", self.top_p, high=1.0)
        if self.top_p == 0:
            raise fault("top_p", self.top_p, "above 0", "1 turns it off; greedy is temperature 0")
        check_count("max_tokens", self.max_tokens)
        check_count("top_k", self.top_k, least=0, hint="0 is all")
        check_number("min_p", self.min_p, high=1.0)
        check_above_zero("repetition_penalty", self.repetition_penalty)
        check_number("repetition_penalty", self.repetition_penalty, high=2.0, hint="1 is off")
        check_stops("stop", self.stop)
        if self.max_step_tokens is not None:
            check_count("max_step_tokens", self.max_step_tokens, hint="null sets no limit")


@dataclass(frozen=True)
class QwenConfig:
    """A causal model with a chat template, Qwen2.5 say, that writes solutions step by step."""

    model: str
    """The checkpoint that proposes: a folder, or a name on the Hugging Face hub."""
    system_prompt: str | None = None
    """The system turn; `null` leaves it to the chat template, which may have its own."""
    prompt_template: str = SLOT
    """The user turn that asks a `{question}`, those of `few_shots` too."""
    few_shots: list[FewShot] = field(default_factory=list)
    """Worked examples, shown as turns before the question."""
    feedback_template: str = TEMPLATE
    """The user turn that tells a verifier's `{verdicts}` on an earlier attempt, in searches that
    give feedback."""
    engine: EngineConfig = field(default_factory=VllmConfig)
    """How the model is run."""
    sampling: PolicySampling = field(default_factory=PolicySampling)
    """How its tokens are drawn."""
    segmentation: Segmentation = field(default_factory=Segmentation)
    """Where a step ends."""
    loop_guard: LoopGuard = field(default_factory=LoopGuard)
    """Ends a solution that repeats itself."""
    confidence: int = field(default=0, metadata=UNSAID)
    """How many of the likeliest tokens, 2 to 20, are looked at wherever a token is drawn, to record
    how sure the model was (scorer `confidence`); 0 records nothing and costs nothing."""
    thinking: Thinking | None = field(default=None, metadata=UNSAID)
    """For a model that thinks before it answers: what of both is cut into steps; `{}` takes the
    defaults. `null`: all that it writes is the solution."""
    cache: str = field(default="off", metadata=UNCOUNTED)
    """Where greedy draws are kept, so that none is made twice: `off`; `run`, in memory while the
    run is at work; `shared`, in the user's cache folder, for all runs; or a folder by its path
    ([caching.md](caching.md))."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise fault("model", self.model, "a folder or a model name")
        check_cache("cache", self.cache)
        check_confidence(self.confidence)
        check_template(self.prompt_template)
        check_feedback_template(self.feedback_template)
        if in_texts(self.engine):
            check_texts(self.sampling)

    @property
    def traits(self) -> Traits:
        """See `engines.traits`."""
        return Traits(
            model=self.model,
            engine=self.engine,
            asks=self.asks,
            most_tokens=self.sampling.max_tokens,
            text_limit=("sampling.max_tokens", self.sampling.max_tokens),
            temperature=self.sampling.temperature,
            whole=self.segmentation.kind == "whole",
            cache=self.cache,
            repeatable=not self.engine.remote,
            sureness=self.confidence > 0,
        )

    @property
    def asks(self) -> frozenset[Ability]:
        """What its engine must be able to do; one that knows texts alone will do."""
        asks = NOTHING if in_texts(self.engine) and self.thinking is None else WITH_TOKENS
        return asks | {Ability.SURENESS} if self.confidence else asks

    def examine(self, questions: Sequence[str], *, feedback: bool) -> Iterator[Finding]:
        """See `engines.traits.Examined`."""
        return examine(self, questions, feedback=feedback)


def in_texts(engine: EngineConfig) -> bool:
    """Whether an engine knows texts alone."""
    return isinstance(engine, OpensTexts) and Ability.TOKEN_IDS not in engine.abilities


def check_texts(sampling: PolicySampling) -> None:
    """What an API that knows texts alone has no name for, and how many stop strings it takes."""
    defaults = PolicySampling()
    for name in ("top_k", "min_p", "repetition_penalty"):
        if (value := getattr(sampling, name)) != getattr(defaults, name):
            hint = "where the API takes it, say it in engine.extra_body"
            raise fault(f"sampling.{name}", value, "left out with engine.kind openai", hint)
    if len(sampling.stop) > MOST:
        raise fault(
            "sampling.stop", list(sampling.stop), f"{MOST} strings at most with this engine"
        )


async def build(config: QwenConfig) -> Qwen | TextPolicy:
    """Load the tokenizer and start the engine; over one that knows texts alone, work with texts.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        EngineError: the engine does not start.
    """
    if isinstance(config.engine, OpensTexts) and in_texts(config.engine):
        from policies.texts import TextPolicy

        return TextPolicy(config, await config.engine.open_texts(config.model))
    from policies.qwen import Qwen

    tokenizer, engine = await config.engine.open(config.model)
    return Qwen(config, engine, tokenizer)
