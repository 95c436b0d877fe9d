"""The policy `qwen`: any Qwen2, Qwen2.5 or Qwen3 chat checkpoint, on an engine.

The prompt is made once per problem by the tokenizer's own chat template; a path is continued from
its token ids, so nothing is tokenised twice and the engine's prefix cache hits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

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
from engines.tokenizer import Tokenizer, TokenizerError
from policies.chat_prompt import ChatPrompt
from policies.cutting import Cut, OneStep, Thoughtful, Whole
from policies.feedback import shorter
from policies.measuring import measured
from policies.own_stops import OwnStops
from policies.qwen_config import QwenConfig
from policies.segmentation import Segmenter
from policies.thinking import Phase, lead, phase
from policies.unusable import Unusable
from search.core import Feedback, Problem, Spent, Step, StopReason, Sureness
from search.gather import gather
from search.ports import ENDED, Failure, FailureKind, PolicyCall, PolicyReply
from search.questions import Until
from search.seeds import call_seed

log = logging.getLogger(__name__)

LONGEST_TAG = 32
"""Tokens at the end of a prompt in which a thought is opened or closed, blank lines and all."""
LONGEST_TOKEN = 128
"""Characters in the longest token of Qwen's vocabulary (a run of spaces)."""


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


def _too_long(prompt: str, path: int, longest: int) -> Unusable:
    message = f"the prompt has {prompt} tokens and the path {path}, the model takes {longest}"
    return Unusable(FailureKind.INVALID, message)


def _stop(generation: Generation) -> StopReason:
    paused = generation.finish is Finish.STOP
    return StopReason.STEP_END if paused else StopReason(generation.finish.value)
