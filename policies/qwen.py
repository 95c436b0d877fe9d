"""The policy `qwen`: any Qwen2, Qwen2.5 or Qwen3 chat checkpoint, on an engine.

The prompt is made once per problem by the tokenizer's own chat template; a path is continued from
its token ids, so nothing is tokenised twice and the engine's prefix cache hits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from engines.config import Ability, EngineConfig
from engines.engine import (
    Engine,
    EngineError,
    EnginePort,
    Finish,
    Generation,
    Refused,
    Request,
    Sampling,
)
from engines.loop_guard import LoopGuard
from engines.stop_strings import MOST
from engines.texts import OpensTexts
from engines.tokenizer import Tokenizer, TokenizerError
from engines.traits import Traits
from engines.vllm_config import VllmConfig
from policies.chat_prompt import SLOT, ChatPrompt, FewShot, check_template
from policies.cutting import Cut, OneStep, Thoughtful, Whole
from policies.examining import examine
from policies.feedback import TEMPLATE, check_feedback_template, shorter
from policies.measuring import check_confidence, measured
from policies.own_stops import OwnStops, check_stops
from policies.segmentation import Segmentation, Segmenter
from policies.thinking import Phase, Thinking, lead, phase
from policies.unusable import Unusable
from search.checks import (
    UNCOUNTED,
    UNSAID,
    check_above_zero,
    check_cache,
    check_count,
    check_number,
    fault,
)
from search.core import Feedback, Problem, Spent, Step, StopReason, Sureness
from search.findings import Finding
from search.gather import gather
from search.ports import ENDED, Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until
from search.seeds import call_seed

if TYPE_CHECKING:
    from policies.texts import TextPolicy

log = logging.getLogger(__name__)

WITH_TOKENS = frozenset({Ability.TOKEN_IDS, Ability.SEEDS})
NOTHING: frozenset[Ability] = frozenset()
LONGEST_TAG = 32
"""Tokens at the end of a prompt in which a thought is opened or closed, blank lines and all."""
LONGEST_TOKEN = 128
"""Characters in the longest token of Qwen's vocabulary (a run of spaces)."""


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


class Qwen(EnginePort):
    """Draws steps from a chat model."""

    def __init__(self, config: QwenConfig, engine: Engine, tokenizer: Tokenizer) -> None:
        super().__init__(engine)
        self.config = config
        self.tokenizer = tokenizer
        self.prompt = ChatPrompt(
            tokenizer,
            config.system_prompt,
            config.prompt_template,
            config.few_shots,
            config.feedback_template,
        )
        self.segmenter = Segmenter(config.segmentation, tokenizer)
        self.own_stops = OwnStops(config.sampling.stop, self.segmenter)

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """`replies[i]` answers `batch[i]`; a call that fails is a `Failure` in its place.

        Raises:
            EngineError: the engine is dead.
        """
        return await gather(self._reply(call) for call in batch)

    async def _reply(self, call: PolicyCall) -> PolicyReply | Failure:
        try:
            return await self._draw(call)
        except EngineError:
            raise
        except Unusable as error:
            return error.about(call.path)
        except TokenizerError as error:
            return Failure.about(call.path, FailureKind.INVALID, str(error))
        except Exception as error:  # noqa: BLE001 - becomes a record; its siblings are not lost
            return Failure.about(
                call.path, FailureKind.INTERNAL, f"{type(error).__name__}: {error}"
            )

    async def _draw(self, call: PolicyCall) -> PolicyReply:
        prompt, room = self._prompt(call)
        steps, spent = await self._grow(call, prompt, self._cut(call, prompt, room))
        last = steps[-1]
        if last.stop is StopReason.STEP_END and room <= sum(len(step.token_ids) for step in steps):
            # It ended at a boundary with the last token it had: nothing can follow.
            steps = (*steps[:-1], replace(last, stop=StopReason.LENGTH))
        return PolicyReply(call.path.grow(call.child, steps), spent, not self._is_greedy(call))

    def _prompt(self, call: PolicyCall) -> tuple[tuple[int, ...], int]:
        """All token ids to continue from, and how many tokens the path may still grow."""
        path = call.path
        if path.stopped:
            raise Unusable(FailureKind.INVALID, ENDED)
        problem, said = path.problem, path.token_ids
        longest, most = self.engine.max_model_len, self.config.sampling.max_tokens
        asked = len(problem.question) + sum(len(turn.content) for turn in problem.history)
        fewest = asked // LONGEST_TOKEN
        if fewest >= longest:  # a question of megabytes is not even tokenised
            raise _too_long(f"over {fewest}", len(said), longest)
        prompt = self._opening(problem, call.feedback)
        if len(prompt) + len(said) >= longest:
            raise _too_long(str(len(prompt)), len(said), longest)
        if len(said) >= most:
            raise Unusable(FailureKind.INVALID, f"it has {len(said)} tokens, max_tokens is {most}")
        return (*prompt, *said), min(most - len(said), longest - len(prompt) - len(said))

    def _opening(self, problem: Problem, feedback: Feedback | None) -> tuple[int, ...]:
        """The prompt without the path, with as much of the feedback as leaves the path its room."""
        room = self.engine.max_model_len - self.config.sampling.max_tokens
        for shown in shorter(feedback):
            prompt = self.prompt.ids(problem.question, shown, problem.history)
            if len(prompt) <= room:
                break
        if shown is not feedback:
            log.info("feedback is cut: a prompt may have %d tokens beside a solution", room)
        return prompt

    def _cut(self, call: PolicyCall, prompt: tuple[int, ...], room: int) -> Cut:
        """Which steps the tokens are that the call draws."""
        whole, most = call.until is Until.END, self.config.sampling.max_step_tokens
        if self.config.thinking is None:
            if whole:
                return Whole(self.segmenter, room)
            return OneStep(self.segmenter, min(room, most or room))
        said = call.path.token_ids
        tail = prompt[: len(prompt) - len(said)][-LONGEST_TAG:]
        before = lead(self.tokenizer.decode(tail)) + self.segmenter.text(said)
        thought = 0 if phase(before) is Phase.ANSWER else len(said)
        return Thoughtful(
            self.config.thinking, self.segmenter, before, thought, room, most, whole=whole
        )

    async def _grow(
        self, call: PolicyCall, prompt: tuple[int, ...], cut: Cut
    ) -> tuple[tuple[Step, ...], Spent]:
        """All steps to the end, or the next one.

        The engine pauses where a step may have ended. Mostly it has, and one request is enough; a
        pause that is no boundary (a blank line before any text, say) is generated past, under a
        seed of its own. Tokens beyond the boundary are dropped, and counted as generated.
        """
        before = self.segmenter.text(call.path.token_ids) if self.config.sampling.stop else ""
        ids: tuple[int, ...] = ()
        sureness: tuple[Sureness, ...] = ()
        spent = Spent()
        while True:
            stops = (*self._own_stops(before, ids), *cut.stops(ids))
            sampling = self._sampling(call, cut.left(ids), attempt=spent.calls, stop=stops)
            try:
                generation = await self._generate(Request((*prompt, *ids), sampling, call.cache))
            except Unusable as error:
                raise error.after(spent) from None
            ids += generation.token_ids
            sureness += generation.sureness
            spent += generation.spent
            stop = _stop(generation)
            if (end := self.own_stops.end(before, ids)) is not None:
                return measured(cut.split(ids[:end], StopReason.EOS), sureness), spent
            paused = cut.is_pause(stop, ids)
            if paused and (step := cut.first(ids)):
                return measured((step,), sureness), spent
            if not paused or cut.left(ids) <= 0:
                stop = StopReason.LENGTH if paused else stop
                return measured(cut.split(ids, stop), sureness), spent

    def _own_stops(self, before: str, ids: tuple[int, ...]) -> tuple[str, ...]:
        if not self.config.sampling.stop:
            return ()
        return self.own_stops.told(before + self.segmenter.text(ids))

    async def _generate(self, request: Request) -> Generation:
        (generation,) = await self.engine.generate([request])
        if isinstance(generation, Refused):
            kind = FailureKind.UNAVAILABLE if generation.again else FailureKind.INVALID
            raise Unusable(kind, generation.message, generation.spent)
        if generation.finish is Finish.ABORT or not generation.token_ids:
            # No fault of the model's: as a solution that is cut it would count as a wrong one.
            tokens = len(generation.token_ids)
            message = f"the engine gave up after {tokens} tokens, finish {generation.finish}"
            raise Unusable(FailureKind.UNAVAILABLE, message, generation.spent)
        return generation

    def _sampling(
        self, call: PolicyCall, max_tokens: int, *, attempt: int = 0, stop: tuple[str, ...] = ()
    ) -> Sampling:
        config = self.config.sampling
        shared = Sampling(
            max_tokens,
            temperature=0.0,
            stop=stop,
            loop_ngram=self.config.loop_guard.ngram,
            loop_repeats=self.config.loop_guard.repeats,
            likeliest=self.config.confidence,
            repetition_penalty=config.repetition_penalty,
        )
        if self._is_greedy(call):
            return shared
        seed = call_seed(call.seed, attempt) if attempt else call.seed
        return replace(
            shared,
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=config.top_k,
            min_p=config.min_p,
            seed=seed,
        )

    def _is_greedy(self, call: PolicyCall) -> bool:
        return call.greedy or self.config.sampling.temperature == 0


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


def _too_long(prompt: str, path: int, longest: int) -> Unusable:
    message = f"the prompt has {prompt} tokens and the path {path}, the model takes {longest}"
    return Unusable(FailureKind.INVALID, message)


def _stop(generation: Generation) -> StopReason:
    paused = generation.finish is Finish.STOP
    return StopReason.STEP_END if paused else StopReason(generation.finish.value)


async def build(config: QwenConfig) -> Qwen | TextPolicy:
    """Load the tokenizer and start the engine; over one that knows texts alone, work with texts.

    Raises:
        TokenizerError: the folder is missing, or is no chat checkpoint.
        EngineError: the engine does not start.
    """
    if isinstance(config.engine, OpensTexts) and in_texts(config.engine):
        from policies.texts import TextPolicy

        return TextPolicy(config, await config.engine.open_texts(config.model))
    tokenizer, engine = await config.engine.open(config.model)
    return Qwen(config, engine, tokenizer)
